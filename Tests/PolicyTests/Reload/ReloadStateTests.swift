import SluicePolicy
import SluiceVocabulary
import Testing

@Suite("What limits remember over a reload")
struct ReloadStateTests {
    private let alice = subject("alice")

    @Test("an unchanged limit keeps every bucket")
    func unchanged() {
        let rule = perUser(limit: 60, per: 60 * second, burst: 10)
        let first = snapshot([rule])
        let decider = evaluator(first)
        #expect(decider.passes(6, alice, 0) == 6)
        decider.adopt(snapshot([perUser("other", limit: 9), rule], previous: first))
        #expect(decider.passes(10, alice, 0, action: send) == 4)
    }

    @Test(
        "changed numbers keep the share that is used",
        arguments: [(Int64(100), Int64(50)), (4, 2), (10, 5), (1, 0), (11, 5)])
    func ratio(burst: Int64, left: Int64) {
        let first = snapshot([perUser(limit: 10, burst: 10)])
        let decider = evaluator(first)
        #expect(decider.passes(5, alice, 0) == 5)
        decider.adopt(snapshot([perUser(limit: 7, per: 3 * second, burst: burst)], previous: first))
        #expect(decider.passes(200, alice, 0) == Int(left))
    }

    @Test("a bucket that was full is full under the new numbers")
    func fullStaysFull() {
        let first = snapshot([perUser(limit: 1, burst: 2)])
        let decider = evaluator(first)
        #expect(decider.passes(5, alice, 0) == 2)
        decider.adopt(snapshot([perUser(limit: 1, per: 3_600 * second, burst: 9)], previous: first))
        #expect(decider.passes(20, alice, 2 * second) == 9)
    }

    @Test("`was` keeps the buckets over a rename, also with new numbers")
    func renamed() {
        var old = perUser("old", limit: 10)
        let first = snapshot([old])
        let decider = evaluator(first)
        #expect(decider.passes(4, alice, 0) == 4)
        old.name = "new"
        old.was = ["older", "old"]
        let second = snapshot([old], previous: first)
        decider.adopt(second)
        #expect(decider.passes(20, alice, 0) == 6)
        #expect(second.liveKeys("new") == 1)
    }

    @Test("a removed limit is dropped and starts anew when it comes back")
    func removed() {
        let rule = perUser(limit: 2)
        let first = snapshot([rule])
        let decider = evaluator(first)
        #expect(decider.passes(5, alice, 0) == 2)
        let none = snapshot([], previous: first)
        decider.adopt(none)
        #expect(decider.passes(5, alice, 0) == 5)
        decider.adopt(snapshot([rule], previous: none))
        #expect(decider.passes(5, alice, 0) == 2)
    }

    @Test("a limit that counts by another key starts anew")
    func otherKey() {
        var rule = perUser(limit: 2)
        let first = snapshot([rule])
        let decider = evaluator(first)
        #expect(decider.passes(5, alice, 0) == 2)
        rule.key = [.address(bits4: 32, bits6: 64)]
        decider.adopt(snapshot([rule], previous: first))
        #expect(decider.passes(5, alice, 0) == 2)
    }

    @Test("while loops differ, the older obeys the numbers it finds and the newer converts")
    func loopsDiffer() {
        let first = snapshot([perUser(limit: 10, burst: 10)])
        let late = evaluator(first)
        let early = evaluator(first)
        #expect(late.passes(5, alice, 0) == 5)
        let next = snapshot([perUser(limit: 100, burst: 100)], previous: first)
        early.adopt(next)
        let other = subject("alice")
        #expect(early.passes(10, other, 0) == 10)
        // 40 of 100 are left. One with the old numbers would see 4 of 10.
        #expect(late.passes(100, alice, 0) == 40)
        late.adopt(next)
        #expect(late.passes(10, alice, 0) == 0)
    }

    @Test("a snapshot that is never published changes nothing")
    func unpublished() {
        let first = snapshot([perUser(limit: 10, burst: 10)])
        let decider = evaluator(first)
        #expect(decider.passes(3, alice, 0) == 3)
        for _ in 0..<200 { _ = snapshot([perUser(limit: 5, burst: 5)], previous: first) }
        #expect(decider.passes(10, alice, 0) == 7)
    }

    @Test(
        "generations wrap around: an idle bucket stays as full as it was",
        arguments: [1, 62, 63, 64, 65, 200])
    func wrapIdle(changes: Int) {
        var policy = snapshot([perUser(limit: 100, burst: 100)])
        let decider = evaluator(policy)
        #expect(decider.passes(60, alice, 0) == 60)
        for change in 1...changes {
            let burst: Int64 = change == changes ? 100 : [50, 200, 1_000, 30][change % 4]
            let per = Int64(change % 7 + 1) * second
            policy = snapshot([perUser(limit: burst, per: per, burst: burst)], previous: policy)
            decider.adopt(policy)
        }
        let left = decider.passes(100, alice, 0)
        #expect(left == 40 || left == 39)
    }

    @Test(
        "generations wrap around: buckets touched now and then never let too many through",
        arguments: 1...20)
    func wrapTouched(seed: Int) {
        var random = SeededRandom(seed: UInt64(seed))
        var policy = snapshot([perUser(limit: 64, burst: 64)])
        let decider = evaluator(policy)
        let users = (0..<5).map { subject("user-\($0)") }
        // The share of a whole bucket each has used, of which no more than one may be used.
        var used = users.map { _ in 0.0 }
        for _ in 0..<400 {
            let burst = Int64.random(in: 20...400, using: &random)
            let per = Int64.random(in: 1...90, using: &random) * second
            policy = snapshot([perUser(limit: burst, per: per, burst: burst)], previous: policy)
            decider.adopt(policy)
            let who = Int.random(in: 0..<users.count, using: &random)
            if Int.random(in: 0..<4, using: &random) == 0, decider.refusal(users[who], 7) == nil {
                used[who] += 1 / Double(burst)
            }
        }
        for (index, share) in used.enumerated() {
            #expect(share <= 1.000_001, "seed \(seed)")
            policy = snapshot(
                [perUser(limit: 1_000, per: 60 * second, burst: 1_000)], previous: policy)
            decider.adopt(policy)
            let left = decider.passes(1_001, users[index], 7)
            #expect(abs(Double(left) - (1 - share) * 1_000) < 1.1, "seed \(seed)")
        }
    }

    @Test("permissions and limits of the new snapshot hold from the next call")
    func nextCall() {
        let first = snapshot([perUser(limit: 5)])
        let decider = evaluator(first)
        #expect(decider.refusal(alice, 0) == nil)
        decider.adopt(
            PolicySnapshot(
                model: PolicyModel(), revision: "deny", catalog: catalog, previous: first))
        #expect(decider.refusal(alice, 0)?.rule == "default")
    }
}
