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
    /// By action: indexes into `limits` of those that match, ascending.
    let limitsByAction: [[Int32]]
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
        claimsUsed = Self.claims(of: model)
        serial = Self.serials.wrappingAdd(1, ordering: .relaxed).newValue
        let clock = previous?.clock ?? PolicyClock()
        self.clock = clock
        traits = TraitIndex(model.permissions)
        permissions = model.permissions.map { rule in
            IndexedPermission(
                name: rule.name, effect: rule.effect, principal: rule.principal,
                isShadow: rule.isShadow, actions: Self.indexes(of: rule.actions, in: catalog))
        }
        let heirs = previous.map { LimitHeirs(previous: $0, model: model) }
        limits = model.limits.map { IndexedLimit($0, heirs: heirs, clock: clock) }
        var byAction: [[Int32]] = Array(repeating: [], count: catalog.count)
        var needs: [NeededFacts] = Array(repeating: [], count: catalog.count)
        for (index, limit) in limits.enumerated() {
            for action in Self.indexes(of: limit.rule.actions, in: catalog) {
                byAction[action].append(Int32(index))
                for part in limit.rule.key { needs[action].formUnion(part.needs) }
            }
        }
        limitsByAction = byAction
        needsByAction = needs
    }

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

    /// Forgets buckets that are full, of all limits, and returns how many. Call it off the loops,
    /// every minute or so.
    @discardableResult
    package func forgetFullBuckets(now: MonotonicTime) -> Int {
        limits.reduce(0) { $0 + $1.state.table.forgetFull(now: now.nanoseconds) }
    }

    /// What the limits of an action look at.
    func needs(_ action: Int) -> NeededFacts { needsByAction[action] }

    private func limit(named name: String) -> IndexedLimit? {
        limits.first { $0.rule.name == name }
    }

    /// The table of everybody with these traits.
    func permissionTable(for traits: PrincipalTraits) -> PermissionTable {
        let having = Set(traits.traits)
        return PermissionTable(
            rules: permissions, actionCount: catalog.count, permitsByDefault: model.permitsByDefault
        ) { index in
            self.traits.speaks(
                permissions[index].principal, of: having, isAuthenticated: traits.isAuthenticated)
        }
    }

    private static func indexes(of patterns: [ActionPattern], in catalog: ActionCatalog) -> [Int] {
        if patterns.count == 1, let only = patterns.first { return only.indexes(in: catalog) }
        return Set(patterns.flatMap { $0.indexes(in: catalog) }).sorted()
    }

    private static func claims(of model: PolicyModel) -> [String] {
        var names: Set<String> = []
        for limit in model.limits {
            for case .claim(let path) in limit.key { names.formUnion(path.prefix(1)) }
            if let overrides = limit.overrides { names.formUnion(overrides.claim.prefix(1)) }
        }
        for rule in model.permissions {
            if !rule.principal.roles.isEmpty { names.insert("roles") }
            for claim in rule.principal.claims.keys {
                names.formUnion(claim.split(separator: ".").prefix(1).map(String.init))
            }
        }
        return names.sorted()
    }
}
