import SluicePolicy
import SluiceVocabulary

/// Counts what the calls of tests reach: decisions by the evaluator's own meters, conditions and
/// overrides by its traces.
final class CoverageCount {
    private var counters: [Decision: Counter] = [:]
    private var conditions: [Leaf: Seen] = [:]
    private var variants: Set<Variant> = []

    private struct Decision: Hashable {
        let rule: String
        let word: String
    }

    /// A comparison within a rule's condition.
    private struct Leaf: Hashable {
        let rule: String
        let text: String
    }

    private struct Variant: Hashable {
        let rule: String
        let value: String
    }

    /// How often a comparison was true and false.
    struct Seen: Equatable {
        var yes = 0
        var no = 0
    }

    /// What the evaluators of the tests count into.
    var meters: PolicyMeters {
        PolicyMeters(
            permission: { self.counter($0, $1) }, limit: { self.counter($0, $1) },
            ban: { self.counter($0, Self.ban) })
    }

    private static let ban = "ban"

    private func counter(_ rule: String, _ word: String) -> Counter {
        let decision = Decision(rule: rule, word: word)
        if let known = counters[decision] { return known }
        let fresh = Counter()
        counters[decision] = fresh
        return fresh
    }

    /// Takes over what a trace says of conditions and overrides.
    func add(_ trace: PolicyTrace) {
        for step in trace.permissions {
            for line in step.condition {
                let leaf = Leaf(rule: step.name, text: line.condition.text)
                if line.holds {
                    conditions[leaf, default: Seen()].yes += 1
                } else {
                    conditions[leaf, default: Seen()].no += 1
                }
            }
        }
        for step in trace.limits {
            if let value = step.variant { variants.insert(Variant(rule: step.name, value: value)) }
        }
    }

    /// How often a rule decided so: `allow`, `refuse`, `delay`, `drop`, `pause`, `shadow_refuse`,
    /// `shadow_allow`.
    func count(_ rule: String, _ word: String) -> Int {
        Int(counters[Decision(rule: rule, word: word)]?.value ?? 0)
    }

    /// Keys that a limit banned.
    func bans(_ rule: String) -> Int { count(rule, Self.ban) }

    /// How a comparison of a rule came out.
    func seen(_ rule: String, _ text: String) -> Seen {
        conditions[Leaf(rule: rule, text: text)] ?? Seen()
    }

    /// Whether a call met the limit with the numbers of this override.
    func sawVariant(_ rule: String, _ value: String) -> Bool {
        variants.contains(Variant(rule: rule, value: value))
    }
}
