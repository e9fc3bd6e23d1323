/// The generic cell rate algorithm in whole nanoseconds: a token bucket told by one time.
///
/// With T = period / limit, a call of n units moves the time at which the bucket is full again by
/// ceil(n * T); it may pass while that time is at most the time a whole bucket takes to fill away
/// from now. Everything is rounded against the caller, so no rounding lets a call through.
///
/// A class, so that whatever reckons with it holds one pointer.
final class GCRA: Sendable {
    /// What one request adds, for `LimitUnit.requests`.
    let increment: Int64
    /// Nanoseconds in which an empty bucket fills.
    let tolerance: Int64
    /// floor(2^64 / increment), to divide by multiplying.
    private let reciprocal: UInt64
    private let period: Int64
    private let limit: Int64

    init(_ numbers: LimitNumbers) {
        period = numbers.periodNanoseconds
        limit = numbers.limit
        let one = Self.scale(numbers.cost, numbers.periodNanoseconds, by: numbers.limit)
        increment = max(1, one)
        // A burst of whole requests must fit although each was rounded up.
        let whole = Self.scale(numbers.burst, numbers.periodNanoseconds, by: numbers.limit)
        tolerance = max(whole, numbers.burst / numbers.cost * increment)
        reciprocal = UInt64.max / UInt64(increment)
    }

    /// What a call of so many bytes adds; saturates.
    @inline(__always)
    func increment(bytes: Int) -> Int64 { Self.scale(Int64(bytes), period, by: limit) }

    /// Whole requests that `slack` nanoseconds still hold.
    @inline(__always)
    func requests(in slack: Int64) -> Int64 {
        let guess = Int64(
            truncatingIfNeeded: UInt64(slack).multipliedFullWidth(by: reciprocal).high)
        // The reciprocal is rounded down: the guess is at most one short.
        return slack &- guess &* increment >= increment ? guess &+ 1 : guess
    }

    /// ceil(units * numerator / denominator) in 128 bits, saturating at a value no bucket holds.
    @inline(__always)
    static func scale(_ units: Int64, _ numerator: Int64, by denominator: Int64) -> Int64 {
        let (product, overflow) = units.multipliedReportingOverflow(by: numerator)
        if !overflow {
            let (quotient, remainder) = product.quotientAndRemainder(dividingBy: denominator)
            return quotient &+ (remainder > 0 ? 1 : 0)
        }
        return wideScale(units, numerator, by: denominator)
    }

    @inline(never)
    private static func wideScale(_ units: Int64, _ numerator: Int64, by denominator: Int64)
        -> Int64
    {
        let product = Int128(units) * Int128(numerator)
        let (quotient, remainder) = product.quotientAndRemainder(dividingBy: Int128(denominator))
        let rounded = quotient + (remainder > 0 ? 1 : 0)
        return rounded > Int128(Int64.max / 4) ? Int64.max / 4 : Int64(rounded)
    }
}
