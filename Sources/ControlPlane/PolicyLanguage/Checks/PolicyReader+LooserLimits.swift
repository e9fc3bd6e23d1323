import SluiceDocuments
import SluicePolicy
import SluiceVocabulary

extension PolicyReader {
    /// What two limits must have in common for one to make the other needless.
    private struct Scope: Hashable {
        var actions: [ActionPattern]
        var transports: Set<Transport>
        var key: [KeySource]
        var unit: LimitUnit
        var cost: Int64
    }

    /// Groups beyond this are told by another check, or match no action at all.
    private static let largestGroup = maxLimitsPerAction

    /// A token bucket beside a tighter one that counts the same calls is full whenever the other is.
    func checkLooserLimits() {
        var groups: [Scope: [Located<LimitRule>]] = [:]
        for limit in limits where Self.isPlain(limit.rule) {
            let rule = limit.rule
            let scope = Scope(
                actions: rule.actions, transports: rule.transports, key: rule.key, unit: rule.unit,
                cost: rule.numbers.cost)
            groups[scope, default: []].append(limit)
        }
        for group in groups.values where (2...Self.largestGroup).contains(group.count) {
            for (index, limit) in group.enumerated() {
                let tighter = group.enumerated().first { other, candidate in
                    other != index && candidate.rule.numbers.isTighter(than: limit.rule.numbers)
                        && (candidate.rule.numbers != limit.rule.numbers || other < index)
                }
                guard let tighter else { continue }
                sink.warning(
                    "`\(limit.rule.name)` never refuses: `\(tighter.element.rule.name)` counts the same and is tighter",
                    at: limit.position, hint: "remove one of them")
            }
        }
    }

    /// Whether its numbers alone say when it refuses.
    private static func isPlain(_ rule: LimitRule) -> Bool {
        rule.algorithm == .tokenBucket && rule.onLimit != .delay && !rule.isShadow
            && rule.overrides == nil && !rule.actions.isEmpty
    }
}

extension LimitNumbers {
    /// Whether a bucket of these numbers never has more room than one of `other`, call by call.
    fileprivate func isTighter(than other: Self) -> Bool {
        burst <= other.burst
            && UInt128(limit) * UInt128(other.periodNanoseconds)
                <= UInt128(other.limit) * UInt128(periodNanoseconds)
    }
}
