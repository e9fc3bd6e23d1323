import SluiceVocabulary

/// Who decides: the rule that stands so far, when rules are added in any order.
struct Standing: Hashable, Sendable {
    /// Index of the permission rule; -1 is the default verdict.
    var rule: Int32 = -1
    var isPermitted: Bool

    /// A deny stands; a permit stands unless a deny comes. Of equals the first of the set stays.
    mutating func add(_ index: Int32, _ effect: PermissionEffect) {
        let isOverridden = rule < 0 || (isPermitted && effect == .deny)
        let isEqual = rule >= 0 && isPermitted == (effect == .permit)
        if isOverridden || (isEqual && index < rule) {
            rule = index
            isPermitted = effect == .permit
        }
    }

    /// Name of the deciding rule; `default` for the default verdict.
    func name(in rules: [IndexedPermission]) -> String {
        rule < 0 ? "default" : rules[Int(rule)].name
    }
}

/// One verdict, as indexes: what holds, and what would hold if shadow rules did.
struct PermissionEntry: Hashable, Sendable {
    private(set) var enforced: Standing
    private var withShadow: Standing

    init(permitsByDefault: Bool) {
        enforced = Standing(isPermitted: permitsByDefault)
        withShadow = enforced
    }

    mutating func add(_ index: Int32, _ rule: IndexedPermission) {
        withShadow.add(index, rule.effect)
        if !rule.isShadow { enforced.add(index, rule.effect) }
    }

    /// The shadow rule that would have decided otherwise.
    var shadowRule: Int32? {
        withShadow.isPermitted == enforced.isPermitted ? nil : withShadow.rule
    }
}

/// What everybody with the same traits meets with one action.
struct ActionPermissions: Sendable {
    /// Of the rules without a condition.
    var entry: PermissionEntry
    /// Indexes of the rules with one that speak of such people, ascending.
    var conditional: [Int32] = []
}

/// A permission rule with its actions resolved against a catalog.
struct IndexedPermission: Sendable {
    let name: String
    let effect: PermissionEffect
    let principal: PrincipalMatch
    let condition: Condition?
    let isShadow: Bool
}

/// What permissions say to one action; with the counters of one loop.
final class PermissionVerdict {
    let isPermitted: Bool
    /// Name of the deciding rule; `default` for the default verdict.
    let rule: String
    /// The shadow rule that would have decided otherwise.
    let shadowRule: String?
    private let decided: Counter
    private let shadowed: Counter?

    init(_ entry: PermissionEntry, rules: [IndexedPermission], meters: PolicyMeters) {
        let standing = entry.enforced
        isPermitted = standing.isPermitted
        rule = standing.name(in: rules)
        decided = meters.permission(rule, standing.isPermitted ? "allow" : "refuse")
        shadowRule = entry.shadowRule.map { rules[Int($0)].name }
        shadowed = shadowRule.map {
            meters.permission($0, standing.isPermitted ? "shadow_refuse" : "shadow_allow")
        }
    }

    @inline(__always)
    func count() {
        decided.add(1)
        if let shadowed { shadowed.add(1) }
    }
}

@available(*, unavailable)
extension PermissionVerdict: Sendable {}

/// Conditions that only the call itself can answer, on top of what is known of the connection.
final class ConditionalPermissions {
    private let base: PermissionEntry
    private let rules: [(index: Int32, node: ConditionNode)]
    private let permissions: [IndexedPermission]
    /// What the last call came to: the next mostly comes to the same.
    private var last: (entry: PermissionEntry, verdict: PermissionVerdict)?

    init(
        _ base: PermissionEntry, _ rules: [(index: Int32, node: ConditionNode)],
        permissions: [IndexedPermission]
    ) {
        self.base = base
        self.rules = rules
        self.permissions = permissions
    }

    func entry(for facts: CallFacts) -> PermissionEntry {
        var entry = base
        for (index, node) in rules where node.holds(facts) {
            entry.add(index, permissions[Int(index)])
        }
        return entry
    }

    /// The verdict on a call, by way of `find` where it is another than the last.
    func verdict(for facts: CallFacts, _ find: (PermissionEntry) -> PermissionVerdict)
        -> PermissionVerdict
    {
        let entry = entry(for: facts)
        if let last, last.entry == entry { return last.verdict }
        let verdict = find(entry)
        last = (entry, verdict)
        return verdict
    }
}

@available(*, unavailable)
extension ConditionalPermissions: Sendable {}
