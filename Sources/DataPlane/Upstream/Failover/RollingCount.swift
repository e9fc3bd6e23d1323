package import SluiceVocabulary

/// Sums over the last while, in ten slices: what is older than the window falls out slice by slice.
package struct RollingCount {
    private static let slices = 10

    private var sliceNanoseconds: Int64
    private var first: [10 of Int64] = .init(repeating: 0)
    private var second: [10 of Int64] = .init(repeating: 0)
    private var slice = 0
    private var sliceEnd = MonotonicTime(nanoseconds: .min)
    /// Over the window.
    package private(set) var total: Int64 = 0
    package private(set) var marked: Int64 = 0

    package init(windowMilliseconds: Int64) {
        sliceNanoseconds = max(1, windowMilliseconds * 1_000_000 / Int64(Self.slices))
    }

    /// Adds to `total`, and to `marked` too.
    @inline(__always)
    package mutating func add(_ amount: Int64, marked more: Int64 = 0, now: MonotonicTime) {
        if now >= sliceEnd { turn(now) }
        first[slice] &+= amount
        second[slice] &+= more
        total &+= amount
        marked &+= more
    }

    /// Lets go of what is too old.
    @inline(__always)
    package mutating func advance(to now: MonotonicTime) { if now >= sliceEnd { turn(now) } }

    package mutating func clear() {
        for slice in 0..<Self.slices {
            first[slice] = 0
            second[slice] = 0
        }
        total = 0
        marked = 0
    }

    private mutating func turn(_ now: MonotonicTime) {
        guard sliceEnd.nanoseconds != .min else {
            sliceEnd = MonotonicTime(nanoseconds: now.nanoseconds &+ sliceNanoseconds)
            return
        }
        let passed = now.nanoseconds(since: sliceEnd) / sliceNanoseconds + 1
        for _ in 0..<min(passed, Int64(Self.slices)) {
            slice = slice + 1 < Self.slices ? slice + 1 : 0
            total &-= first[slice]
            marked &-= second[slice]
            first[slice] = 0
            second[slice] = 0
        }
        sliceEnd = MonotonicTime(nanoseconds: sliceEnd.nanoseconds &+ passed &* sliceNanoseconds)
    }
}
