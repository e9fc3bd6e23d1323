import NIOCore
import NIOEmbedded
import SluiceUpstream
import SluiceVocabulary
import Testing

/// How calls spread, against what theory says of each algorithm. All with seeds.
@Suite struct DistributionTests {
    private let loop = EmbeddedEventLoop()

    private func service(
        _ balance: BalanceSettings, weights: [Int], seed: UInt64 = 1
    ) throws -> BalanceSimulation {
        let loop = loop
        let tick = LoopTick(clocks: ManualClocks()) { tick in
            loop.assumeIsolated().execute { tick.finish() }
        }
        let definition = ServiceDefinition(
            name: "s",
            instances: weights.enumerated().map { index, weight in
                ServiceInstance(
                    InstanceAddress(host: "192.0.2.\(index)", port: 9_000), weight: weight)
            }, balance: balance)
        return try BalanceSimulation(loop: loop, tick: tick, definition: definition, seed: seed)
    }

    @Test("equal weights go round: no instance is ever more than one call ahead")
    func rotation() throws {
        let service = try service(BalanceSettings(), weights: Array(repeating: 1, count: 7))
        var counts = Array(repeating: 0, count: 7)
        for _ in 0..<1_000 {
            counts[service.begin(key: 0)] += 1
            #expect((counts.max() ?? 0) - (counts.min() ?? 0) <= 1)
        }
    }

    @Test("weights are met exactly and smoothly: at any time within one call of the share")
    func weightedRotation() throws {
        let weights = [5, 1, 1, 3]
        let service = try service(BalanceSettings(), weights: weights)
        var counts = Array(repeating: 0, count: 4)
        for call in 1...10_000 {
            counts[service.begin(key: 0)] += 1
            for (place, weight) in weights.enumerated() {
                let share = Double(call * weight) / 10
                // One call of its own, one of the phase it began with.
                #expect(abs(Double(counts[place]) - share) <= 2, "call \(call)")
            }
        }
    }

    @Test("the schedule of weights goes on over the end of its numbers")
    func longRotation() {
        var random = SeededRandom(seed: 3)
        var rotation = RoundRobin()
        rotation.rebuild(weights: [1, 1_000_000], random: &random)
        var counts = [0, 0]
        for _ in 0..<3_000_000 { counts[rotation.next()] += 1 }
        #expect((2...4).contains(counts[0]))
    }

    /// Chi-squared with 9 degrees of freedom is below 27.9 in 999 of 1,000 runs.
    @Test(
        "least request with nothing under way is a fair draw",
        arguments: 1...3 as ClosedRange<UInt64>)
    func fairDraw(seed: UInt64) throws {
        let service = try service(
            BalanceSettings(by: .leastRequest), weights: Array(repeating: 1, count: 10), seed: seed)
        var counts = Array(repeating: 0.0, count: 10)
        for _ in 0..<20_000 {
            let place = service.begin(key: 0)
            counts[place] += 1
            service.end(place)
        }
        let chiSquared = counts.reduce(0) { $0 + ($1 - 2_000) * ($1 - 2_000) / 2_000 }
        #expect(chiSquared < 27.9, "seed \(seed): \(counts)")
    }

    /// Mitzenmacher: with n balls in n bins the fullest bin of two choices holds about
    /// ln ln n / ln 2 more than the mean, of one choice about ln n / ln ln n.
    @Test("two choices keep the fullest instance within a few calls of the mean")
    func twoChoices() throws {
        let service = try service(
            BalanceSettings(by: .leastRequest), weights: Array(repeating: 1, count: 100), seed: 5)
        var counts = Array(repeating: 0, count: 100)
        for _ in 0..<10_000 { counts[service.begin(key: 0)] += 1 }
        #expect((counts.max() ?? 0) <= 104)
        #expect((counts.min() ?? 0) >= 94)
    }

