import SluicePolicy
import SluiceVocabulary
import Testing

@Suite("Forgetting keys")
struct ForgettingTests {
    private let day: Int64 = 86_400 * 1_000_000

    @Test("the counts of a sliding window are kept until they weigh nothing")
    func window() {
        let policy = snapshot([perUser(.slidingWindow, limit: 10)])
        let decider = evaluator(policy)
        #expect(decider.passes(10, subject("alice"), 0) == 10)
        for now in [0, second - 1, second, 2 * second - 1] {
            #expect(policy.forgetFullBuckets(now: at(now), wall: midnight) == 0, "at \(now)")
        }
        #expect(decider.passes(20, subject("alice"), 2 * second - 1) == 9)
        #expect(policy.forgetFullBuckets(now: at(3 * second - 1), wall: midnight) == 0)
        #expect(policy.forgetFullBuckets(now: at(3 * second), wall: midnight) == 1)
        #expect(policy.liveKeys("per-user") == 0)
        #expect(decider.passes(20, subject("alice"), 3 * second) == 10)
    }

    @Test("the count of a quota is kept until its period is over by the wall clock")
    func quota() {
        let policy = snapshot([perUser(.quota, limit: 10)])
        let decider = evaluator(policy)
        #expect(decider.passes(4, subject("alice"), 0, wall: 0) == 4)
        let end = WallTime(microseconds: day)
        let last = WallTime(microseconds: day - 1)
        #expect(policy.forgetFullBuckets(now: at(400 * 86_400 * second), wall: last) == 0)
        #expect(decider.passes(20, subject("alice"), 0, wall: day - 1) == 6)
        #expect(policy.forgetFullBuckets(now: at(0), wall: end) == 1)
        #expect(policy.liveKeys("per-user") == 0)
        #expect(decider.passes(20, subject("alice"), 0, wall: day) == 10)
    }

    @Test(
        "a queue is kept until it has run dry, to the nanosecond",
        arguments: [LimitAlgorithm.tokenBucket, .leakyBucket])
    func queue(algorithm: LimitAlgorithm) {
        let policy = snapshot([perUser(algorithm, limit: 2, burst: 4)])
        let decider = evaluator(policy)
        #expect(decider.passes(9, subject("alice"), 0) == 4)
        #expect(policy.forgetFullBuckets(now: at(2 * second - 1), wall: midnight) == 0)
        #expect(decider.passes(9, subject("alice"), 2 * second - 1) == 3)
        #expect(policy.forgetFullBuckets(now: at(7 * second / 2 - 1), wall: midnight) == 0)
        #expect(policy.forgetFullBuckets(now: at(7 * second / 2), wall: midnight) == 1)
        #expect(policy.liveKeys("per-user") == 0)
    }

    @Test("what became as good as new in the midst of a loop's turn stays for that loop")
    func lateLoops() {
        let policy = snapshot([perUser(.quota, limit: 10)])
        let decider = evaluator(policy)
        #expect(decider.passes(20, subject("alice"), 0, wall: day - 1) == 10)
        let turn: Int64 = 10 * second
        for late in [0, turn / 2, turn - 1_000] {
            policy.forgetUnusedBuckets(
                now: at(late), wall: WallTime(microseconds: day + late / 1_000))
            // Its turn began before the period's end.
            #expect(decider.passes(1, subject("alice"), 0, wall: day - 1) == 0, "at \(late)")
        }
        policy.forgetUnusedBuckets(
            now: at(turn), wall: WallTime(microseconds: day + turn / 1_000))
        #expect(policy.liveKeys("per-user") == 0)
    }

    @Test("a key that was only ever refused or looked at leaves nothing behind")
    func nothing() {
        var rule = perUser(.slidingWindow, limit: 5)
        rule.unit = .bytes
        let policy = snapshot([rule])
        let decider = evaluator(policy)
        for index in 0..<50 { _ = decider.refusal(subject("user-\(index)"), 0, bytes: 6) }
        policy.forgetFullBuckets(now: at(0), wall: midnight)
        #expect(policy.liveKeys("per-user") == 0)
    }

    @Test("a window in which nothing counted is not needed, but the one before it is")
    func emptyWindow() {
        var rule = perUser(.slidingWindow, limit: 1_000)
        rule.unit = .bytes
        let policy = snapshot([rule])
        #expect(policy.forgetFullBuckets(now: at(0), wall: midnight) == 0)
        let decider = evaluator(policy)
        #expect(decider.refusal(subject("alice"), 0, bytes: 1_000) == nil)
        #expect(decider.refusal(subject("alice"), 3 * second / 2, bytes: 0) == nil)
        #expect(policy.forgetFullBuckets(now: at(3 * second / 2), wall: midnight) == 0)
        #expect(decider.refusal(subject("alice"), 3 * second / 2, bytes: 501) != nil)
        #expect(policy.forgetFullBuckets(now: at(2 * second - 1), wall: midnight) == 0)
        #expect(policy.forgetFullBuckets(now: at(2 * second), wall: midnight) == 1)
    }

    @Test("every limit's keys are forgotten by its own measure, also under overrides")
    func measures() {
        var slow = perUser("slow", limit: 1, per: 100 * second)
        slow.overrides = LimitOverrides(
            by: .claim(["plan"]),
            numbers: ["pro": LimitNumbers(limit: 1, periodNanoseconds: second, burst: 1)])
        let policy = snapshot([perUser("fast", limit: 1), slow])
        let decider = evaluator(policy)
        let pro = PolicySubject(
            address: [10, 0, 0, 1], principal: alike("pro", claims: ["plan": .string("pro")]))
        #expect(decider.refusal(subject("alice"), 0) == nil)
        #expect(decider.refusal(pro, 0) == nil)
        #expect(policy.forgetFullBuckets(now: at(second), wall: midnight) == 3)
        #expect(policy.liveKeys("fast") == 0)
        #expect(policy.liveKeys("slow") == 1)
        #expect(policy.forgetFullBuckets(now: at(100 * second), wall: midnight) == 1)
    }
}
