package import SluiceVocabulary
import Synchronization

/// One policy set, compiled against one catalog of actions. Immutable; every loop holds it.
///
/// What limits remember (their buckets) is shared with the snapshots before and after it.
package final class PolicySnapshot: Sendable {
    /// What the policy calls itself.
    package let name: String
    package let version: String
    /// SHA-256 of the normalised policy, 64 hexadecimal digits. Formatting and comments do not
    /// change it, nor does the catalog.
    package let revision: String
    package let catalog: ActionCatalog
    /// What it was compiled from.
    package let model: PolicyModel
    /// Names of the claims the policy looks at, sorted; `sub` and `roles` among them when they are.
    package let claimsUsed: [String]

    /// Tells snapshots apart, also those of equal revision.
    let serial: UInt64
    let limits: [IndexedLimit]
    let permissions: [IndexedPermission]
    let traits: TraitIndex
    let clock: PolicyClock
    let scope: PolicyScope
    /// By action: indexes into `limits` of those that match, ascending.
    let limitsByAction: [[Int32]]
    /// By action: indexes into `permissions` of those that match, ascending.
    let permissionsByAction: [[Int32]]
    private let needsByAction: [NeededFacts]

    private static let serials = Atomic<UInt64>(0)

    /// - Parameters:
    ///   - model: checked: names unique, numbers within their bounds.
    ///   - revision: of the normalised form of `model`.
    ///   - previous: the snapshot in force, whose buckets rules of the same name and key take over.
    ///     It goes on working, whether or not this one is ever published.
    package init(
        model: PolicyModel, revision: String, catalog: ActionCatalog, previous: PolicySnapshot?
    ) {
        self.model = model
        self.revision = revision
        self.catalog = catalog
        name = model.name
        version = model.version
        let sources = model.sources
        claimsUsed = model.claims(among: sources)
        let headers = sources.compactMap { if case .header(let name) = $0 { name } else { nil } }
        scope = PolicyScope(catalog: catalog, headerNames: Set(headers).sorted())
        serial = Self.serials.wrappingAdd(1, ordering: .relaxed).newValue
        let clock = previous?.clock ?? PolicyClock()
        self.clock = clock
        traits = TraitIndex(model.permissions)
        permissions = model.permissions.map { rule in
            IndexedPermission(
                name: rule.name, effect: rule.effect, principal: rule.principal,
                condition: rule.when, isShadow: rule.isShadow)
        }
        let heirs = previous.map { LimitHeirs(previous: $0, model: model) }
        limits = model.limits.map { IndexedLimit($0, heirs: heirs, clock: clock) }
        var index = ActionIndex(catalog)
        limitsByAction = index.place(model.limits.map(\.actions))
        permissionsByAction = index.place(model.permissions.map(\.actions))
        needsByAction = zip(limitsByAction, permissionsByAction).map { limits, permissions in
            var needs: NeededFacts = []
            for limit in limits {
                for part in model.limits[Int(limit)].key { needs.formUnion(part.needs) }
            }
            for rule in permissions {
                needs.formUnion(model.permissions[Int(rule)].when?.needs ?? [])
            }
            return needs
        }
    }

    /// Header fields that any rule looks at, in lower case, sorted: the order of
    /// `PolicyCall.headers`.
    package var headerNames: [String] { scope.headerNames }

    /// Names of all rules, limits first, in the order of the model.
    package var ruleNames: [String] { limits.map(\.rule.name) + permissions.map(\.name) }

    /// Names of the limits.
    package var limitNames: [String] { limits.map(\.rule.name) }

    /// Keys of a limit that have a bucket of their own; 0 for a name that is no limit.
    package func liveKeys(_ rule: String) -> Int { limit(named: rule)?.state.table.liveKeys ?? 0 }

    /// How often a key of a limit had to share a bucket since the limit exists.
    package func overflows(_ rule: String) -> UInt64 {
        limit(named: rule)?.state.table.overflowCount ?? 0
    }

    /// No turn of a loop lasts longer, in nanoseconds: it would have missed every heartbeat.
    private static let slowestTurn: Int64 = 10_000_000_000

    /// Forgets what nobody needs any more. Call it off the loops, every ten seconds or so.
    ///
    /// A loop in the midst of a turn decides by the time at which that began. A bucket that has become
    /// as good as new since then is not so for this loop, which would be given a new one for it: it
    /// stays for as long as a turn may last.
    package func forgetUnusedBuckets(now: MonotonicTime, wall: WallTime) {
        forgetFullBuckets(
            now: MonotonicTime(nanoseconds: now.nanoseconds - Self.slowestTurn),
            wall: WallTime(microseconds: wall.microseconds - Self.slowestTurn / 1_000))
    }

    /// Forgets buckets that are as good as new, of all limits, and returns how many.
    ///
    /// - Parameters:
    ///   - now: no loop decides by an earlier time.
    ///   - wall: the same on the calendar's clock.
    @discardableResult
    package func forgetFullBuckets(now: MonotonicTime, wall: WallTime) -> Int {
        limits.reduce(0) { forgotten, limit in
            let request = BucketRequest(
                state: limit.state, numbers: limit.numbers, kind: limit.kind,
                maxKeys: limit.rule.maxKeys, ban: limit.rule.ban, now: now.nanoseconds,
                wall: wall.microseconds)
            return forgotten + limit.state.table.forget(request)
        }
    }

    /// What the rules of an action look at.
    func needs(_ action: Int) -> NeededFacts { needsByAction[action] }

    private func limit(named name: String) -> IndexedLimit? {
        limits.first { $0.rule.name == name }
    }

    /// What everybody with these traits meets with an action.
    func permissions(of action: Int, for traits: PrincipalTraits) -> ActionPermissions {
        let having = Set(traits.traits)
        var found = ActionPermissions(
            entry: PermissionEntry(permitsByDefault: model.permitsByDefault))
        for index in permissionsByAction[action] {
            let rule = permissions[Int(index)]
            guard
                self.traits.speaks(
                    rule.principal, of: having, isAuthenticated: traits.isAuthenticated)
            else { continue }
            if rule.condition == nil {
                found.entry.add(index, rule)
            } else {
                found.conditional.append(index)
            }
        }
        return found
    }
}

