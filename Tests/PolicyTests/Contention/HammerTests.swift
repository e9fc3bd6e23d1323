import SluicePolicy
import SluiceVocabulary
import Synchronization
import Testing

/// Three loops at one key of each algorithm, while another thread reloads and forgets. What passed is
/// counted outside.
@Suite("Never one call too many, of any algorithm", .serialized)
struct HammerTests {
    private func rule(_ algorithm: LimitAlgorithm, _ limit: Int64, per: Int64 = 1_000_000)
        -> LimitRule
    {
        var rule = perUser(algorithm, limit: limit, per: per, .minute)
        rule.key = []
        return rule
    }

    /// Stamps of calls that passed.
    private final class Stamps: Sendable {
        let all = Mutex<[Int64]>([])
        func add(_ stamp: Int64) { all.withLock { $0.append(stamp) } }
        var sorted: [Int64] { all.withLock { $0.sorted() } }
    }

    @Test("a sliding window at its roll-over, also under reloads", arguments: 1...4)
    func window(seed: Int) {
        let per: Int64 = 1_000_000
        let limits: [Int64] = seed % 2 == 0 ? [40] : [40, 10, 25]
        let reloads = seed % 2 == 0 ? [] : limits.map { rule(.slidingWindow, $0) }
        let loops = Loops(snapshot([rule(.slidingWindow, limits[0])]), start: 5)
        let passed = Stamps()
        loops.run(20_000, seed: UInt64(seed), step: 12_000, reloads: reloads, forgets: true) {
            loop, now in
            if loop.decider.refusal(subject("alice"), now) == nil { passed.add(now) }
        }
        let stamps = passed.sorted
        let windows = Dictionary(grouping: stamps) { $0 / per }
        for (window, calls) in windows {
            let before = Int128(windows[window - 1]?.count ?? 0)
            for (index, stamp) in calls.enumerated() {
                let weight = before * Int128(per - stamp % per)
                #expect(Int128(index + 1) * Int128(per) + weight <= 40 * Int128(per))
            }
        }
        #expect(stamps.count > 1_000)
    }

    @Test("a quota at the end of its period", arguments: 1...3)
    func quota(seed: Int) {
        let minute: Int64 = 60_000_000_000
        let loops = Loops(snapshot([rule(.quota, 100)]), start: 0)
        let passed = Stamps()
        loops.run(20_000, seed: UInt64(seed), step: minute / 500, forgets: true) { loop, now in
            let one = loop.decider.refusal(subject("alice"), now, wall: now / 1_000)
            if one == nil { passed.add(now) }
        }
        // A call of the old period that came after the first of the new counts in the new one.
        let stamps = passed.sorted
        let periods = loops.now / minute + 1
        #expect(Int64(stamps.count) <= 100 * periods)
        #expect(Int64(stamps.count) >= 100 * (periods - 1))
        let byPeriod = Dictionary(grouping: stamps) { $0 / minute }.mapValues(\.count)
        #expect(byPeriod.values.allSatisfy { $0 <= 100 + 2 * Loops.count })
    }

    @Test("a quota whose limit changes lets no more through than the largest allows")
    func quotaReloads() {
        let limits: [Int64] = [3_000, 1_000, 2_000]
        let loops = Loops(snapshot([rule(.quota, limits[0])]), start: 0)
        let passed = Stamps()
        loops.run(20_000, seed: 7, step: 0, reloads: limits.map { rule(.quota, $0) }) { loop, now in
            if loop.decider.refusal(subject("alice"), now) == nil { passed.add(now) }
        }
        #expect(passed.sorted.count <= 3_000)
        #expect(passed.sorted.count >= 990)
    }

    @Test("a queue lets no two calls leave closer than its rate", arguments: 1...3)
    func queue(seed: Int) {
        let loops = Loops(snapshot([rule(.leakyBucket, 10)]), start: 1_000)
        let leaving = Stamps()
        loops.run(20_000, seed: UInt64(seed), step: 100_000, forgets: true) { loop, now in
            if let wait = loop.decider.wait(subject("alice"), now) { leaving.add(now + wait) }
        }
        let stamps = leaving.sorted
        #expect(stamps.count > 1_000)
        #expect(zip(stamps, stamps.dropFirst()).allSatisfy { $1 - $0 >= 100_000 })
    }

    /// Calls under way, counted outside.
    private final class Inside: Sendable {
        let now = Atomic<Int64>(0)
        let most = Atomic<Int64>(0)
        let passed = Atomic<Int64>(0)
        /// Each loop's own leases: only their loop touches them.
        let leases: [3 of Mutex<[Lease]>] = InlineArray { _ in Mutex([]) }

        func enter() {
            let inside = now.wrappingAdd(1, ordering: .acquiringAndReleasing).newValue
            most.max(inside, ordering: .acquiringAndReleasing)
            passed.wrappingAdd(1, ordering: .relaxed)
        }
        func leave() { now.wrappingSubtract(1, ordering: .acquiringAndReleasing) }
    }

    @Test(
        "places are held by so many at once and no more, while others are refused half-way",
        arguments: 1...4)
    func places(seed: Int) {
        let limits: [Int64] = seed % 2 == 0 ? [9] : [9, 3, 6]
        let reloads = seed % 2 == 0 ? [] : limits.map { rule(.concurrency, $0) }
        let scarce = (0..<6).map { index in
            var scarce = rule(.tokenBucket, 1, per: 1_000)
            scarce.name = "scarce-\(index)"
            return scarce
        }
        let first = snapshot([rule(.concurrency, 9)] + (seed % 2 == 0 ? scarce : []))
        let loops = Loops(first, start: 0)
        let inside = Inside()
        loops.run(
            20_000, seed: UInt64(seed), step: 300, reloads: reloads, forgets: true,
            { loop, now in
                let mine = inside.leases[loop.index].withLock { $0 }
                if !mine.isEmpty, loop.random.chance(50) {
                    inside.leave()
                    loop.decider.release(mine[0])
                    inside.leases[loop.index].withLock { _ = $0.removeFirst() }
                } else if let permit = loop.decider.permit(call(), subject("alice"), now) {
                    inside.enter()
                    inside.leases[loop.index].withLock { $0.append(permit.lease) }
                }
            },
            atEnd: { loop in
                for lease in inside.leases[loop.index].withLock({ $0 }) {
                    inside.leave()
                    loop.decider.release(lease)
                }
                #expect(loop.decider.heldLeases == 0)
            })
        #expect(inside.most.load(ordering: .relaxed) <= 9)
        #expect(inside.passed.load(ordering: .relaxed) > 500)
        let last = snapshot([rule(.concurrency, 9)], previous: loops.snapshot)
        #expect(evaluator(last).passes(20, subject("bob"), loops.now) == 9)
    }

    @Test("a ban counts every refusal once, whoever refused")
    func ban() {
        var rule = rule(.tokenBucket, 1, per: 3_600 * second)
        rule.ban = LimitBan(after: 30_000, withinMilliseconds: 1_000, forMilliseconds: 60_000)
        let loops = Loops(snapshot([rule]), start: 0)
        let banned = Stamps()
        let refused = Atomic<Int>(0)
        loops.run(15_000, seed: 1, step: 0) { loop, now in
            guard let refusal = loop.decider.refusal(subject("alice"), now) else { return }
            if refusal.retryAfterMilliseconds == 60_000 { banned.add(now) }
            refused.wrappingAdd(1, ordering: .relaxed)
        }
        // The one that fills it already says so.
        let all = refused.load(ordering: .relaxed)
        #expect(all == 44_999)
        #expect(banned.sorted.count == all - 29_999)
    }
}
