import SluicePolicy
import SluiceVocabulary
import Testing

@Suite("More keys than `max_keys`")
struct OverflowTests {
    private func rule(_ algorithm: LimitAlgorithm, maxKeys: Int) -> LimitRule {
        var rule = perUser(algorithm, limit: 1, burst: 1)
        rule.maxKeys = maxKeys
        return rule
    }

    @Test(
        "keys share buckets then, and nobody is let through unlimited",
        arguments: LimitAlgorithm.allCases)
    func shares(algorithm: LimitAlgorithm) {
        let policy = snapshot([rule(algorithm, maxKeys: 100)])
        let decider = evaluator(policy)
        let passed = (0..<20_000).count { decider.refusal(subject("user-\($0)"), 0) == nil }
        #expect(policy.liveKeys("per-user") == 100)
        #expect(passed <= 100 + 4_096)
        #expect(passed > 100 + 3_500)
        #expect(policy.overflows("per-user") >= 19_900 - 100)
    }

    @Test("a key in the overflow is limited like any other", arguments: LimitAlgorithm.allCases)
    func limited(algorithm: LimitAlgorithm) {
        let decider = evaluator(snapshot([rule(algorithm, maxKeys: 1)]))
        #expect(decider.refusal(subject("alice"), 0) == nil)
        let bob = subject("bob")
        #expect(decider.passes(5, bob, 0) == 1)
        #expect(decider.passes(5, subject("bob"), 0) == 0)
    }

    @Test(
        "a key that could have a bucket of its own again takes what it used with it",
        arguments: [LimitAlgorithm.tokenBucket, .leakyBucket, .slidingWindow])
    func leaves(algorithm: LimitAlgorithm) {
        let policy = snapshot([rule(algorithm, maxKeys: 1)])
        let decider = evaluator(policy)
        #expect(decider.refusal(subject("alice"), 0) == nil)
        // Alice is as good as new at 2 s; bob, in the overflow, came just before.
        #expect(decider.refusal(subject("bob"), 2 * second - 1) == nil)
        #expect(policy.forgetFullBuckets(now: at(2 * second), wall: midnight) == 1)
        #expect(decider.refusal(subject("bob"), 2 * second) != nil)
        #expect(decider.refusal(subject("bob"), 4 * second) == nil)
        #expect(decider.passes(5, subject("bob"), 4 * second) == 0)
    }

    @Test("a quota used up in the overflow stays used up until the period ends")
    func quota() {
        let policy = snapshot([rule(.quota, maxKeys: 1)])
        let decider = evaluator(policy)
        let day: Int64 = 86_400 * 1_000_000
        #expect(decider.refusal(subject("alice"), 0, wall: 0) == nil)
        #expect(decider.refusal(subject("bob"), 0, wall: day) == nil)
        #expect(policy.forgetFullBuckets(now: at(0), wall: WallTime(microseconds: day)) == 1)
        #expect(decider.passes(5, subject("bob"), 0, wall: 2 * day - 1) == 0)
        #expect(decider.passes(5, subject("bob"), 0, wall: 2 * day) == 1)
    }

    @Test("places held in the overflow are held until they are given back")
    func places() throws {
        let policy = snapshot([rule(.concurrency, maxKeys: 1)])
        let decider = evaluator(policy)
        let alice = try #require(decider.permit(call(), subject("alice"), 0))
        let bob = try #require(decider.permit(call(), subject("bob"), 0))
        decider.release(alice.lease)
        policy.forgetFullBuckets(now: at(second), wall: midnight)
        #expect(decider.passes(5, subject("bob"), second) == 0)
        decider.release(bob.lease)
        #expect(decider.passes(5, subject("bob"), second) == 1)
        #expect(decider.heldLeases == 1)
    }

    @Test("a ban in the overflow holds")
    func ban() {
        var rule = rule(.tokenBucket, maxKeys: 1)
        rule.ban = LimitBan(after: 2, withinMilliseconds: 1_000, forMilliseconds: 10_000)
        let policy = snapshot([rule])
        let decider = evaluator(policy)
        #expect(decider.refusal(subject("alice"), 0) == nil)
        #expect(decider.passes(3, subject("bob"), 0) == 1)
        policy.forgetFullBuckets(now: at(5 * second), wall: midnight)
        #expect(decider.refusal(subject("bob"), 5 * second)?.retryAfterMilliseconds == 5_000)
        #expect(decider.refusal(subject("bob"), 10 * second) == nil)
    }

    @Test(
        "forgetting while keys come and go lets no key pass more often than alone",
        arguments: 1...10)
    func churn(seed: Int) {
        var random = SeededRandom(seed: UInt64(seed))
        var rule = perUser(limit: 1, burst: 1)
        rule.maxKeys = 4
        let policy = snapshot([rule])
        let decider = evaluator(policy)
        var now: Int64 = 0
        var last: [Int64: Int64] = [:]
        for _ in 0..<5_000 {
            now += random.int(0...(second / 3))
            if random.chance(10) { policy.forgetFullBuckets(now: at(now), wall: midnight) }
            let who = random.int(0...20)
            guard decider.refusal(subject("user-\(who)"), now) == nil else { continue }
            if let before = last[who] { #expect(now - before >= second, "seed \(seed)") }
            last[who] = now
        }
        #expect(policy.overflows("per-user") > 0)
    }
}
