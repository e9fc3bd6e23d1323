import SluiceDocuments
import SluicePolicy
import SluiceVocabulary

/// Rules that can never decide anything.
extension PolicyReader {
    /// A permit that denies for everyone cover can never be what decides.
    func checkReach() {
        checkPushes()
        var denied = [String?](repeating: nil, count: catalog.count)
        var isAny = false
        for located in permissions {
            let rule = located.rule
            let isForAll =
                rule.principal.roles.isEmpty && rule.principal.claims.isEmpty
                && rule.principal.includesAnonymous
            guard rule.effect == .deny, !rule.isShadow, isForAll, rule.when == nil else { continue }
            for pattern in rule.actions {
                for action in actionFinder.indexes(pattern) where denied[action] == nil {
                    denied[action] = rule.name
                    isAny = true
                }
            }
        }
        if !isAny { return }
        var covered: [ActionPattern: Bool] = [:]
        for located in permissions where located.rule.effect == .permit {
            let patterns = located.rule.actions
            for pattern in patterns where covered[pattern] == nil {
                covered[pattern] = actionFinder.indexes(pattern).allSatisfy { denied[$0] != nil }
            }
            guard patterns.allSatisfy({ covered[$0] == true }),
                let first = patterns.lazy.compactMap({ self.actionFinder.indexes($0).first }).first,
                let by = denied[first]
            else { continue }
            sink.warning(
                "`\(located.rule.name)` never permits: `\(by)` denies the same for everyone",
                at: located.position, hint: "remove one of them")
        }
    }

    /// Pushes come from services and are limited, but nobody asks whether they are permitted.
    private func checkPushes() {
        let push = ActionPattern(catalog.name(of: .pushSend))
        for located in permissions where located.rule.actions.contains(push) {
            sink.warning(
                "`\(push.text)` passes limits, not permissions", at: located.position,
                hint: "remove it from the rule's actions")
        }
    }

    /// Tells of a permission whose condition is never true, or always.
    func checkSense(of rule: PermissionRule, _ mapping: DocumentMapping) {
        guard let verdict = rule.when?.constantVerdict else { return }
        sink.warning(
            verdict
                ? "the condition of `\(rule.name)` is always true"
                : "`\(rule.name)` never speaks: its condition can never be true",
            at: mapping.keyPosition("when"),
            hint: verdict ? "leave `when` out" : "mend the condition or remove the rule")
    }
}
