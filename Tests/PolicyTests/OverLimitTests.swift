import SluicePolicy
import SluiceVocabulary
import Testing

@Suite("Over the limit")
struct OverLimitTests {
    private let alice = subject("alice")

    private func rule(_ name: String, _ onLimit: LimitAction, per: Int64 = second) -> LimitRule {
        var rule = perUser(name, limit: 1, per: per)
        rule.onLimit = onLimit
        if onLimit == .delay { rule.maxDelayNanoseconds = 1_000_000 }
        return rule
    }

    /// What the second of two calls gets.
    private func answer(_ rules: [LimitRule], _ counts: Counts = Counts()) -> ReferenceAnswer {
        let decider = evaluator(snapshot(rules), counts)
        _ = decider.decide(call(bytes: 1), for: alice, now: at(0))
        return ReferenceAnswer(decider.decide(call(bytes: 1), for: alice, now: at(0)))
    }

    @Test(
        "each says no in its own way and counts it so",
        arguments: [
            (LimitAction.reject, ReferenceAnswer.Verdict.refuse, "refuse"),
            (.delay, .refuse, "refuse"), (.pauseReads, .pause, "pause"), (.drop, .drop, "drop"),
            (.close, .close, "refuse"),
        ])
    func verdicts(onLimit: LimitAction, verdict: ReferenceAnswer.Verdict, decision: String) {
        let counts = Counts()
        let answer = self.answer([rule("one", onLimit)], counts)
        #expect(answer.verdict == verdict)
        #expect(answer.rule == "one")
        #expect(answer.kind == (verdict == .pause ? nil : .rateLimited))
        #expect(
            counts.values == [
                "permission/default/allow": 2, "limit/one/allow": 1, "limit/one/\(decision)": 1,
            ])
    }

    @Test("the most severe of several decides, wherever it stands and however long others take")
    func severity() {
        let severe: [LimitAction] = [.close, .reject, .drop, .pauseReads]
        let verdicts: [ReferenceAnswer.Verdict] = [.close, .refuse, .drop, .pause]
        for (place, action) in severe.enumerated() {
            for milder in severe[place...].dropFirst() {
                let mild = rule("mild", milder, per: 100 * 1_000_000_000)
                for rules in [[rule("severe", action), mild], [mild, rule("severe", action)]] {
                    let answer = self.answer(rules)
                    #expect(answer.rule == "severe")
                    #expect(answer.verdict == verdicts[place])
                }
            }
        }
    }

    @Test("of equals the one that takes longest is named, then the first")
    func longest() {
        let short = rule("short", .reject)
        let long = rule("long", .delay, per: 3 * 1_000_000_000)
        let alike = rule("alike", .reject)
        #expect(answer([short, long]).rule == "long")
        #expect(answer([long, short]).rule == "long")
        #expect(answer([short, alike]).rule == "short")
        #expect(answer([alike, short]).rule == "alike")
        #expect(answer([alike, short]).retryMilliseconds == 1_000)
    }

    @Test("a call that is too large is told so before anything else")
    func tooLarge() {
        var bytes = rule("bytes", .pauseReads)
        bytes.unit = .bytes
        bytes.numbers = LimitNumbers(
            limit: 5, periodNanoseconds: 1_000_000_000, burst: 5)
        for onLimit in [LimitAction.drop, .pauseReads, .close, .reject] {
            bytes.onLimit = onLimit
            for rules in [[rule("calls", .close), bytes], [bytes, rule("calls", .close)]] {
                let counts = Counts()
                let decider = evaluator(snapshot(rules), counts)
                _ = decider.decide(call(bytes: 1), for: alice, now: at(0))
                let answer = ReferenceAnswer(
                    decider.decide(call(bytes: 6), for: alice, now: at(0)))
                #expect(answer.kind == .tooLarge)
                #expect(answer.verdict == .refuse)
                #expect(answer.rule == "bytes")
                #expect(answer.retryMilliseconds == 0)
                #expect(counts.limit("bytes", "refuse") == 1)
            }
        }
    }

    @Test("what has no room charges nothing anywhere; only the one that decides counts it")
    func charged() {
        let counts = Counts()
        let wide = perUser("wide", limit: 3, per: 3_600 * 1_000_000_000)
        let rules = [wide, rule("narrow", .drop), rule("other", .pauseReads)]
        let decider = evaluator(snapshot(rules), counts)
        for _ in 0..<10 { _ = decider.decide(call(), for: alice, now: at(0)) }
        #expect(counts.limit("wide", "allow") == 1)
        #expect(counts.limit("narrow", "drop") == 9)
        #expect(counts.limit("other", "pause") == 0)
        #expect(decider.permit(call(), alice, 1_000_000_000)?.remaining == 0)
        #expect(decider.permit(call(), alice, 2_000_000_000) != nil)
        #expect(decider.refusal(alice, 3_000_000_000)?.rule == "wide")
    }

    @Test("a pause comes to an end exactly when it says")
    func pause() {
        let decider = evaluator(snapshot([rule("one", .pauseReads)]))
        #expect(decider.permit(call(), alice, 7) != nil)
        let answer = ReferenceAnswer(decider.decide(call(), for: alice, now: at(10)))
        #expect(answer.waitNanoseconds == 999_999_997)
        #expect(decider.permit(call(), alice, 1_000_000_006) == nil)
        #expect(decider.permit(call(), alice, 1_000_000_007) != nil)
    }

    @Test("a shadow limit charges what goes on, and refuses, delays and counts down nothing")
    func shadow() {
        var shadowed = rule("shadow", .close)
        shadowed.isShadow = true
        let counts = Counts()
        let decider = evaluator(snapshot([shadowed, perUser("wide", limit: 3)]), counts)
        let permits = (0..<3).compactMap { _ in decider.permit(call(), alice, 0) }
        #expect(permits.map(\.shadowRule) == [nil, "shadow", "shadow"])
        #expect(permits.map(\.remaining) == [2, 1, 0])
        #expect(decider.refusal(alice, 0)?.rule == "wide")
        #expect(counts.limit("shadow", "allow") == 1)
        #expect(counts.limit("shadow", "shadow_refuse") == 2)
    }
}