    @Test("least request gives weights their share of calls and of load")
    func weightedLeastRequest() throws {
        let weights = [4, 2, 1, 1]
        let service = try service(BalanceSettings(by: .leastRequest), weights: weights, seed: 7)
        var counts = Array(repeating: 0, count: 4)
        for _ in 0..<8_000 { counts[service.begin(key: 0)] += 1 }
        for (place, weight) in weights.enumerated() {
            let share = Double(counts[place]) / 8_000
            #expect(abs(share - Double(weight) / 8) < 0.02, "\(counts)")
        }
    }

    @Test("an instance that answers slowly gets fewer calls under least request")
    func slowInstance() throws {
        let service = try service(
            BalanceSettings(by: .leastRequest), weights: [1, 1, 1, 1], seed: 9)
        var counts = Array(repeating: 0, count: 4)
        var held = 0
        for call in 0..<4_000 {
            let place = service.begin(key: 0)
            counts[place] += 1
            if place != 0 {
                service.end(place)
            } else {
                held += 1
            }
            if call % 20 == 0, held > 0 {
                service.end(0)
                held -= 1
            }
        }
        #expect(counts[0] < counts[1] / 4, "\(counts)")
    }

    @Test("keys spread evenly over a hash, and by weight")
    func hashSpread() throws {
        let even = try service(
            BalanceSettings(by: .hash), weights: Array(repeating: 1, count: 10))
        var counts = Array(repeating: 0, count: 10)
        for key in 0..<100_000 as Range<UInt64> { counts[even.begin(key: key)] += 1 }
        #expect(counts.allSatisfy { abs($0 - 10_000) < 1_200 }, "\(counts)")
        let weighted = try service(BalanceSettings(by: .hash), weights: [6, 3, 1])
        var shares = Array(repeating: 0, count: 3)
        for key in 0..<100_000 as Range<UInt64> { shares[weighted.begin(key: key)] += 1 }
        for (place, weight) in [6, 3, 1].enumerated() {
            #expect(abs(shares[place] - weight * 10_000) < 2_000, "\(shares)")
        }
    }

    @Test(
        "when an instance leaves a hash only its own keys move, at most 1/n + 5 %",
        arguments: [3, 10, 50])
    func hashMoves(count: Int) throws {
        let service = try service(
            BalanceSettings(by: .hash), weights: Array(repeating: 1, count: count))
        let keys = 0..<20_000 as Range<UInt64>
        let before = keys.map { service.begin(key: $0) }
        service.setReachable(1, false)
        let during = keys.map { service.begin(key: $0) }
        var moved = 0
        for (old, new) in zip(before, during) {
            #expect(old == 1 ? new != 1 : new == old)
            if old != new { moved += 1 }
        }
        #expect(Double(moved) / 20_000 <= 1 / Double(count) + 0.05)
        service.setReachable(1, true)
        #expect(keys.map { service.begin(key: $0) } == before)
    }

    @Test("bounded load: no instance has more than its bound, even when all keys are one")
    func boundedLoad() throws {
        let service = try service(
            BalanceSettings(by: .hash, boundedLoad: 1.25), weights: Array(repeating: 1, count: 8))
        var loads = Array(repeating: 0, count: 8)
        for call in 1...4_000 {
            // Half of all calls have one key.
            loads[service.begin(key: call % 2 == 0 ? 42 : UInt64(call))] += 1
            let bound = (1.25 * Double(call) / 8).rounded(.up)
            #expect(Double(loads.max() ?? 0) <= bound, "call \(call)")
        }
    }

    @Test("a bound that is not reached changes nothing")
    func boundNotReached() throws {
        let plain = try service(BalanceSettings(by: .hash), weights: [1, 1, 1])
        let bounded = try service(BalanceSettings(by: .hash, boundedLoad: 3), weights: [1, 1, 1])
        for key in 0..<500 as Range<UInt64> {
            let place = bounded.begin(key: key)
            #expect(place == plain.begin(key: key))
            bounded.end(place)
        }
    }
}
