import Synchronization

/// How many entries per second a group of classes may write: one number for the whole process.
///
/// Time is cut into windows of 100 ms with a fixed number of tokens each; loops draw tokens with
/// compare-and-swap, so the budget holds whatever the loops do. Loops also tell each other how many
/// requests they saw, which gives the stride that spreads the tokens over the window.
final class SampleBudget: Sendable {
    static let windowNanoseconds: Int64 = 100_000_000
    private static let windowsPerSecond: UInt64 = 10
    private static let countMask: UInt64 = 0xFF_FFFF

    private let ratePerSecond: Atomic<UInt64>
    /// Window in the high 40 bits, tokens left in the low 24.
    private let pool = Atomic<UInt64>(0)
    /// Per loop: window in the high 40 bits, requests seen in it in the low 24.
    private let demand: [DemandCell]

    init(ratePerSecond: Int, loops: Int) {
        self.ratePerSecond = Atomic(Self.bounded(ratePerSecond))
        demand = (0..<loops).map { _ in DemandCell() }
    }

    func setRate(_ perSecond: Int) {
        ratePerSecond.store(Self.bounded(perSecond), ordering: .relaxed)
    }

    /// 10 million per second is far above what any journal takes and keeps the arithmetic exact.
    private static func bounded(_ rate: Int) -> UInt64 { UInt64(min(max(rate, 0), 10_000_000)) }

    /// Takes one token of a window, or of a later one if another loop is ahead.
    func take(window: UInt64) -> Bool {
        var seen = pool.load(ordering: .relaxed)
        while true {
            let isNew = seen >> 24 < window
            let left = isNew ? tokens(in: window) : seen & Self.countMask
            guard left > 0 else { return false }
            let next = (isNew ? window : seen >> 24) << 24 | (left - 1)
            let (done, now) = pool.compareExchange(
                expected: seen, desired: next, ordering: .relaxed)
            if done { return true }
            seen = now
        }
    }

    /// A small rate has windows with no token; ten windows together have exactly the rate.
    private func tokens(in window: UInt64) -> UInt64 {
        let rate = ratePerSecond.load(ordering: .relaxed)
        let upTo = (window &+ 1) &* rate / Self.windowsPerSecond
        return min(upTo &- window &* rate / Self.windowsPerSecond, Self.countMask)
    }

    /// Publishes what a loop saw in the window before `window` and says how many requests one entry
    /// should stand for now.
    func stride(loop: Int, window: UInt64, seenBefore: UInt64) -> UInt32 {
        let count = min(seenBefore, Self.countMask)
        demand[loop].word.store((window &- 1) << 24 | count, ordering: .relaxed)
        var total: UInt64 = 0
        for cell in demand {
            let word = cell.word.load(ordering: .relaxed)
            // A loop that has not rolled over yet still shows the window before.
            if word >> 24 &+ 2 >= window { total &+= word & Self.countMask }
        }
        let rate = ratePerSecond.load(ordering: .relaxed)
        guard rate > 0 else { return UInt32.max >> 1 }
        let stride = (total &* Self.windowsPerSecond &+ rate &- 1) / rate
        return UInt32(clamping: min(max(stride, 1), 1 << 30))
    }
}

private final class DemandCell: Sendable {
    let word = Atomic<UInt64>(0)
}

/// One loop's share of a budget: which requests get an entry.
///
/// The distance between two entries is random with the stride as its mean, so that a load with a
/// rhythm is not sampled in step with it.
struct Sampler {
    private let budget: SampleBudget
    private let loop: Int
    private var random: UInt64
    private var stride: UInt32 = 1
    private var countdown: UInt32 = 1
    private var seen: UInt64 = 0
    private var isExhausted = false

    init(budget: SampleBudget, loop: Int) {
        self.budget = budget
        self.loop = loop
        random = 0x9E37_79B9_7F4A_7C15 &* UInt64(loop &+ 1)
    }

    /// Counts one request; true when it is the next in line for an entry.
    @inline(__always)
    mutating func isNext() -> Bool {
        seen &+= 1
        countdown &-= 1
        return countdown == 0
    }

    /// True when the budget has room for the request that is next in line.
    mutating func take(window: UInt64) -> Bool {
        if budget.take(window: window) {
            countdown = distance()
            return true
        }
        // Nothing more in this window: do not ask again before the next.
        isExhausted = true
        countdown = .max
        return false
    }

    /// Starts a window. `previous` is the one before it on this loop.
    mutating func roll(to window: UInt64, from previous: UInt64) {
        let seenBefore = previous &+ 1 == window ? seen : 0
        seen = 0
        stride = budget.stride(loop: loop, window: window, seenBefore: seenBefore)
        let fresh = distance()
        countdown = isExhausted ? fresh : min(countdown, fresh)
        isExhausted = false
    }

    /// Uniform in 1...2 * stride - 1 (xorshift64).
    private mutating func distance() -> UInt32 {
        random ^= random << 13
        random ^= random >> 7
        random ^= random << 17
        return 1 + UInt32(truncatingIfNeeded: random >> 32) % (2 &* stride &- 1)
    }
}