/// Finds the actions that patterns name; looks each pattern up once.
private struct ActionIndex {
    private let catalog: ActionCatalog
    private var known: [ActionPattern: [Int]] = [:]

    init(_ catalog: ActionCatalog) { self.catalog = catalog }

    /// By action: which of the lists of patterns name it, ascending.
    mutating func place(_ lists: [[ActionPattern]]) -> [[Int32]] {
        var byAction: [[Int32]] = Array(repeating: [], count: catalog.count)
        for (number, patterns) in lists.enumerated() {
            for pattern in patterns {
                for action in indexes(pattern) where byAction[action].last != Int32(number) {
                    byAction[action].append(Int32(number))
                }
            }
        }
        return byAction
    }

    private mutating func indexes(_ pattern: ActionPattern) -> [Int] {
        if let found = known[pattern] { return found }
        let found = pattern.indexes(in: catalog)
        known[pattern] = found
        return found
    }
}

extension PolicyModel {
    /// Everything that keys, overrides and conditions look at.
    fileprivate var sources: Set<KeySource> {
        var sources: Set<KeySource> = []
        for limit in limits {
            sources.formUnion(limit.key)
            if let overrides = limit.overrides { sources.insert(overrides.by) }
        }
        for rule in permissions { sources.formUnion(rule.when?.sources ?? []) }
        return sources
    }

    /// Names of claims at the top of a token that the policy looks at, sorted.
    fileprivate func claims(among sources: Set<KeySource>) -> [String] {
        var names: Set<String> = []
        for case .claim(let path) in sources { names.formUnion(path.prefix(1)) }
        for rule in permissions {
            if !rule.principal.roles.isEmpty { names.insert("roles") }
            for claim in rule.principal.claims.keys {
                names.formUnion(claim.split(separator: ".").prefix(1).map(String.init))
            }
        }
        return names.sorted()
    }
}
