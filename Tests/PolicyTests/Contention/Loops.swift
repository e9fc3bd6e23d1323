import Foundation
import SluicePolicy
import SluiceVocabulary
import Synchronization

/// Runs a block on several threads at once and waits for all.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let done = DispatchSemaphore(value: 0)
    for index in 0..<count {
        Thread {
            body(index)
            done.signal()
        }.start()
    }
    for _ in 0..<count { done.wait() }
}

/// Three loops that decide, and a control room that publishes snapshots to them as the gateway does:
/// the next only after every loop has adopted the last.
final class Loops: Sendable {
    static let count = 3

    private let current: Mutex<PolicySnapshot>
    private let version = Atomic<Int>(0)
    private let adopted: [3 of Atomic<Int>] = InlineArray { _ in Atomic(0) }
    private let clock: Atomic<Int64>
    /// By what time each loop decides, or an earlier one.
    private let decidesAt: [3 of Atomic<Int64>] = InlineArray { _ in Atomic(Int64.min) }

    init(_ first: PolicySnapshot, start: Int64) {
        current = Mutex(first)
        clock = Atomic(start)
    }

    /// The time of the latest call.
    var now: Int64 { clock.load(ordering: .acquiring) }

    var snapshot: PolicySnapshot { current.withLock { $0 } }

    /// One loop: an evaluator and a clock of its own, which may lag behind.
    struct Loop {
        let index: Int
        let decider: PolicyEvaluator
        var random: SeededRandom
        fileprivate var version = 0
    }

    /// Lets every loop call `body` so many times, with the reloads in between, and waits for all.
    ///
    /// - Parameters:
    ///   - step: most nanoseconds from one call to the next, of any loop.
    ///   - reloads: models to change to, over and over; none means that nothing is reloaded.
    func run(
        _ calls: Int, seed: UInt64, step: Int64, reloads: [LimitRule] = [], forgets: Bool = false,
        _ body: @escaping @Sendable (inout Loop, _ now: Int64) -> Void,
        atEnd: @escaping @Sendable (inout Loop) -> Void = { _ in }
    ) {
        let running = Atomic<Int>(Self.count)
        onThreads(Self.count + 1) { [self] index in
            if index == Self.count {
                reload(reloads, forgets: forgets) { running.load(ordering: .acquiring) > 0 }
                return
            }
            var loop = Loop(
                index: index, decider: evaluator(snapshot),
                random: SeededRandom(seed: seed * 10 + UInt64(index)))
            for call in 0..<calls {
                if call % 50 == 0 { adoptNewest(&loop) }
                let passed = Int64.random(in: 0...step, using: &loop.random)
                let now = clock.wrappingAdd(passed, ordering: .acquiringAndReleasing).newValue
                decidesAt[index].store(now, ordering: .releasing)
                body(&loop, now)
            }
            atEnd(&loop)
            decidesAt[index].store(Int64.max, ordering: .releasing)
            adopted[index].store(Int.max, ordering: .releasing)
            running.wrappingSubtract(1, ordering: .acquiringAndReleasing)
        }
    }

    private func adoptNewest(_ loop: inout Loop) {
        let newest = version.load(ordering: .acquiring)
        if newest == loop.version { return }
        loop.decider.adopt(snapshot)
        loop.version = newest
        adopted[loop.index].store(newest, ordering: .releasing)
    }

    /// No loop decides by an earlier time.
    private var slowest: Int64 {
        var earliest = now
        for index in 0..<Self.count {
            earliest = min(earliest, decidesAt[index].load(ordering: .acquiring))
        }
        return earliest
    }

    private func reload(_ rules: [LimitRule], forgets: Bool, while goesOn: () -> Bool) {
        var number = 0
        while goesOn() {
            number += 1
            if forgets {
                let now = slowest
                if now >= 0 {
                    snapshot.forgetFullBuckets(
                        now: at(now), wall: WallTime(microseconds: now / 1_000))
                }
            }
            if !rules.isEmpty {
                let next = PolicyTests.snapshot(
                    [rules[number % rules.count]], previous: snapshot)
                current.withLock { $0 = next }
                version.wrappingAdd(1, ordering: .releasing)
            }
            for index in 0..<Self.count {
                while adopted[index].load(ordering: .acquiring) < version.load(ordering: .relaxed) {
                    sched_yield()
                }
            }
            sched_yield()
        }
    }
}
