import SluicePolicy
import SluiceVocabulary
import Testing

@Suite("Leaky buckets: a queue that smooths")
struct LeakyBucketTests {
    private let alice = subject("alice")
    private let millisecond: Int64 = 1_000_000

    private func decider(
        _ onLimit: LimitAction = .reject, maxDelay: Int64? = nil, counts: Counts = Counts()
    ) -> PolicyEvaluator {
        var rule = perUser(.leakyBucket, limit: 10, burst: 4)
        rule.onLimit = onLimit
        rule.maxDelayNanoseconds = maxDelay
        return evaluator(snapshot([rule]), counts)
    }

    @Test("calls that come at once leave evenly, and the queue holds its places")
    func drains() {
        let counts = Counts()
        let decider = decider(counts: counts)
        #expect(decider.wait(alice, 0) == 0)
        #expect(decider.wait(alice, 0) == 100 * millisecond)
        #expect(decider.wait(alice, 0) == 200 * millisecond)
        #expect(decider.wait(alice, 0) == 300 * millisecond)
        let refusal = decider.refusal(alice, 0)
        #expect(refusal?.retryAfterMilliseconds == 100)
        #expect(refusal?.rule == "per-user")
        #expect(decider.refusal(alice, 100 * millisecond - 1) != nil)
        #expect(decider.wait(alice, 100 * millisecond) == 300 * millisecond)
        #expect(decider.wait(alice, 2 * second) == 0)
        #expect(counts.limit("per-user", "delay") == 4)
        #expect(counts.limit("per-user", "allow") == 2)
        #expect(counts.limit("per-user", "refuse") == 2)
    }

    @Test("no two calls leave closer than the rate, whatever came in", arguments: 1...20)
    func smooths(seed: Int) {
        var random = SeededRandom(seed: UInt64(seed))
        let decider = decider()
        var now: Int64 = 0
        var last: Int64?
        for _ in 0..<500 {
            now += random.chance(50) ? 0 : random.int(0...(150 * millisecond))
            guard let wait = decider.wait(alice, now) else { continue }
            if let last { #expect(now + wait - last >= 100 * millisecond, "seed \(seed)") }
            last = now + wait
        }
    }

    @Test("`max_delay` bounds the queue by time too")
    func bounded() {
        let decider = decider(maxDelay: 150 * millisecond)
        #expect(decider.wait(alice, 0) == 0)
        #expect(decider.wait(alice, 0) == 100 * millisecond)
        #expect(decider.refusal(alice, 0)?.retryAfterMilliseconds == 50)
        #expect(decider.refusal(alice, 50 * millisecond - 1) != nil)
        #expect(decider.wait(alice, 50 * millisecond) == 150 * millisecond)
    }

    @Test("what happens when the queue is full says `on_limit`")
    func full() {
        func verdict(_ onLimit: LimitAction) -> ReferenceAnswer {
            let decider = decider(onLimit)
            for _ in 0..<4 { _ = decider.decide(call(), for: alice, now: at(0)) }
            return ReferenceAnswer(decider.decide(call(), for: alice, now: at(0)))
        }
        #expect(verdict(.reject).verdict == .refuse)
        #expect(verdict(.drop).verdict == .drop)
        #expect(verdict(.close).verdict == .close)
        let pause = verdict(.pauseReads)
        #expect(pause.verdict == .pause)
        #expect(pause.waitNanoseconds == 100_000_000)
        #expect(pause.rule == "per-user")
    }

    @Test("bytes queue by their number; no bytes take no time, but need room")
    func bytes() {
        var rule = perUser(.leakyBucket, limit: 1_000, burst: 2_000)
        rule.unit = .bytes
        let decider = evaluator(snapshot([rule]))
        #expect(decider.wait(alice, 0, bytes: 500) == 0)
        #expect(decider.wait(alice, 0, bytes: 0) == 500 * millisecond)
        #expect(decider.wait(alice, 0, bytes: 1_500) == 500 * millisecond)
        #expect(decider.wait(alice, 0, bytes: 0) == 2 * second)
        #expect(decider.refusal(alice, 0, bytes: 1)?.retryAfterMilliseconds == 1)
        #expect(decider.refusal(alice, 0, bytes: 2_001)?.kind == .tooLarge)
    }
}
