import SluicePolicy
import SluiceVocabulary
import Testing

@Suite("Token buckets that let calls wait")
struct DelayTests {
    private let alice = subject("alice")

    private func rule(maxDelay: Int64) -> LimitRule {
        var rule = perUser(limit: 10, burst: 2)
        rule.onLimit = .delay
        rule.maxDelayNanoseconds = maxDelay
        return rule
    }

    @Test("the burst goes at once, what is over it waits for its tokens, and no longer than told")
    func delays() {
        let counts = Counts()
        let decider = evaluator(snapshot([rule(maxDelay: second / 4)]), counts)
        #expect(decider.wait(alice, 0) == 0)
        #expect(decider.wait(alice, 0) == 0)
        #expect(decider.wait(alice, 0) == second / 10)
        #expect(decider.wait(alice, 0) == second / 5)
        // 0.3 s are more than 0.25 s.
        #expect(decider.refusal(alice, 0)?.retryAfterMilliseconds == 50)
        #expect(decider.refusal(alice, second / 20 - 1)?.retryAfterMilliseconds == 1)
        #expect(decider.wait(alice, second / 20) == second / 4)
        #expect(counts.limit("per-user", "allow") == 2)
        #expect(counts.limit("per-user", "delay") == 3)
        #expect(counts.limit("per-user", "refuse") == 2)
    }

    @Test("a call as long as `max_delay` away waits, one a nanosecond further does not")
    func boundary() {
        #expect(waits(maxDelay: second / 10))
        #expect(!waits(maxDelay: second / 10 - 1))
    }

    private func waits(maxDelay: Int64) -> Bool {
        let decider = evaluator(snapshot([rule(maxDelay: maxDelay)]))
        return (0..<3).allSatisfy { _ in decider.wait(alice, 0) != nil }
    }

    @Test("of several waits the longest counts, and all are charged")
    func several() {
        var slow = rule(maxDelay: 10 * second)
        slow.name = "slow"
        slow.numbers = LimitNumbers(limit: 1, periodNanoseconds: second, burst: 1)
        let both = [rule(maxDelay: 10 * second), slow]
        for rules in [both, both.reversed()] {
            let decider = evaluator(snapshot(rules))
            #expect(decider.wait(alice, 0) == 0)
            #expect(decider.wait(alice, 0) == second)
            #expect(decider.wait(alice, 0) == 2 * second)
        }
    }

    @Test("a call larger than the burst never waits: it is too large")
    func tooLarge() {
        var bytes = rule(maxDelay: 60 * second)
        bytes.unit = .bytes
        bytes.numbers = LimitNumbers(limit: 100, periodNanoseconds: second, burst: 100)
        let decider = evaluator(snapshot([bytes]))
        #expect(decider.refusal(alice, 0, bytes: 101)?.kind == .tooLarge)
        #expect(decider.wait(alice, 0, bytes: 100) == 0)
        #expect(decider.wait(alice, 0, bytes: 100) == second)
    }

    @Test("a call that waits has nothing left, and never less than nothing")
    func remaining() {
        let decider = evaluator(snapshot([rule(maxDelay: 60 * second)]))
        let left = (0..<4).map { _ in
            ReferenceAnswer(decider.decide(call(), for: alice, now: at(0))).remaining
        }
        #expect(left == [1, 0, 0, 0])
    }
}
