import SluicePolicy
import SluiceVocabulary
import Testing

@Suite("Places under way")
struct ConcurrencyTests {
    private let alice = subject("alice")

    private func lease(
        _ decider: PolicyEvaluator, _ call: PolicyCall = call(), now: Int64 = 0
    ) throws -> Lease {
        try #require(decider.permit(call, alice, now)).lease
    }

    @Test("so many at once, and one more whenever one is over")
    func places() throws {
        let decider = evaluator(snapshot([perUser(.concurrency, limit: 2)]))
        let first = try lease(decider)
        let second = try lease(decider)
        #expect(!first.isNone)
        #expect(decider.heldLeases == 2)
        let refusal = decider.refusal(alice, 0)
        #expect(refusal?.kind == .rateLimited)
        #expect(refusal?.rule == "per-user")
        #expect(refusal?.retryAfterMilliseconds == 0)
        #expect(decider.refusal(subject("bob"), 0) == nil)
        decider.release(first)
        let third = try lease(decider)
        #expect(decider.refusal(alice, 1_000 * 1_000_000_000) != nil)
        decider.release(second)
        decider.release(third)
        #expect(decider.passes(9, alice, 0) == 2)
    }

    @Test("a call that no such limit meets holds nothing")
    func nothing() throws {
        let decider = evaluator(snapshot([perUser(limit: 5)]))
        let lease = try lease(decider)
        #expect(lease.isNone)
        #expect(lease == .none)
        decider.release(lease)
        #expect(decider.heldLeases == 0)
    }

    @Test(
        "a call refused by another limit holds no place, wherever that limit stands",
        arguments: [true, false])
    func undone(isFirst: Bool) throws {
        let places = perUser(.concurrency, limit: 1)
        let never = perUser("bytes", limit: 1)
        let rules = isFirst ? [places, never] : [never, places]
        let decider = evaluator(snapshot(rules))
        let first = try lease(decider)
        decider.release(first)
        for _ in 0..<5 { #expect(decider.refusal(alice, 0)?.rule == "bytes") }
        #expect(decider.heldLeases == 0)
        _ = try lease(decider, now: second)
        #expect(decider.heldLeases == 1)
    }

    @Test("several such limits come free together")
    func together() throws {
        var wide = perUser(.concurrency, limit: 3)
        wide.name = "wide"
        wide.key = []
        var third = perUser(.concurrency, limit: 9)
        third.name = "third"
        third.numbers.cost = 2
        let decider = evaluator(snapshot([perUser(.concurrency, limit: 2), wide, third]))
        let one = try lease(decider)
        let two = try lease(decider)
        #expect(decider.refusal(alice, 0)?.rule == "per-user")
        #expect(decider.refusal(subject("bob"), 0) == nil)
        #expect(decider.refusal(subject("carol"), 0)?.rule == "wide")
        decider.release(one)
        decider.release(two)
        #expect(decider.refusal(subject("carol"), 0) == nil)
        _ = try lease(decider)
        #expect(decider.refusal(alice, 0)?.rule == "wide")
    }

    @Test("bytes under way are counted by their number")
    func bytes() throws {
        var rule = perUser(.concurrency, limit: 1_000)
        rule.unit = .bytes
        let decider = evaluator(snapshot([rule]))
        let large = try lease(decider, call(bytes: 900))
        #expect(decider.refusal(alice, 0, bytes: 101)?.kind == .rateLimited)
        #expect(decider.refusal(alice, 0, bytes: 1_001)?.kind == .tooLarge)
        let small = try lease(decider, call(bytes: 100))
        decider.release(large)
        #expect(decider.refusal(alice, 0, bytes: 901) != nil)
        decider.release(small)
        #expect(decider.refusal(alice, 0, bytes: 1_000) == nil)
    }

    @Test("a call of no bytes holds no place, and its key may be forgotten")
    func noBytes() throws {
        var rule = perUser(.concurrency, limit: 10)
        rule.unit = .bytes
        let policy = snapshot([rule])
        let decider = evaluator(policy)
        let lease = try lease(decider, call(bytes: 0))
        #expect(lease.isNone)
        #expect(decider.heldLeases == 0)
        #expect(policy.forgetFullBuckets(now: at(0), wall: midnight) == 1)
        decider.release(lease)
        let held = try self.lease(decider, call(bytes: 10))
        #expect(decider.refusal(alice, 0, bytes: 0) == nil)
        #expect(decider.refusal(alice, 0, bytes: 1)?.limit?.remaining == 0)
        decider.release(held)
    }

    @Test("what is under way stays so over a change of numbers and a rename")
    func reload() throws {
        var rule = perUser(.concurrency, limit: 4)
        let first = snapshot([rule])
        let decider = evaluator(first)
        var leases = try (0..<3).map { _ in try lease(decider) }
        rule.name = "renamed"
        rule.was = ["per-user"]
        rule.numbers.limit = 2
        let next = snapshot([rule], previous: first)
        decider.adopt(next)
        #expect(decider.refusal(alice, 0)?.rule == "renamed")
        decider.release(leases.removeLast())
        #expect(decider.refusal(alice, 0) != nil)
        decider.release(leases.removeLast())
        leases.append(try lease(decider))
        #expect(decider.refusal(alice, 0) != nil)
        for lease in leases { decider.release(lease) }
        #expect(decider.heldLeases == 0)
        #expect(decider.passes(9, alice, 0) == 2)
    }

    @Test("places of a rule that is gone, or counts anew, are given back to nobody")
    func gone() throws {
        var rule = perUser(.concurrency, limit: 1)
        let first = snapshot([rule])
        let decider = evaluator(first)
        let old = try lease(decider)
        rule.key = []
        let next = snapshot([rule], previous: first)
        decider.adopt(next)
        let new = try lease(decider)
        decider.release(old)
        #expect(decider.refusal(alice, 0) != nil)
        decider.adopt(snapshot([], previous: next))
        decider.release(new)
        #expect(decider.heldLeases == 0)
    }

    @Test("a shadow holds places too, and refuses nothing")
    func shadow() throws {
        var rule = perUser(.concurrency, limit: 1)
        rule.isShadow = true
        let counts = Counts()
        let decider = evaluator(snapshot([rule]), counts)
        let held = try lease(decider)
        let over = try #require(decider.permit(call(), alice, 0))
        #expect(over.shadowRule == "per-user")
        decider.release(over.lease)
        #expect(decider.permit(call(), alice, 0)?.shadowRule == "per-user")
        decider.release(held)
        #expect(decider.permit(call(), alice, 0)?.shadowRule == nil)
        #expect(counts.limit("per-user", "shadow_refuse") == 2)
        #expect(counts.limit("per-user", "allow") == 2)
    }

    @Test("a key with a place held is never forgotten; one without is")
    func forgetting() throws {
        let policy = snapshot([perUser(.concurrency, limit: 1)])
        let decider = evaluator(policy)
        let held = try lease(decider)
        for hour in 1...50 {
            #expect(
                policy.forgetFullBuckets(now: at(Int64(hour) * 3_600 * second), wall: midnight) == 0
            )
        }
        #expect(decider.refusal(subject("alice"), 0) != nil)
        decider.release(held)
        #expect(policy.forgetFullBuckets(now: at(second), wall: midnight) == 1)
        #expect(policy.liveKeys("per-user") == 0)
        #expect(decider.passes(5, alice, 0) == 1)
    }
}
