import SluiceVocabulary

/// Deadlines of many calls, kept coarsely: insert and remove in constant time, no allocation.
///
/// A hashed wheel (Varghese and Lauck, 1987, scheme 6): deadlines are rounded up to whole steps of
/// 2^23 ns (8.4 ms) and put into one of 1,024 buckets; what is due in a later turn of the wheel
/// stays. A deadline is never met early and at most one step late.
struct TimingWheel {
    private static let stepShift: Int64 = 23
    private static let buckets: Int64 = 1_024

    private var lists = IndexLists(lists: Int(buckets))
    private var steps: [Int64] = []
    /// The last step that was looked at.
    private var current: Int64 = 0
    /// Entries in the wheel.
    private(set) var count = 0

    private static func step(atOrAfter time: MonotonicTime) -> Int64 {
        (time.nanoseconds &+ (1 << stepShift) &- 1) >> stepShift
    }

    private static func bucket(of step: Int64) -> Int32 {
        Int32(truncatingIfNeeded: step & (buckets &- 1))
    }

    /// Makes room for indexes below `count`.
    mutating func grow(to count: Int) {
        lists.growIndexes(to: count)
        steps.append(contentsOf: repeatElement(0, count: max(0, count - steps.count)))
    }

    /// Adds `index`, which must not be in the wheel.
    /// - Returns: when the deadline is met: `deadline` rounded up to a whole step.
    mutating func insert(_ index: Int32, deadline: MonotonicTime, now: MonotonicTime)
        -> MonotonicTime
    {
        if count == 0 { current = now.nanoseconds >> Self.stepShift }
        let step = max(Self.step(atOrAfter: deadline), current &+ 1)
        steps[Int(index)] = step
        lists.insert(index, into: Self.bucket(of: step))
        count &+= 1
        return MonotonicTime(nanoseconds: step << Self.stepShift)
    }

    /// Takes `index` out. Does nothing when it is not in the wheel.
    mutating func remove(_ index: Int32) {
        if lists.remove(index) { count &-= 1 }
    }

    /// Takes out every entry that is due at `now`.
    mutating func expire(now: MonotonicTime) -> [Int32] {
        let last = now.nanoseconds >> Self.stepShift
        guard last > current else { return [] }
        var due: [Int32] = []
        // After a full turn every bucket has been seen once.
        for step in (current &+ 1)...min(last, current &+ Self.buckets) {
            var index = lists.first(of: Int(Self.bucket(of: step)))
            while index >= 0 {
                let following = lists.next(after: index)
                if steps[Int(index)] <= last {
                    remove(index)
                    due.append(index)
                }
                index = following
            }
        }
        current = last
        return due
    }

    /// The earliest time at which `expire` can find something, nil when the wheel is empty.
    ///
    /// May be too early by whole turns where only later turns are in the bucket.
    var nextDue: MonotonicTime? {
        guard count > 0 else { return nil }
        for step in (current &+ 1)...(current &+ Self.buckets)
        where lists.first(of: Int(Self.bucket(of: step))) >= 0 {
            return MonotonicTime(nanoseconds: step << Self.stepShift)
        }
        return nil
    }
}
