import CAllocationCounter
import NIOCore
import NIOEmbedded
import SluiceUpstream
import SluiceVocabulary

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Measures what choosing an instance and keeping its health costs a call, with 100 instances.
///
///     balance [--instances 100]
///
/// CPU time of the thread, the best of several rounds, choice and end of a call together. Exit code 1
/// where one is over 100 ns or allocates.
@main
enum Main {
    static func main() throws {
        let count =
            CommandLine.arguments.firstIndex(of: "--instances")
            .flatMap { Int(CommandLine.arguments[$0 + 1]) } ?? 100
        var isGood = true
        let variants: [(String, BalanceSettings, [Int], BreakerSettings?, Bool)] = [
            ("round robin", BalanceSettings(), [1], nil, false),
            ("round robin, weights", BalanceSettings(), [1, 2, 5], nil, false),
            ("least request", BalanceSettings(by: .leastRequest), [1], nil, false),
            ("least request, weights", BalanceSettings(by: .leastRequest), [1, 2, 5], nil, false),
            ("hash", BalanceSettings(by: .hash), [1], nil, false),
            ("hash, bounded load", BalanceSettings(by: .hash, boundedLoad: 1.25), [1], nil, false),
            ("ordered", BalanceSettings(), [1], nil, true),
            ("round robin, breakers", BalanceSettings(), [1], BreakerSettings(), false),
        ]
        for (name, balance, weights, breaker, isOrdered) in variants {
            let service = try make(count, balance, weights, breaker)
            let nanoseconds = measure(service, isOrdered: isOrdered)
            let before = Int(allocation_count())
            walk(service, 10_000, isOrdered: isOrdered)
            let allocations = Int(allocation_count()) - before
            isGood = isGood && nanoseconds <= 100 && allocations == 0
            let tenths = Int((nanoseconds * 10).rounded())
            let padding = String(repeating: " ", count: 26 - name.count)
            print(
                "\(name)\(padding)\(tenths / 10).\(tenths % 10) ns  (at most 100)  "
                    + "\(allocations) allocations in 10,000 calls")
        }
        if !isGood { exit(1) }
    }

    private static func make(
        _ count: Int, _ balance: BalanceSettings, _ weights: [Int], _ breaker: BreakerSettings?
    ) throws -> BalanceSimulation {
        let loop = EmbeddedEventLoop()
        let tick = LoopTick(clocks: StandingClocks()) { _ in }
        return try BalanceSimulation(
            loop: loop, tick: tick,
            definition: ServiceDefinition(
                name: "s",
                instances: (0..<count).map { index in
                    ServiceInstance(
                        InstanceAddress(host: "192.0.2.\(index)", port: 9_000),
                        weight: weights[index % weights.count])
                }, balance: balance, breaker: breaker), seed: 1)
    }

    private static func measure(_ service: BalanceSimulation, isOrdered: Bool) -> Double {
        let calls = 200_000
        walk(service, calls, isOrdered: isOrdered)
        return (0..<7).map { _ in
            let start = threadNanoseconds()
            walk(service, calls, isOrdered: isOrdered)
            return (threadNanoseconds() - start) / Double(calls)
        }.min() ?? 0
    }

    /// Calls with 64 under way at a time, every hundredth of which fails.
    private static func walk(_ service: BalanceSimulation, _ calls: Int, isOrdered: Bool) {
        var flying: [64 of Int] = .init(repeating: -1)
        for call in 0..<calls {
            let slot = call & 63
            if flying[slot] >= 0 { service.end(flying[slot], ok: call % 100 != 0) }
            flying[slot] = service.begin(key: UInt64(call) &* 2_654_435_761, isOrdered: isOrdered)
        }
        for slot in 0..<64 where flying[slot] >= 0 { service.end(flying[slot]) }
    }

    private static func threadNanoseconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
    }
}

/// Time that stands: what is measured reads no clock.
struct StandingClocks: Clocks {
    func monotonic() -> MonotonicTime { MonotonicTime(nanoseconds: 1_000_000_000) }
    func wall() -> WallTime { WallTime(microseconds: 1_764_417_600_000_000) }
}
