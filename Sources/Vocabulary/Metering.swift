public import Synchronization

/// A number that only grows, written by one thread and read by any.
///
/// Writers use `add` without a locked instruction: two threads writing the same counter lose
/// counts. Every loop therefore has counters of its own; the registry adds them up at a scrape.
///
/// Public because only then is `add` inlined into other modules (decision 0020): as `package` it
/// would cost a call and a pair of locked instructions for every count.
public final class Counter: Sendable {
    @usableFromInline
    let word = Atomic<UInt64>(0)

    package init() {}

    /// Adds `amount`. Only the thread that owns this counter may call it.
    @inlinable
    public func add(_ amount: UInt64 = 1) {
        word.store(word.load(ordering: .relaxed) &+ amount, ordering: .relaxed)
    }

    /// Adds `amount` from any thread. Dearer than `add`: a locked instruction.
    package func addShared(_ amount: UInt64 = 1) { word.wrappingAdd(amount, ordering: .relaxed) }

    package var value: UInt64 { word.load(ordering: .relaxed) }
}

/// A number that goes up and down, written by one thread and read by any. Public like `Counter`.
public final class Gauge: Sendable {
    @usableFromInline
    let word = Atomic<Int64>(0)

    package init() {}

    /// Changes the value by `amount`. Only the thread that owns this gauge may call it.
    @inlinable
    public func add(_ amount: Int64) {
        word.store(word.load(ordering: .relaxed) &+ amount, ordering: .relaxed)
    }

    /// Sets the value, from any thread.
    package func set(_ value: Int64) { word.store(value, ordering: .relaxed) }

    package var value: Int64 { word.load(ordering: .relaxed) }
}

/// A distribution of durations over fixed buckets, written by one thread and read by any.
package final class DurationHistogram: Sendable {
    /// Upper bounds in nanoseconds, 0.5 ms to 10 s; a last bucket takes what is longer.
    package static let boundsNanoseconds: [Int64] = [
        500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000, 100_000_000,
        250_000_000, 500_000_000, 1_000_000_000, 2_500_000_000, 5_000_000_000, 10_000_000_000,
    ]

    private let buckets: [15 of Counter] = InlineArray { _ in Counter() }
    private let sum = Counter()
    /// One for each bucket; none where the histogram remembers no requests.
    private let exemplarCells: [ExemplarCell]

    /// - Parameter hasExemplars: each bucket remembers the last request that `note` was told.
    package init(hasExemplars: Bool = false) {
        exemplarCells = hasExemplars ? (0..<15).map { _ in ExemplarCell() } : []
    }

    /// Remembers a request that was counted. Only the thread that owns this histogram may call it;
    /// it allocates nothing.
    package func note(_ exemplar: Exemplar) {
        guard !exemplarCells.isEmpty else { return }
        exemplarCells[Self.bucket(of: max(0, exemplar.nanoseconds))].write(exemplar)
    }

    /// For each bucket the request noted last; empty where none is remembered.
    package var exemplars: [Exemplar?] { exemplarCells.map { $0.read() } }

    /// Counts one duration. Only the thread that owns this histogram may call it.
    package func record(nanoseconds: Int64) {
        let clamped = max(0, nanoseconds)
        buckets[Self.bucket(of: clamped)].add()
        sum.add(UInt64(clamped))
    }

    /// Most requests take less than the first bounds, so a walk from the front beats a binary search.
    private static func bucket(of nanoseconds: Int64) -> Int {
        if nanoseconds <= 500_000 { return 0 }
        if nanoseconds <= 1_000_000 { return 1 }
        if nanoseconds <= 2_500_000 { return 2 }
        if nanoseconds <= 5_000_000 { return 3 }
        if nanoseconds <= 10_000_000 { return 4 }
        if nanoseconds <= 25_000_000 { return 5 }
        return 6 + boundsNanoseconds[6...].prefix { nanoseconds > $0 }.count
    }

    /// Counts per bucket, not cumulative: one more than there are bounds.
    package var counts: [UInt64] { (0..<15).map { buckets[$0].value } }

    /// Sum of all durations in nanoseconds.
    package var sumNanoseconds: UInt64 { sum.value }
}
