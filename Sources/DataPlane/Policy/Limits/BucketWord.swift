/// The state of a bucket in 64 bits: 57 of value, 6 of generation, 1 for "retired".
///
/// The value is the time at which the bucket is full again (`token_bucket`, `leaky_bucket`), or the
/// places taken (`concurrency`). Times are nanoseconds that wrap; they are compared by their
/// difference, so a wrap is harmless: a bucket takes at most a year to fill and the difference holds
/// more than two. The generation says under which numbers the word was written.
struct BucketWord: Equatable {
    static let generations = 64
    private static let valueBits: UInt64 = 57
    private static let valueMask: UInt64 = 1 << 57 - 1
    private static let retiredBit: UInt64 = 1 << 63

    let rawValue: UInt64

    @inline(__always)
    init(rawValue: UInt64) { self.rawValue = rawValue }

    /// - Parameters:
    ///   - fullAt: when the bucket is full again, in monotonic nanoseconds (GCRA's theoretical
    ///     arrival time).
    ///   - generation: the slot of the numbers it was reckoned with.
    @inline(__always)
    init(fullAt: Int64, generation: UInt64) {
        rawValue = UInt64(bitPattern: fullAt) & Self.valueMask | generation << Self.valueBits
    }

    /// - Parameter places: taken, less than 2^57.
    init(places: Int64, generation: UInt64) {
        rawValue = UInt64(bitPattern: places) & Self.valueMask | generation << Self.valueBits
    }

    /// The word of a bucket that was forgotten: whoever holds it must look its key up again.
    static let retired = Self(rawValue: retiredBit)

    @inline(__always)
    var isRetired: Bool { rawValue & Self.retiredBit != 0 }

    @inline(__always)
    var generation: UInt64 { rawValue >> Self.valueBits & UInt64(Self.generations - 1) }

    /// Not retired, and written under the numbers of `generation`.
    @inline(__always)
    func isOf(_ generation: UInt64) -> Bool { rawValue >> Self.valueBits == generation }

    /// Nanoseconds until the bucket is full, counted from `now`; 0 when it is.
    @inline(__always)
    func used(at now: Int64) -> Int64 {
        let difference = Int64(
            bitPattern: (rawValue &- UInt64(bitPattern: now)) << (64 - Self.valueBits))
        return max(0, difference >> Int64(64 - Self.valueBits))
    }

    /// Places taken.
    var places: Int64 { Int64(rawValue & Self.valueMask) }

    /// The same generation, full again so many nanoseconds earlier.
    func earlier(byNanoseconds nanoseconds: Int64) -> Self {
        let time = (rawValue &- UInt64(bitPattern: nanoseconds)) & Self.valueMask
        return Self(rawValue: time | rawValue & ~Self.valueMask)
    }
}
