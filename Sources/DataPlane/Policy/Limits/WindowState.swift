import Synchronization

/// The state of a bucket that counts in windows, in two words: the window with generation and
/// "retired" as in `BucketWord`, and its counts.
struct WindowState: Equatable {
    private static let windowBits: UInt64 = 57
    private static let windowMask: UInt64 = 1 << 57 - 1

    let head: UInt64
    let counts: UInt64

    init(head: UInt64, counts: UInt64) {
        self.head = head
        self.counts = counts
    }

    /// Counts of a `sliding_window`: those of `window` and of the one before it, each below 2^32.
    init(window: Int64, current: Int64, previous: Int64, generation: UInt64) {
        head = UInt64(bitPattern: window) & Self.windowMask | generation << Self.windowBits
        counts = UInt64(previous) << 32 | UInt64(current)
    }

    /// The count of a `quota`.
    init(period: Int64, count: Int64, generation: UInt64) {
        head = UInt64(bitPattern: period) & Self.windowMask | generation << Self.windowBits
        counts = UInt64(count)
    }

    static let retired = Self(head: BucketWord.retired.rawValue, counts: 0)

    var pair: WordPair { WordPair(first: UInt(head), second: UInt(counts)) }
    var isRetired: Bool { BucketWord(rawValue: head).isRetired }
    var generation: UInt64 { BucketWord(rawValue: head).generation }
    func isOf(_ generation: UInt64) -> Bool { BucketWord(rawValue: head).isOf(generation) }

    /// The window's number; may be negative where the wall clock stands before 1970.
    var window: Int64 { Int64(bitPattern: head << 7) >> 7 }
    var current: Int64 { Int64(counts & 0xFFFF_FFFF) }
    var previous: Int64 { Int64(counts >> 32) }
    var count: Int64 { Int64(counts) }
}
