import SluicePolicy
import SluiceVocabulary
import Testing

@Suite("What the RateLimit fields say")
struct RateFieldsTests {
    private let alice = subject("alice")

    private func rule(_ algorithm: LimitAlgorithm, _ calendar: CalendarPeriod = .day) -> LimitRule {
        // One is left over of what calls take two of.
        let isBucket = algorithm == .tokenBucket || algorithm == .leakyBucket
        var rule = perUser(
            algorithm, limit: isBucket ? 10 : 11, per: 3 * second / 2, burst: 4, calendar)
        rule.numbers.cost = 2
        return rule
    }

    /// What a permit says, and what the refusal says when nothing is left.
    private func facts(
        _ rule: LimitRule, now: Int64 = 0, wall: Int64 = 0
    ) throws -> (LimitFacts, LimitFacts) {
        let decider = evaluator(snapshot([rule]))
        let permit = try #require(decider.permit(call(wall: wall), alice, now))
        let first = try #require(decider.facts(of: permit))
        #expect(first.remaining == permit.remaining)
        for _ in 0..<9 { _ = decider.decide(call(wall: wall), for: alice, now: at(now)) }
        let refusal = try #require(decider.refusal(alice, now, wall: wall))
        return (first, try #require(refusal.limit))
    }

    private func facts(
        quota: Int64, window: Int64, remaining: Int64, reset: Int64,
        unit: LimitFacts.Unit = .requests
    ) -> LimitFacts {
        LimitFacts(
            rule: "per-user", quota: quota, windowSeconds: window, unit: unit,
            remaining: remaining, resetSeconds: reset)
    }

    @Test("a bucket: its burst, its period rounded up to seconds, and when it is full again")
    func bucket() throws {
        let (left, none) = try facts(rule(.tokenBucket))
        #expect(left == facts(quota: 4, window: 2, remaining: 1, reset: 1))
        #expect(none == facts(quota: 4, window: 2, remaining: 0, reset: 1))
    }

    @Test("a queue: its places, and when it has run dry")
    func queue() throws {
        var rule = rule(.leakyBucket)
        rule.numbers.periodNanoseconds = 15 * second
        let (left, none) = try facts(rule)
        #expect(left == facts(quota: 4, window: 15, remaining: 1, reset: 3))
        #expect(none == facts(quota: 4, window: 15, remaining: 0, reset: 6))
    }

    @Test("a sliding window: its limit, and when nothing counts any more")
    func window() throws {
        let (left, none) = try facts(rule(.slidingWindow), now: second)
        #expect(left == facts(quota: 11, window: 2, remaining: 4, reset: 2))
        #expect(none == facts(quota: 11, window: 2, remaining: 0, reset: 2))
    }

    @Test("concurrency: places, without a time")
    func places() throws {
        let (left, none) = try facts(rule(.concurrency))
        let unit = LimitFacts.Unit.concurrentRequests
        #expect(left == facts(quota: 11, window: 0, remaining: 4, reset: 0, unit: unit))
        #expect(none == facts(quota: 11, window: 0, remaining: 0, reset: 0, unit: unit))
    }

    @Test(
        "a quota: the length of its period, a month of 30 days, and when it ends",
        arguments: [
            (CalendarPeriod.minute, Int64(60), Int64(60)), (.hour, 3_600, 3_600),
            (.day, 86_400, 86_400), (.week, 604_800, 4 * 86_400), (.month, 2_592_000, 31 * 86_400),
            (.year, 31_536_000, 365 * 86_400),
        ])
    func quota(calendar: CalendarPeriod, seconds: Int64, end: Int64) throws {
        let (left, none) = try facts(rule(.quota, calendar), wall: 1)
        #expect(left == facts(quota: 11, window: seconds, remaining: 4, reset: end))
        #expect(none == facts(quota: 11, window: seconds, remaining: 0, reset: end))
    }

    @Test("bytes are told where they refuse, and never as requests left")
    func bytes() throws {
        for algorithm in LimitAlgorithm.allCases {
            var rule = rule(algorithm)
            rule.unit = .bytes
            rule.numbers = LimitNumbers(
                limit: 1_000, periodNanoseconds: second, burst: 1_000, cost: 1)
            let decider = evaluator(snapshot([rule]))
            let one = decider.decide(call(bytes: 900), for: alice, now: at(0))
            guard case .go(let permit) = one else { throw Unexpected() }
            #expect(permit.remaining == -1)
            #expect(decider.facts(of: permit) == nil)
            let limit = try #require(decider.refusal(alice, 0, bytes: 200)?.limit)
            #expect(limit.remaining == 100, "\(algorithm)")
            #expect(limit.unit == .bytes)
            #expect(limit.quota == 1_000)
            #expect(decider.refusal(alice, 0, bytes: 100) == nil)
            #expect(decider.refusal(alice, 0, bytes: 1)?.limit?.remaining == 0)
        }
    }

    @Test("a call that is too large is told of a limit nobody used")
    func tooLarge() throws {
        for algorithm in LimitAlgorithm.allCases {
            var rule = perUser(algorithm, limit: 1_000)
            rule.unit = .bytes
            let refusal = evaluator(snapshot([rule])).refusal(alice, 0, bytes: 1_001)
            let limit = try #require(refusal?.limit)
            #expect(limit.remaining == 1_000, "\(algorithm)")
            #expect(limit.resetSeconds == 0)
        }
    }

    @Test("at a trillion a second a nanosecond is a request, and none is left that is not there")
    func fast() {
        var rule = perUser(limit: LimitNumbers.most, burst: 2)
        rule.onLimit = .delay
        rule.maxDelayNanoseconds = 1_000_000
        let decider = evaluator(snapshot([rule]))
        let left = (0..<4).map { _ in
            ReferenceAnswer(decider.decide(call(), for: alice, now: at(0))).remaining
        }
        #expect(left == [1, 0, 0, 0])
        #expect(decider.explain(call(), for: alice, now: at(0)).limits[0].remaining == 0)
    }

    @Test("a nanosecond until all is there again is a second, rounded up")
    func nanosecond() throws {
        let decider = evaluator(snapshot([perUser(limit: LimitNumbers.most, burst: 2)]))
        let permit = try #require(decider.permit(call(), alice, 0))
        #expect(decider.facts(of: permit)?.resetSeconds == 1)
        _ = decider.passes(1, alice, 0)
        #expect(decider.refusal(alice, 0)?.limit?.remaining == 0)
    }

    @Test("a sliding window refuses until what it holds has slid out")
    func slidingReset() {
        let decider = evaluator(snapshot([perUser(.slidingWindow, limit: 1)]))
        #expect(decider.passes(1, alice, 0) == 1)
        // The one call counts to the end of the next window.
        #expect(decider.refusal(alice, second / 2)?.limit?.resetSeconds == 2)
        // Nothing of the present window, the last of the one before.
        #expect(decider.refusal(alice, second)?.limit?.resetSeconds == 1)
    }

    private struct Unexpected: Error {}

    @Test("the tightest limit is told, of equals the first, with the numbers of its override")
    func tightest() throws {
        var wide = perUser("wide", limit: 9)
        wide.overrides = LimitOverrides(
            by: .claim(["sub"]),
            numbers: ["alice": LimitNumbers(limit: 3, periodNanoseconds: second, burst: 3)])
        let decider = evaluator(snapshot([perUser("first", limit: 5), wide]))
        let permit = try #require(decider.permit(call(), alice, 0))
        #expect(decider.facts(of: permit)?.rule == "wide")
        #expect(decider.facts(of: permit)?.quota == 3)
        let bob = try #require(decider.permit(call(), subject("bob"), 0))
        #expect(decider.facts(of: bob)?.rule == "first")
        let alike = evaluator(snapshot([perUser("first", limit: 5), perUser("second", limit: 5)]))
        let both = try #require(alike.permit(call(), alice, 0))
        #expect(alike.facts(of: both)?.rule == "first")
    }

    @Test("a permit of another snapshot says nothing, nor one that no limit met")
    func stale() throws {
        let first = snapshot([perUser(limit: 5)])
        let decider = evaluator(first)
        let permit = try #require(decider.permit(call(), alice, 0))
        #expect(decider.facts(of: permit) != nil)
        decider.adopt(snapshot([perUser(limit: 5)], previous: first))
        #expect(decider.facts(of: permit) == nil)
        let free = evaluator(snapshot([]))
        let unlimited = try #require(free.permit(call(), alice, 0))
        #expect(unlimited.remaining == -1)
        #expect(free.facts(of: unlimited) == nil)
        #expect(free.facts(of: .own(.login)) == nil)
        #expect(Permit.own(.login).remaining == -1)
        #expect(Permit.own(.login).lease.isNone)
    }

    @Test("a refusal for something else than a limit tells of none")
    func others() {
        let denied = evaluator(
            PolicySnapshot(
                model: PolicyModel(), revision: "test", catalog: catalog, previous: nil))
        #expect(denied.refusal(alice, 0) == Refusal(.permissionDenied, rule: "default"))
        var rule = perUser(limit: 10, burst: 4)
        rule.ban = LimitBan(after: 1, withinMilliseconds: 1, forMilliseconds: 5_001)
        let banned = evaluator(snapshot([rule]))
        _ = banned.passes(5, alice, 0)
        let limit = banned.refusal(alice, 0)?.limit
        #expect(limit?.remaining == 0)
        #expect(limit?.resetSeconds == 6)
    }
}
