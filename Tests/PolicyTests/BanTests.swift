import SluicePolicy
import SluiceVocabulary
import Testing

@Suite("Bans")
struct BanTests {
    private let alice = subject("alice")
    private let millisecond: Int64 = 1_000_000

    /// One call a second; three refusals within 500 ms ban for 10 s.
    private func rule(_ onLimit: LimitAction = .reject) -> LimitRule {
        var rule = perUser(limit: 1)
        rule.onLimit = onLimit
        rule.ban = LimitBan(after: 3, withinMilliseconds: 500, forMilliseconds: 10_000)
        return rule
    }

    private func ban(_ decider: PolicyEvaluator, _ now: Int64 = 0) {
        #expect(decider.refusal(alice, now) == nil)
        for _ in 0..<3 { #expect(decider.refusal(alice, now) != nil) }
    }

    @Test("who is refused so often is refused everything for the time told, and no longer")
    func bans() {
        let counts = Counts()
        let decider = evaluator(snapshot([rule()]), counts)
        #expect(decider.refusal(alice, 0) == nil)
        #expect(decider.refusal(alice, 0)?.retryAfterMilliseconds == 1_000)
        #expect(decider.refusal(alice, 0)?.retryAfterMilliseconds == 1_000)
        #expect(counts.bans("per-user") == 0)
        // The one that fills it already says so.
        #expect(decider.refusal(alice, 5 * millisecond)?.retryAfterMilliseconds == 10_000)
        #expect(counts.bans("per-user") == 1)
        let refusal = decider.refusal(alice, 2 * second)
        #expect(refusal?.retryAfterMilliseconds == 8_005)
        #expect(refusal?.rule == "per-user")
        #expect(refusal?.kind == .rateLimited)
        #expect(decider.refusal(subject("bob"), 2 * second) == nil)
        #expect(decider.refusal(alice, 10_005 * millisecond - 1) != nil)
        #expect(decider.refusal(alice, 10_005 * millisecond) == nil)
        #expect(counts.bans("per-user") == 1)
        #expect(counts.limit("per-user", "refuse") == 5)
    }

    @Test("refusals further apart than `within` of the first make no ban")
    func apart() {
        let decider = evaluator(snapshot([rule()]))
        #expect(decider.refusal(alice, 0) == nil)
        for at in [0, 250, 501, 750, 1_002] {
            if at == 1_002 { #expect(decider.refusal(alice, second) == nil) }
            let retry = decider.refusal(alice, Int64(at) * millisecond)?.retryAfterMilliseconds
            #expect(retry ?? 9_999 <= 1_000, "at \(at)")
        }
        let counts = Counts()
        let other = evaluator(snapshot([rule()]), counts)
        #expect(other.refusal(alice, 0) == nil)
        for at in [0, 250, 500] { _ = other.refusal(alice, Int64(at) * millisecond + 999_999) }
        #expect(counts.bans("per-user") == 1)
    }

    @Test("how many keys are banned, and how long yet, can be told at any time")
    func figures() {
        let set = snapshot([rule(), perUser("other", limit: 100)])
        let decider = evaluator(set)
        func told(_ now: Int64) -> [String: [Int64]] {
            set.bans(now: at(now)).mapValues { [Int64($0.keys), $0.longestNanoseconds] }
        }
        #expect(told(0) == ["per-user": [0, 0]], "of limits that ban alone")
        for _ in 0..<3 { _ = decider.refusal(alice, 0) }
        #expect(told(0) == ["per-user": [0, 0]], "two refusals are no ban")
        _ = decider.refusal(alice, 0)
        for _ in 0..<4 { _ = decider.refusal(subject("bob"), 2 * second) }
        _ = decider.refusal(subject("carol"), 2 * second)
        #expect(told(2 * second) == ["per-user": [2, 10 * second]])
        // What is taken over by a reload is told by the next set too.
        let next = snapshot([rule()], previous: set)
        #expect(next.bans(now: at(3 * second))["per-user"]?.keys == 2)
        #expect(told(10 * second) == ["per-user": [1, 2 * second]])
        #expect(told(12 * second) == ["per-user": [0, 0]])
    }

    @Test("once over all is forgotten: it takes as many refusals again")
    func forgotten() {
        let decider = evaluator(snapshot([rule()]))
        ban(decider)
        let after = 10 * second
        #expect(decider.refusal(alice, after) == nil)
        #expect(decider.refusal(alice, after)?.retryAfterMilliseconds == 1_000)
        #expect(decider.refusal(alice, after)?.retryAfterMilliseconds == 1_000)
        #expect(decider.refusal(alice, after)?.retryAfterMilliseconds == 10_000)
    }

    @Test("a banned key is never charged, by this limit or another")
    func notCharged() {
        let other = perUser("other", limit: 2, per: 3_600 * second)
        let decider = evaluator(snapshot([rule(), other]))
        ban(decider)
        for _ in 0..<10 { #expect(decider.refusal(alice, 5 * second)?.rule == "per-user") }
        #expect(decider.refusal(alice, 10 * second) == nil)
        #expect(decider.refusal(alice, 11 * second)?.rule == "other")
    }

    @Test(
        "a ban rejects where the limit would delay, drop or pause, and closes where it closes",
        arguments: LimitAction.allCases)
    func actions(onLimit: LimitAction) {
        var rule = rule(onLimit)
        rule.maxDelayNanoseconds = onLimit == .delay ? millisecond : nil
        let decider = evaluator(snapshot([rule]))
        for _ in 0..<9 { _ = decider.decide(call(), for: alice, now: at(0)) }
        let answer = ReferenceAnswer(decider.decide(call(), for: alice, now: at(second / 2)))
        switch onLimit {
        case .reject, .delay, .drop:
            #expect(answer.verdict == .refuse)
            #expect(answer.retryMilliseconds == 9_500)
        case .close:
            #expect(answer.verdict == .close)
            #expect(answer.retryMilliseconds == 9_500)
        case .pauseReads:
            // A pause refuses nothing, so it bans nobody.
            #expect(answer.verdict == .pause)
            #expect(answer.waitNanoseconds == Int128(second / 2))
        }
    }

    @Test("refusals that another limit decides do not count")
    func othersDecide() {
        let slower = perUser("slower", limit: 1, per: 2 * second)
        let counts = Counts()
        let decider = evaluator(snapshot([rule(), slower]), counts)
        _ = decider.passes(20, alice, 0)
        #expect(counts.limit("slower", "refuse") == 19)
        #expect(counts.bans("per-user") == 0)
    }

    @Test("a shadow bans in shadow: every refusal it would have made counts, none is made")
    func shadow() {
        var rule = rule()
        rule.isShadow = true
        let counts = Counts()
        let decider = evaluator(snapshot([rule]), counts)
        #expect(decider.passes(5, alice, 0) == 5)
        #expect(counts.bans("per-user") == 1)
        // There would be room again, but the ban holds.
        #expect(decider.permit(call(), alice, 9 * second)?.shadowRule == "per-user")
        #expect(decider.permit(call(), alice, 10 * second)?.shadowRule == nil)
        #expect(counts.limit("per-user", "shadow_refuse") == 5)
        #expect(counts.limit("per-user", "allow") == 2)
    }

    @Test("a ban survives reloads that leave the rule a ban, and renames")
    func reload() {
        let first = snapshot([rule()])
        let decider = evaluator(first)
        ban(decider)
        var renamed = rule()
        renamed.name = "renamed"
        renamed.was = ["per-user"]
        renamed.numbers = LimitNumbers(limit: 50, periodNanoseconds: second, burst: 50)
        renamed.ban = LimitBan(after: 9, withinMilliseconds: 1, forMilliseconds: 1)
        let second = snapshot([renamed], previous: first)
        decider.adopt(second)
        #expect(decider.refusal(alice, 4 * 1_000_000_000)?.retryAfterMilliseconds == 6_000)
        #expect(decider.refusal(alice, 4 * 1_000_000_000)?.rule == "renamed")
        renamed.ban = nil
        let third = snapshot([renamed], previous: second)
        decider.adopt(third)
        #expect(decider.refusal(alice, 4 * 1_000_000_000) == nil)
        renamed.ban = rule().ban
        decider.adopt(snapshot([renamed], previous: third))
        #expect(decider.refusal(alice, 4 * 1_000_000_000) == nil)
    }

    @Test(
        "a ban that a reload brings finds every bucket as it was, in the overflow too",
        arguments: LimitAlgorithm.allCases)
    func brought(algorithm: LimitAlgorithm) {
        var rule = perUser(algorithm, limit: 2, per: 3_600 * second)
        rule.maxKeys = 1
        let first = snapshot([rule])
        let decider = evaluator(first)
        for user in ["alice", "bob"] {
            #expect(decider.refusal(subject(user), 0) == nil)
            // The connection that knows its bucket, and one that looks it up.
            #expect(decider.refusal(alice, 0) == nil || user == "bob")
        }
        rule.ban = LimitBan(after: 3, withinMilliseconds: 500, forMilliseconds: 10_000)
        let next = snapshot([rule], previous: first)
        decider.adopt(next)
        #expect(decider.refusal(subject("alice"), 0) != nil)
        #expect(decider.refusal(subject("bob"), 0) == nil)
        for _ in 0..<3 { _ = decider.refusal(subject("bob"), 0) }
        for _ in 0..<2 { _ = decider.refusal(alice, 0) }
        for user in ["alice", "bob"] {
            #expect(decider.refusal(subject(user), second)?.retryAfterMilliseconds == 9_000)
        }
        #expect(next.liveKeys("per-user") == 1)
    }

    @Test(
        "a ban that a reload brings holds for a key looked up once before, in the overflow too",
        arguments: LimitAlgorithm.allCases, ["alice", "bob"])
    func broughtAfterOne(algorithm: LimitAlgorithm, user: String) {
        var rule = perUser(algorithm, limit: 1, per: 3_600 * second)
        rule.maxKeys = 1
        let first = snapshot([rule])
        let decider = evaluator(first)
        for user in ["alice", "bob"] { _ = decider.refusal(subject(user), 0) }
        rule.ban = LimitBan(after: 2, withinMilliseconds: 500, forMilliseconds: 10_000)
        decider.adopt(snapshot([rule], previous: first))
        if algorithm == .concurrency { _ = decider.refusal(subject(user), 0) }
        for _ in 0..<2 { _ = decider.refusal(subject(user), 0) }
        #expect(decider.refusal(subject(user), second)?.retryAfterMilliseconds == 9_000)
    }

    @Test("soon after the start too the first refusal begins the count")
    func early() {
        var rule = perUser(limit: 1, per: 3_600 * second)
        rule.ban = LimitBan(after: 2, withinMilliseconds: 10_000, forMilliseconds: 60_000)
        let counts = Counts()
        let decider = evaluator(snapshot([rule]), counts)
        #expect(decider.passes(2, alice, 5 * second) == 1)
        #expect(decider.refusal(alice, 12 * second) != nil)
        #expect(counts.bans("per-user") == 1)
    }

    @Test("a key that is banned, or on its way there, is not forgotten; afterwards it is")
    func forgetting() {
        let policy = snapshot([rule()])
        let decider = evaluator(policy)
        ban(decider)
        // The bucket is full again, the ban holds.
        #expect(policy.forgetFullBuckets(now: at(9 * second), wall: midnight) == 0)
        #expect(decider.refusal(subject("alice"), 9 * second) != nil)
        #expect(policy.forgetFullBuckets(now: at(10 * second), wall: midnight) == 1)
        #expect(policy.liveKeys("per-user") == 0)
    }

    @Test("a key refused less often than it takes is forgotten once `within` has passed")
    func almost() {
        var rule = rule()
        rule.ban = LimitBan(after: 3, withinMilliseconds: 5_000, forMilliseconds: 1_000)
        let policy = snapshot([rule])
        let decider = evaluator(policy)
        #expect(decider.passes(2, alice, 0) == 1)
        #expect(policy.forgetFullBuckets(now: at(5 * second), wall: midnight) == 0)
        #expect(policy.forgetFullBuckets(now: at(5_001 * millisecond), wall: midnight) == 1)
    }

    @Test("a ban holds for everything the limit matches")
    func everything() {
        let decider = evaluator(snapshot([rule()]))
        ban(decider)
        #expect(decider.refusal(of: send, alice, second) != nil)
        #expect(decider.refusal(of: echo, alice, second, bytes: 0, transport: .http) != nil)
    }
}
