import SluicePolicy
import SluiceVocabulary
import Testing

/// Two rules that were one share its buckets, so that a call can find room at both and still be
/// refused by the second: what it reserved at the first must come back whole. Between loops the same
/// happens by chance alone.
@Suite("What was reserved comes back")
struct UndoTests {
    private let alice = subject("alice")

    private func heirs(_ rule: LimitRule, _ before: (PolicyEvaluator) -> Void) -> PolicyEvaluator {
        let first = snapshot([rule])
        let decider = evaluator(first)
        before(decider)
        let both = ["one", "two"].map { name in
            var heir = rule
            heir.name = name
            heir.was = [rule.name]
            return heir
        }
        decider.adopt(snapshot(both, previous: first))
        return decider
    }

    @Test("a refused call leaves no trace in a bucket", arguments: LimitAlgorithm.allCases)
    func nothing(algorithm: LimitAlgorithm) {
        // Three of four places are taken: the call has room at each, and not at both.
        let decider = heirs(perUser(algorithm, limit: 4)) { #expect($0.passes(3, alice, 5) == 3) }
        for _ in 0..<5 { #expect(decider.refusal(alice, 5)?.rule == "two") }
        #expect(decider.heldLeases == (algorithm == .concurrency ? 3 : 0))
    }

    @Test("a shadow without room gives nothing back", arguments: LimitAlgorithm.allCases)
    func shadow(algorithm: LimitAlgorithm) {
        let rule = perUser(algorithm, limit: 4)
        var shadow = rule
        shadow.name = "shadow"
        shadow.isShadow = true
        shadow.numbers.limit = 2
        shadow.numbers.burst = 2
        let first = snapshot([rule, shadow])
        let decider = evaluator(first)
        #expect(decider.passes(3, alice, 5) == 3)
        var one = rule
        one.name = "one"
        one.was = ["per-user"]
        var two = one
        two.name = "two"
        two.actions = [ActionPattern("echo")]
        let next = snapshot([shadow, one, two], previous: first)
        decider.adopt(next)
        for _ in 0..<5 { #expect(decider.refusal(of: echo, alice, 5)?.rule == "two") }
        #expect(decider.explain(call(), for: alice, now: at(5)).limits[0].remaining == 0)
        #expect(decider.passes(9, alice, 5, action: send) == 1)
    }

    @Test(
        "with room for both it is charged twice, and told what is left",
        arguments: LimitAlgorithm.allCases)
    func twice(algorithm: LimitAlgorithm) throws {
        let decider = heirs(perUser(algorithm, limit: 4)) { #expect($0.passes(1, alice, 5) == 1) }
        #expect(decider.passes(9, alice, 5) == 1)
        #expect(decider.refusal(alice, 5)?.rule == "two")
    }

    @Test("what comes back can be used at once", arguments: LimitAlgorithm.allCases)
    func atOnce(algorithm: LimitAlgorithm) {
        let rule = perUser(algorithm, limit: 4)
        let first = snapshot([rule])
        let decider = evaluator(first)
        #expect(decider.passes(3, alice, 5) == 3)
        var one = rule
        one.name = "one"
        one.was = ["per-user"]
        var two = one
        two.name = "two"
        two.actions = [ActionPattern("echo")]
        decider.adopt(snapshot([one, two], previous: first))
        #expect(decider.refusal(of: echo, alice, 5)?.rule == "two")
        #expect(decider.passes(9, alice, 5, action: send) == 1)
        #expect(decider.refusal(of: echo, alice, 5)?.rule == "one")
    }
}
