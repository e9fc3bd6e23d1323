import Foundation
import SluicePolicy
import SluiceVocabulary
import Synchronization
import Testing

private final class Tally: Sendable {
    let passed = Atomic<Int>(0)
    let clock = Atomic<Int64>(1_000)
    let stamps = Mutex<[Int64]>([])
}

@Suite("Several threads at one key", .serialized)
struct ContentionTests {
    private func everywhere(_ name: String, _ burst: Int64, per: Int64) -> LimitRule {
        LimitRule(
            name: name, actions: [ActionPattern("*")], key: [],
            numbers: LimitNumbers(limit: burst, periodNanoseconds: per, burst: burst))
    }

    @Test("what a call reserved before it lost a race is given back in full", arguments: 1...6)
    func spendsNothing(seed: Int) throws {
        func rule(_ name: String, _ action: String, per: Int64, burst: Int64) -> LimitRule {
            LimitRule(
                name: name, actions: [ActionPattern(action)], key: [],
                numbers: LimitNumbers(limit: 1, periodNanoseconds: per, burst: burst))
        }
        // The wide one gets nothing back in the time the test spans: it must have lost one token
        // for each call that went on, and none for those that lost the race for the narrow ones.
        let narrow = (0..<15).map { rule("narrow-\($0)", "echo", per: 1_000, burst: 1) }
        let burst: Int64 = 10_000_000
        let policy = snapshot([rule("wide", "*", per: second, burst: burst)] + narrow)
        let tally = Tally()
        let first = evaluator(policy).passes(10, subject("alice"), 1_000, action: send)
        onThreads(4) { index in
            var random = SeededRandom(seed: UInt64(seed * 10 + index))
            let decider = evaluator(policy)
            let connection = subject("alice")
            for _ in 0..<20_000 {
                let step = Int64.random(in: 0...300, using: &random)
                let now = tally.clock.wrappingAdd(step, ordering: .relaxed).newValue
                if decider.refusal(connection, now) == nil {
                    tally.passed.wrappingAdd(1, ordering: .relaxed)
                }
            }
        }
        let end = tally.clock.load(ordering: .relaxed)
        let passed = Int64(tally.passed.load(ordering: .relaxed) + first)
        let permit = try #require(evaluator(policy).permit(call(send), subject("bob"), end))
        #expect(permit.remaining == burst - passed - 1, "seed \(seed)")
    }

    @Test(
        "no window of time sees one call too many, although the loops' clocks differ",
        arguments: 1...12)
    func skewedClocks(seed: Int) {
        let burst: Int64 = 3
        let increment: Int64 = 1_000
        func rule(_ name: String, _ action: String, burst: Int64) -> LimitRule {
            LimitRule(
                name: name, actions: [ActionPattern(action)], key: [],
                numbers: LimitNumbers(limit: 1, periodNanoseconds: increment, burst: burst))
        }
        // Echoes reserve the first and are often refused by another loop's call under one of the
        // rest; what they give back is there for sends, which the first alone limits.
        let rest = (0..<15).map { rule("rest-\($0)", "echo", burst: 1) }
        let policy = snapshot([rule("first", "*", burst: burst)] + rest)
        let tally = Tally()
        onThreads(4) { index in
            var random = SeededRandom(seed: UInt64(seed * 10 + index))
            let decider = evaluator(policy)
            let connection = subject("alice")
            var mine: [Int64] = []
            var now: Int64 = 0
            for _ in 0..<20_000 {
                let shared = tally.clock.wrappingAdd(
                    Int64.random(in: 0...300, using: &random), ordering: .relaxed
                ).newValue
                now = max(now, shared - Int64.random(in: 0...5_000, using: &random))
                let action = Int.random(in: 0..<4, using: &random) == 0 ? send : echo
                if decider.refusal(of: action, connection, now) == nil { mine.append(now) }
            }
            tally.stamps.withLock { $0 += mine }
        }
        let stamps = tally.stamps.withLock { $0.sorted() }
        #expect(stamps.count > 1_000)
        var least = Int64.max
        var worst = Int64.min
        for (index, stamp) in stamps.enumerated() {
            least = min(least, Int64(index) * increment - stamp)
            worst = max(worst, Int64(index + 1) * increment - stamp - least)
        }
        #expect(worst <= burst * increment, "seed \(seed)")
    }

    private final class Publisher: Sendable {
        let current: Mutex<PolicySnapshot>
        let version = Atomic<Int>(0)
        let adopted: [3 of Atomic<Int>] = InlineArray { _ in Atomic(0) }
        let stop = Atomic<Bool>(false)

        init(_ first: PolicySnapshot) { current = Mutex(first) }

        func waitForAll() {
            for index in 0..<3 {
                while adopted[index].load(ordering: .acquiring) < version.load(ordering: .relaxed) {
                    sched_yield()
                }
            }
        }
    }

    @Test("never one call too many while reloads change the numbers under them", arguments: 1...3)
    func reloads(round: Int) {
        let bursts: [Int64] = [60_000, 20_000, 45_000, 90_000, 30_000]
        let first = snapshot([everywhere("all", bursts[0], per: 60 * second)])
        let publisher = Publisher(first)
        let tally = Tally()
        Thread {
            var policy = first
            for change in 1...100 {
                policy = snapshot(
                    [everywhere("all", bursts[change % bursts.count], per: 60 * second)],
                    previous: policy)
                let next = policy
                publisher.current.withLock { $0 = next }
                publisher.version.wrappingAdd(1, ordering: .releasing)
                publisher.waitForAll()
            }
            publisher.stop.store(true, ordering: .releasing)
        }.start()
        onThreads(3) { index in
            let decider = evaluator(first)
            let connection = subject("alice")
            var version = 0
            while !publisher.stop.load(ordering: .acquiring) {
                let newest = publisher.version.load(ordering: .acquiring)
                if newest != version {
                    decider.adopt(publisher.current.withLock { $0 })
                    version = newest
                    publisher.adopted[index].store(version, ordering: .releasing)
                }
                for _ in 0..<50 where decider.refusal(connection, 77) == nil {
                    tally.passed.wrappingAdd(1, ordering: .relaxed)
                }
                sched_yield()
            }
        }
        let decider = evaluator(publisher.current.withLock { $0 })
        let total =
            tally.passed.load(ordering: .relaxed) + decider.passes(100_000, subject("bob"), 77)
        #expect(total <= 90_000)
        #expect(total >= 19_990)
    }

    @Test("forgetting buckets meanwhile lets no call through twice", arguments: 1...6)
    func forgetting(round: Int) {
        let increment: Int64 = 1_000
        let policy = snapshot([
            LimitRule(
                name: "one", actions: [ActionPattern("*")], key: [.claim(["sub"])],
                numbers: LimitNumbers(limit: 1, periodNanoseconds: increment, burst: 1))
        ])
        let tally = Tally()
        onThreads(4) { index in
            let decider = evaluator(policy)
            let connection = subject("alice")
            var passed: [Int64] = []
            for _ in 0..<5_000 {
                let now = tally.clock.wrappingAdd(150, ordering: .relaxed).newValue
                if index == 3 {
                    policy.forgetFullBuckets(now: at(now), wall: midnight)
                } else if decider.refusal(connection, now) == nil {
                    passed.append(now)
                }
            }
            tally.stamps.withLock { $0 += passed }
        }
        let count = tally.stamps.withLock { $0.count }
        let span = tally.clock.load(ordering: .relaxed) - 1_000
        #expect(Int64(count) <= span / increment + 1)
        #expect(count > 10)
    }
}
