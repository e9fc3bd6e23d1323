import SluicePolicy
import SluiceVocabulary
import Testing

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

    private struct Rule {
        let limit: Int64
        let period: Int64
        let burst: Int64
        let cost: Int64
        let unit: LimitUnit
        let name: String

        init(_ index: Int, _ random: inout SeededRandom) {
            limit = Int64.random(in: 1...2_000, using: &random)
            period = Int64.random(in: 1_000_000...(90 * second), using: &random)
            unit = Bool.random(using: &random) ? .requests : .bytes
            cost = unit == .bytes ? 1 : Int64.random(in: 1...4, using: &random)
            burst = Int64.random(in: cost...(unit == .bytes ? 3_000 : 40), using: &random)
            name = "rule-\(index)"
        }

        var asLimit: LimitRule {
            LimitRule(
                name: name, actions: [ActionPattern("*")], key: [.claim(["sub"])], unit: unit,
                numbers: LimitNumbers(
                    limit: limit, periodNanoseconds: period, burst: burst, cost: cost))
        }

        func tokens(_ bytes: Int) -> Int64 { unit == .bytes ? Int64(bytes) : cost }
    }

    @Test(
        "several limits, keys and units together: each refusal spends nothing and names the longest wait",
        arguments: 1...80)
    func meetsRounded(seed: Int) {
        var random = SeededRandom(seed: UInt64(seed) &* 7_919)
        let rules = (0..<Int.random(in: 1...4, using: &random)).map { Rule($0, &random) }
        let decider = evaluator(snapshot(rules.map(\.asLimit)))
        var now = Int64.random(in: 0...(1 << 61), using: &random)
        let users = ["alice", "bob", "carol"]
        let subjects = users.map { subject($0) }
        var buckets = users.map { _ in
            rules.map {
                RoundedBucket(
                    limit: $0.limit, period: $0.period, burst: $0.burst, cost: $0.cost, now: now)
            }
        }
        var ideals = users.map { _ in
            rules.map { IdealBucket(limit: $0.limit, period: $0.period, burst: $0.burst, now: now) }
        }
        let pace = (rules.map { $0.period / $0.limit }.max() ?? 1) + 1
        for step in 0..<500 {
            now += Bool.random(using: &random) ? 0 : Int64.random(in: 0...pace, using: &random)
            let user = Int.random(in: 0..<users.count, using: &random)
            let bytes = Int.random(in: 1...1_500, using: &random)
            for index in rules.indices {
                buckets[user][index].refill(now)
                ideals[user][index].refill(now)
            }
            let verdict = decider.decide(
                PolicyCall(action: echo, bytes: bytes, transport: .tcp), for: subjects[user],
                now: at(now))
            let place: Comment = "seed \(seed), step \(step)"
            let waits = rules.indices.map { buckets[user][$0].wait(for: rules[$0].tokens(bytes)) }
            let tooLarge = rules.indices.filter {
                buckets[user][$0].price(rules[$0].tokens(bytes)) > buckets[user][$0].capacity
            }
            switch verdict {
            case .go(let permit):
                #expect(waits.allSatisfy { $0 == 0 }, place)
                var left = Int128.max
                for index in rules.indices {
                    let tokens = rules[index].tokens(bytes)
                    #expect(
                        ideals[user][index].level + Int128(rules[index].limit) > Int128(tokens)
                            * ideals[user][index].period - Int128(rules[index].limit), place)
                    ideals[user][index].take(tokens)
                    buckets[user][index].take(tokens)
                    if rules[index].unit == .requests {
                        left = min(left, buckets[user][index].left(tokens))
                    }
                }
                #expect(Int128(permit.remaining) == (left == .max ? -1 : left), place)
            case .refuse(let refusal):
                let longest = waits.max() ?? 0
                #expect(longest > 0, place)
                if !tooLarge.isEmpty {
                    #expect(refusal.kind == .tooLarge, place)
                    #expect(tooLarge.contains { rules[$0].name == refusal.rule }, place)
                } else {
                    #expect(refusal.kind == .rateLimited, place)
                    #expect(
                        Int128(refusal.retryAfterMilliseconds) == (longest + 999_999) / 1_000_000,
                        place)
                    #expect(
                        rules.indices.contains {
                            rules[$0].name == refusal.rule && waits[$0] == longest
                        }, place)
                }
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
