import SluiceDocuments
import SluicePolicy
import SluiceVocabulary

/// Checks that need all rules of all files.
extension PolicyReader {
    func checkSet() {
        checkNames()
        checkEarlierNames()
        checkReach()
        checkLooserLimits()
        checkCrowd()
        checkSeries()
        // After an error a descriptor may be unused only because its use could not be read.
        if sink.hasErrors { return }
        for (name, descriptor) in descriptors.sorted(by: { $0.key < $1.key })
        where !descriptor.isUsed {
            sink.warning(
                "descriptor `\(name)` is not used", at: descriptor.position, hint: "remove it")
        }
    }

    /// One name, one rule: limits and permissions share answers, journal fields and dashboards.
    private func checkNames() {
        let all =
            limits.map { ($0.rule.name, $0.position) }
            + permissions.map { ($0.rule.name, $0.position) }
        var seen: [String: SourcePosition] = [:]
        for (name, position) in all {
            if let first = seen[name] {
                sink.error(
                    "the name `\(name)` is already taken at \(first.text)", at: position,
                    hint: "names are unique over limits and permissions of all files")
            } else {
                seen[name] = position
            }
        }
        if all.count > Self.maxRules, let (_, position) = all.last {
            sink.error("more than \(Self.maxRules) rules", at: position, hint: "join some")
        }
    }

    /// A rule's buckets have one heir, and none while the rule itself lives.
    private func checkEarlierNames() {
        let living = Set(limits.map(\.rule.name))
        var heirs: [String: String] = [:]
        for limit in limits {
            for earlier in limit.rule.was {
                if living.contains(earlier) {
                    sink.error(
                        "`was` names `\(earlier)`, which is still a limit", at: limit.position,
                        hint: "remove one of them")
                } else if let other = heirs[earlier] {
                    sink.error(
                        "`was` names `\(earlier)`, which `\(other)` takes over already",
                        at: limit.position, hint: "only one rule can keep its buckets")
                }
                heirs[earlier] = limit.rule.name
            }
        }
    }

    /// Every call walks all limits of its action; a few dozen are already more than anyone means.
    private func checkCrowd() {
        var counts: [Int: Int] = [:]
        for located in limits {
            let actions = actionFinder.indexes(located.rule.actions)
            for action in actions { counts[action, default: 0] += 1 }
            if let full = actions.filter({ counts[$0] == Self.maxLimitsPerAction + 1 }).min() {
                sink.error(
                    "more than \(Self.maxLimitsPerAction) limits match `\(catalog.names[full])`",
                    at: located.position, hint: "join some")
                return
            }
        }
    }
}
