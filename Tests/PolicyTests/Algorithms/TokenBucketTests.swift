import SluicePolicy
import SluiceVocabulary
import Testing

/// Numbers whose product has more than 64 bits.
@Suite("Wide arithmetic")
struct WideArithmeticTests {
    @Test("what divides exactly is not rounded up")
    func exact() {
        var rule = perUser(limit: 1_000, per: 86_400 * second, burst: 300_000)
        rule.unit = .bytes
        let decider = evaluator(snapshot([rule]))
        let alice = subject("alice")
        #expect(decider.refusal(alice, 0, bytes: 150_000) == nil)
        #expect(decider.refusal(alice, 0, bytes: 150_000) == nil)
        #expect(decider.refusal(alice, 0, bytes: 1) != nil)
    }
}

@Suite("Token buckets against an exact reference")
struct TokenBucketTests {
    /// Numbers whose prices are whole nanoseconds: the ideal bucket must be met exactly.
    @Test(
        "calls and retry times are those of an ideal bucket when nothing is rounded",
        arguments: 1...60)
    func meetsIdeal(seed: Int) {
        var random = SeededRandom(seed: UInt64(seed))
        let limit = [1, 2, 5, 8, 10, 25, 100, 1000].randomElement(using: &random) ?? 1
        let period = [second, 60 * second, 3_600 * second].randomElement(using: &random) ?? second
        let cost = Int64.random(in: 1...3, using: &random)
        let burst = Int64.random(in: cost...(cost * 20), using: &random)
        let decider = evaluator(
            snapshot([perUser(limit: Int64(limit), per: period, burst: burst, cost: cost)]))
        var now = Int64.random(in: 0...(1 << 60), using: &random)
        let alice = subject("alice")
        _ = decider.refusal(alice, now)
        var ideal = IdealBucket(limit: Int64(limit), period: period, burst: burst, now: now)
        ideal.take(cost)
        for step in 0..<400 {
            now += Int64.random(in: 0...(period / Int64(limit) * 2), using: &random)
            ideal.refill(now)
            let wait = ideal.wait(for: cost)
            let refusal = decider.refusal(alice, now)
            #expect((refusal == nil) == (wait == 0), "seed \(seed), step \(step)")
            if let refusal {
                #expect(
                    Int128(refusal.retryAfterMilliseconds) == (wait + 999_999) / 1_000_000,
                    "seed \(seed)")
            } else {
                ideal.take(cost)
            }
        }
    }

    @Test("a bucket works on across the wrap of its 57-bit clock")
    func wraps() {
        let decider = evaluator(snapshot([perUser(limit: 10, burst: 5)]))
        let alice = subject("alice")
        let wrap: Int64 = 1 << 57
        #expect(decider.passes(10, alice, wrap - second / 4) == 5)
        #expect(decider.passes(10, alice, wrap - 1) == 2)
        #expect(decider.passes(10, alice, wrap + second / 4) == 3)
        #expect(decider.passes(10, alice, wrap + 10 * second) == 5)
    }

    @Test(
        "a whole burst passes at once even where its parts are rounded up",
        arguments: [1, 3, 7, 999_983])
    func burstIsWhole(limit: Int) {
        let decider = evaluator(snapshot([perUser(limit: Int64(limit), burst: 7)]))
        #expect(decider.passes(20, subject("alice"), 5) == 7)
    }

    @Test("the retry time is the first millisecond at which the call passes")
    func retryIsExact() {
        let decider = evaluator(snapshot([perUser(limit: 60, per: 60 * second, burst: 10)]))
        let alice = subject("alice")
        #expect(decider.passes(11, alice, 0) == 10)
        #expect(decider.refusal(alice, second / 10)?.retryAfterMilliseconds == 900)
        #expect(decider.refusal(alice, second - 1) != nil)
        #expect(decider.refusal(alice, second) == nil)
    }

    @Test("a call larger than the whole burst is too large, not early")
    func tooLarge() {
        var rule = perUser("bytes", limit: 1_000, burst: 4_096)
        rule.unit = .bytes
        let decider = evaluator(snapshot([rule]))
        #expect(decider.refusal(subject("alice"), 0, bytes: 4_097)?.kind == .tooLarge)
        #expect(decider.refusal(subject("alice"), 0, bytes: 4_096) == nil)
        #expect(decider.refusal(subject("alice"), 0, bytes: 1)?.kind == .rateLimited)
    }
}
