import SluicePolicy
import SluiceVocabulary
import Testing

@Suite("Sliding windows")
struct SlidingWindowTests {
    private let alice = subject("alice")

    @Test(
        "a full window leaves no room when the next begins; it comes back as that window slides out"
    )
    func slides() {
        let decider = evaluator(snapshot([perUser(.slidingWindow, limit: 10)]))
        let start = 50 * second
        #expect(decider.passes(20, alice, start + second - 1) == 10)
        #expect(decider.passes(20, alice, start + second) == 0)
        #expect(decider.passes(20, alice, start + second + second / 2) == 5)
        #expect(decider.passes(20, alice, start + second + second * 9 / 10) == 4)
        // Nine of the window before count in full.
        #expect(decider.passes(20, alice, start + 2 * second) == 1)
        #expect(decider.passes(20, alice, start + 4 * second) == 10)
    }

    @Test("the weight of the window before is rounded up, against the caller")
    func rounding() {
        let decider = evaluator(snapshot([perUser(.slidingWindow, limit: 10)]))
        #expect(decider.passes(1, alice, 0) == 1)
        #expect(decider.passes(20, alice, 2 * second - 1) == 9)
        #expect(decider.passes(20, alice, 2 * second - 1) == 0)
    }

    @Test(
        "the refusal says the first nanosecond at which the call fits, here or in the next window")
    func retry() {
        let decider = evaluator(snapshot([perUser(.slidingWindow, limit: 4)]))
        #expect(decider.passes(4, alice, 0) == 4)
        // A quarter of the window before must have slid out.
        #expect(decider.refusal(alice, second / 2)?.retryAfterMilliseconds == 750)
        #expect(decider.refusal(alice, second + second / 4 - 1)?.retryAfterMilliseconds == 1)
        #expect(decider.refusal(alice, second + second / 4) == nil)
        #expect(decider.refusal(alice, second + second / 4)?.retryAfterMilliseconds == 250)
    }

    @Test("by the weight rule never more than the limit is let through", arguments: 1...20)
    func neverTooMany(seed: Int) {
        var random = SeededRandom(seed: UInt64(seed))
        let limit = random.int(1...50)
        let per = random.int(1_000_000...(10 * second))
        let decider = evaluator(snapshot([perUser(.slidingWindow, limit: limit, per: per)]))
        var now: Int64 = 0
        var passed: [Int64: Int128] = [:]
        for _ in 0..<2_000 {
            now += random.chance(60) ? 0 : random.int(0...(per / 3))
            guard decider.refusal(alice, now) == nil else { continue }
            let window = now / per
            passed[window, default: 0] += 1
            let before = (passed[window - 1] ?? 0) * Int128(per - now % per)
            let room = (Int128(limit) - (passed[window] ?? 0)) * Int128(per)
            #expect(before <= room, "seed \(seed) at \(now)")
        }
        #expect(passed.count > 1)
    }

    @Test("a loop whose clock lags counts in the window that has begun, and waits for it to end")
    func lagging() {
        let decider = evaluator(snapshot([perUser(.slidingWindow, limit: 2)]))
        #expect(decider.passes(1, alice, 2 * second) == 1)
        #expect(decider.passes(9, alice, 19 * second / 10) == 1)
        let refusal = decider.refusal(alice, 19 * second / 10)
        #expect(refusal?.retryAfterMilliseconds == 1_600)
        // 100 ms until the window begins, and two windows.
        #expect(refusal?.limit?.resetSeconds == 3)
        #expect(decider.refusal(alice, 7 * second / 2 - 1) != nil)
        #expect(decider.refusal(alice, 7 * second / 2) == nil)
        let other = evaluator(snapshot([perUser(.slidingWindow, limit: 4)]))
        #expect(other.passes(4, alice, second) == 4)
        #expect(other.passes(1, alice, 2 * second + second / 2) == 1)
        // What the window before holds weighs in full for one that has not begun.
        #expect(other.refusal(alice, 2 * second - second / 4)?.retryAfterMilliseconds == 750)
        #expect(other.passes(9, alice, 2 * second + second / 2) == 1)
    }

    @Test("a window that has not begun is waited for to the nanosecond")
    func notBegun() {
        var rule = perUser(.slidingWindow, limit: 10)
        rule.onLimit = .pauseReads
        let decider = evaluator(snapshot([rule]))
        #expect(decider.passes(10, alice, 2 * second - 1) == 10)
        #expect(decider.passes(1, alice, 3 * second - 1) == 1)
        // Seen from a loop that is behind: 10 of the window before weigh in full, 1 is used.
        let answer = ReferenceAnswer(
            decider.decide(call(), for: alice, now: at(2 * second - second / 10)))
        #expect(answer.verdict == .pause)
        #expect(answer.waitNanoseconds == Int128(second / 10 + second / 5))
    }

    @Test("what is larger than the limit never fits")
    func tooLarge() {
        var rule = perUser(.slidingWindow, limit: 100)
        rule.unit = .bytes
        let decider = evaluator(snapshot([rule]))
        #expect(decider.refusal(alice, 0, bytes: 101)?.kind == .tooLarge)
        #expect(decider.refusal(alice, 0, bytes: 100) == nil)
        #expect(decider.refusal(alice, 0, bytes: 1)?.kind == .rateLimited)
        #expect(decider.refusal(alice, 0, bytes: 0) == nil)
    }

    @Test("the largest limit there may be counts to its end")
    func largest() {
        var rule = perUser(.slidingWindow, limit: LimitNumbers.mostPerWindow)
        rule.unit = .bytes
        let decider = evaluator(snapshot([rule]))
        let half = Int(LimitNumbers.mostPerWindow / 2)
        #expect(decider.refusal(alice, 0, bytes: half) == nil)
        #expect(decider.refusal(alice, 0, bytes: half + 1) == nil)
        #expect(decider.refusal(alice, 0, bytes: 1) != nil)
        #expect(decider.refusal(alice, second, bytes: 1) != nil)
        #expect(decider.refusal(alice, 2 * second, bytes: half) == nil)
    }
}
