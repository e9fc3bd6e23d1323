import SluiceVocabulary

/// What permissions say to one action, for everybody who is alike; with the counters of one loop.
final class PermissionVerdict {
    let isPermitted: Bool
    /// Name of the deciding rule; `default` for the default verdict.
    let rule: String
    /// The shadow rule that would have decided otherwise.
    let shadowRule: String?
    private let decided: Counter
    private let shadowed: Counter?

    init(_ entry: PermissionTable.Entry, rules: [IndexedPermission], meters: PolicyMeters) {
        isPermitted = entry.isPermitted
        rule = entry.rule < 0 ? "default" : rules[Int(entry.rule)].name
        decided = meters.permission(rule, entry.isPermitted ? "allow" : "refuse")
        shadowRule = entry.shadowRule < 0 ? nil : rules[Int(entry.shadowRule)].name
        shadowed = shadowRule.map {
            meters.permission($0, entry.isPermitted ? "shadow_refuse" : "shadow_allow")
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

/// What a principal may do: one verdict per action, made once and shared by all who are alike.
struct PermissionTable: Sendable {
    /// One action's verdict, as indexes.
    struct Entry: Sendable, Hashable {
        /// Index of the permission rule that decides; -1 is the default verdict.
        var rule: Int32
        /// Index of the shadow rule that would have decided otherwise; -1 if none would.
        var shadowRule: Int32
        var isPermitted: Bool
    }

    /// By action.
    let entries: [Entry]

    /// - Parameters:
    ///   - rules: indexed rules of the snapshot.
    ///   - speaks: whether the rule of an index speaks of the principal.
    init(
        rules: [IndexedPermission], actionCount: Int, permitsByDefault: Bool, speaks: (Int) -> Bool
    ) {
        let undecided = Entry(rule: -1, shadowRule: -1, isPermitted: permitsByDefault)
        var enforced = Array(repeating: undecided, count: actionCount)
        var withShadow = enforced
        for (index, rule) in rules.enumerated() where speaks(index) {
            for action in rule.actions {
                Self.apply(index, rule.effect, to: &withShadow[action])
                if !rule.isShadow { Self.apply(index, rule.effect, to: &enforced[action]) }
            }
        }
        for action in 0..<actionCount
        where withShadow[action].isPermitted != enforced[action].isPermitted {
            enforced[action].shadowRule = withShadow[action].rule
        }
        entries = enforced
    }

    /// A deny stands; a permit stands unless a deny comes. Of equals the first stays.
    private static func apply(_ index: Int, _ effect: PermissionEffect, to entry: inout Entry) {
        let isDenied = entry.rule >= 0 && !entry.isPermitted
        let isNew = entry.rule < 0 || (entry.isPermitted && effect == .deny)
        if isDenied || !isNew { return }
        entry.rule = Int32(index)
        entry.isPermitted = effect == .permit
    }
}

/// A permission rule with its actions resolved against a catalog.
struct IndexedPermission: Sendable {
    let name: String
    let effect: PermissionEffect
    let principal: PrincipalMatch
    let isShadow: Bool
    let actions: [Int]
}
