import SluicePolicy
import SluiceVocabulary
import Testing

@Suite("While loops differ")
struct LoopsDifferTests {
    private let alice = subject("alice")

    private struct Pair {
        let late: PolicyEvaluator
        let early: PolicyEvaluator
        let next: PolicySnapshot
    }

    /// Two loops of which one has adopted `new` already.
    private func pair(_ old: LimitRule, _ new: LimitRule, before: (PolicyEvaluator) -> Void) -> Pair
    {
        let first = snapshot([old])
        let pair = Pair(
            late: evaluator(first), early: evaluator(first),
            next: snapshot([new], previous: first))
        before(pair.late)
        pair.early.adopt(pair.next)
        return pair
    }

    @Test(
        "the newer loop converts, the older one obeys what it finds",
        arguments: [
            LimitAlgorithm.tokenBucket, .slidingWindow, .quota,
        ])
    func obeys(algorithm: LimitAlgorithm) {
        let pair = pair(perUser(algorithm, limit: 10), perUser(algorithm, limit: 100)) {
            #expect($0.passes(5, alice, 0) == 5)
        }
        #expect(pair.early.passes(10, subject("alice"), 0) == 10)
        // 40 of 100 are left. One with the old numbers would see 4 of 10.
        #expect(pair.late.passes(100, alice, 0) == 40)
        pair.late.adopt(pair.next)
        #expect(pair.late.passes(10, alice, 0) == 0)
        #expect(pair.early.passes(10, subject("alice"), 0) == 0)
    }

    @Test("a key that the newer loop saw first counts as it says")
    func firstSeen() {
        for algorithm in [LimitAlgorithm.slidingWindow, .quota, .tokenBucket] {
            let pair = pair(perUser(algorithm, limit: 10), perUser(algorithm, limit: 3)) { _ in }
            #expect(pair.early.passes(1, alice, 0) == 1)
            #expect(pair.late.passes(9, subject("alice"), 0) == 2, "\(algorithm)")
        }
    }

    @Test("another period of a window or of the calendar is obeyed too")
    func periods() {
        let window = pair(
            perUser(.slidingWindow, limit: 10), perUser(.slidingWindow, limit: 10, per: 10 * second)
        ) { #expect($0.passes(4, alice, 5 * second) == 4) }
        #expect(window.early.passes(1, subject("alice"), 5 * second) == 1)
        // Under the old period nothing would count any more.
        #expect(window.late.passes(20, alice, 9 * second) == 5)
        #expect(window.late.passes(20, alice, 15 * second) == 5)
        let hour: Int64 = 3_600 * 1_000_000
        let quota = pair(perUser(.quota, limit: 10, .hour), perUser(.quota, limit: 10, .day)) {
            #expect($0.passes(4, alice, 0, wall: 2 * hour) == 4)
        }
        #expect(quota.early.passes(1, subject("alice"), 0, wall: 2 * hour) == 1)
        #expect(quota.late.passes(20, alice, 0, wall: 5 * hour) == 5)
        #expect(quota.late.refusal(alice, 0, wall: 23 * hour)?.retryAfterMilliseconds == 3_600_000)
        #expect(quota.late.passes(20, alice, 0, wall: 24 * hour) == 10)
    }

    @Test("places under way stay so, and the newer limit holds on both loops")
    func places() throws {
        let pair = pair(perUser(.concurrency, limit: 3), perUser(.concurrency, limit: 5)) { _ in }
        let held = try #require(pair.late.permit(call(), alice, 0)).lease
        #expect(pair.early.passes(1, subject("alice"), 0) == 1)
        #expect(pair.late.passes(9, alice, 0) == 3)
        #expect(pair.early.passes(9, subject("alice"), 0) == 0)
        pair.late.release(held)
        #expect(pair.early.passes(9, subject("alice"), 0) == 1)
    }

    @Test("a queue's waits are those of the newer numbers")
    func queue() {
        let pair = pair(
            perUser(.leakyBucket, limit: 10, burst: 10), perUser(.leakyBucket, limit: 1, burst: 10)
        ) { #expect($0.wait(alice, 0) == 0) }
        #expect(pair.early.wait(subject("alice"), 0) == second)
        #expect(pair.late.wait(alice, 0) == 2 * second)
        #expect(pair.early.wait(subject("alice"), 0) == 3 * second)
    }

    @Test("overrides are found by name in the other loop's numbers")
    func overrides() {
        func rule(_ free: Int64, _ pro: Int64?) -> LimitRule {
            var rule = perUser(limit: 2)
            rule.overrides = LimitOverrides(by: .claim(["plan"]), numbers: [:])
            let numbers = { LimitNumbers(limit: $0, periodNanoseconds: second, burst: $0) }
            rule.overrides?.numbers["free"] = numbers(free)
            if let pro { rule.overrides?.numbers["pro"] = numbers(pro) }
            return rule
        }
        func caller(_ plan: String) -> PolicySubject {
            PolicySubject(
                address: [10, 0, 0, 1], principal: alike(plan, claims: ["plan": .string(plan)]))
        }
        // `pro` comes first by the alphabet neither here nor there: places in the list differ.
        let pair = pair(rule(10, 20), rule(100, nil)) {
            #expect($0.passes(5, caller("free"), 0) == 5)
            #expect($0.passes(1, caller("pro"), 0) == 1)
        }
        #expect(pair.early.passes(1, caller("free"), 0) == 1)
        #expect(pair.late.passes(200, caller("free"), 0) == 49)
        // Whoever has no override now is reckoned as without one before: half of two.
        #expect(pair.early.passes(9, caller("pro"), 0) == 1)
        #expect(pair.late.passes(9, caller("pro"), 0) == 0)
    }
}
