import SluicePolicy
import SluiceVocabulary
import Testing

/// A bucket's word has room for 64 sets of numbers; after that they are given out again.
@Suite("More changes of numbers than a bucket can name")
struct GenerationTests {
    private let alice = subject("alice")

    @Test(
        "an idle key keeps the share it used",
        arguments: [LimitAlgorithm.tokenBucket, .slidingWindow, .quota], [1, 63, 64, 65, 130])
    func idle(algorithm: LimitAlgorithm, changes: Int) {
        var policy = snapshot([perUser(algorithm, limit: 100)])
        let decider = evaluator(policy)
        #expect(decider.passes(60, alice, 5) == 60)
        for change in 1...changes {
            let limit: Int64 = change == changes ? 100 : [50, 200, 1_000, 30][change % 4]
            policy = snapshot([perUser(algorithm, limit: limit)], previous: policy)
            decider.adopt(policy)
        }
        let left = decider.passes(100, alice, 5)
        #expect(left == 40 || left == 39)
    }

    @Test("places held stay held", arguments: [1, 63, 64, 65, 130])
    func places(changes: Int) throws {
        var policy = snapshot([perUser(.concurrency, limit: 10)])
        let decider = evaluator(policy)
        let held = try (0..<4).map { _ in try #require(decider.permit(call(), alice, 0)).lease }
        for change in 1...changes {
            policy = snapshot(
                [perUser(.concurrency, limit: change == changes ? 10 : Int64(20 + change % 2))],
                previous: policy)
            decider.adopt(policy)
        }
        #expect(decider.passes(20, alice, 0) == 6)
        for lease in held { decider.release(lease) }
        #expect(decider.passes(20, alice, 0) == 4)
    }

    @Test(
        "a key whose override is not known is reckoned by the dearest of all",
        arguments: [LimitAlgorithm.tokenBucket, .slidingWindow, .quota])
    func dearest(algorithm: LimitAlgorithm) {
        func rule(_ base: Int64, _ pro: Int64) -> LimitRule {
            var rule = perUser(algorithm, limit: base)
            var other = rule.numbers
            other.limit = pro
            other.burst = pro
            rule.overrides = LimitOverrides(by: .claim(["plan"]), numbers: ["pro": other])
            return rule
        }
        var policy = snapshot([rule(100, 100)])
        let decider = evaluator(policy)
        let pro = PolicySubject(
            address: [10, 0, 0, 1], principal: alike("pro", claims: ["plan": .string("pro")]))
        #expect(decider.passes(50, alice, 5) == 50)
        #expect(decider.passes(50, pro, 5) == 50)
        // From here on the two part: 100 to 100 for the one, 100 to 200 for the other.
        for change in 1...70 {
            policy = snapshot(
                [rule(100, change == 70 ? 100 : Int64(200 + change % 2))], previous: policy)
            decider.adopt(policy)
        }
        let left = decider.passes(100, alice, 5)
        #expect((0...50).contains(left))
        #expect((40...50).contains(decider.passes(100, pro, 5)))
        if algorithm == .tokenBucket { #expect((49...50).contains(left)) }
    }

    @Test("a bucket is converted as of the latest call, not as of when it was used")
    func latest() {
        var policy = snapshot([perUser(limit: 100)])
        let decider = evaluator(policy)
        #expect(decider.passes(100, alice, 0) == 100)
        #expect(decider.passes(1, subject("bob"), second / 2) == 1)
        #expect(decider.passes(1, subject("bob"), second / 4) == 1)
        for change in 1...70 {
            let per = change == 70 ? second : Int64(10 + change % 2) * second
            policy = snapshot([perUser(limit: 100, per: per)], previous: policy)
            decider.adopt(policy)
        }
        #expect((48...50).contains(decider.passes(100, alice, second / 2)))
    }

    @Test("a period that has ended leaves nothing to one of another length")
    func endedPeriod() {
        let minute: Int64 = 60_000_000
        var policy = snapshot([perUser(.quota, limit: 100, .minute)])
        let decider = evaluator(policy)
        #expect(decider.passes(60, alice, 0, wall: 0) == 60)
        #expect(decider.passes(1, subject("bob"), 0, wall: 5 * minute) == 1)
        for change in 1...131 {
            policy = snapshot(
                [perUser(.quota, limit: 100, change % 2 == 0 ? .minute : .hour)], previous: policy)
            decider.adopt(policy)
        }
        #expect(decider.passes(200, alice, 0, wall: 5 * minute) == 100)
    }

    @Test("sets that were made and never adopted do not take the name of the one in force")
    func discarded() {
        let first = snapshot([perUser(limit: 10, burst: 10)])
        let decider = evaluator(first)
        #expect(decider.passes(5, alice, 0) == 5)
        var last = first
        for change in 1...70 {
            last = snapshot([perUser(limit: 10, burst: Int64(100 + change % 2))], previous: first)
            // Still by the numbers in force: half is left.
            let left = decider.explain(call(), for: alice, now: at(0)).limits[0].remaining
            #expect(left == 5, "after \(change)")
        }
        decider.adopt(last)
        #expect((49...50).contains(decider.passes(100, alice, 0)))
    }

    @Test("a snapshot whose numbers are the same names no new set")
    func same() {
        var policy = snapshot([perUser(limit: 10)])
        let decider = evaluator(policy)
        #expect(decider.passes(3, alice, 0) == 3)
        for _ in 0..<500 {
            policy = snapshot([perUser(limit: 10)], previous: policy)
            decider.adopt(policy)
        }
        #expect(decider.passes(10, alice, 0) == 7)
    }

    @Test(
        "idle time under older numbers counts as it passed",
        arguments: [LimitAlgorithm.slidingWindow, .quota])
    func idleTime(algorithm: LimitAlgorithm) {
        let minute: Int64 = 60_000_000
        var policy = snapshot([perUser(algorithm, limit: 100, .minute)])
        let decider = evaluator(policy)
        #expect(decider.passes(100, alice, 0, wall: 0) == 100)
        #expect(decider.passes(1, subject("bob"), 5 * second, wall: 2 * minute) == 1)
        for change in 1...130 {
            policy = snapshot(
                [perUser(algorithm, limit: Int64(100 + change % 2), .minute)], previous: policy)
            decider.adopt(policy)
        }
        #expect(decider.passes(200, alice, 5 * second, wall: 2 * minute) == 100)
    }
}
