/// The numbers of one limit, or of one of its overrides, made ready for reckoning.
///
/// For `token_bucket` and `leaky_bucket` that is the generic cell rate algorithm in whole
/// nanoseconds: with T = period / limit, a call of n units moves the time at which the bucket is full
/// again by ceil(n * T); it may pass while that time is at most `tolerance` away. Everything is
/// rounded against the caller, so no rounding lets a call through.
///
/// A class, so that whatever reckons with it holds one pointer.
final class LimitTerms: Sendable {
    let limit: Int64
    let cost: Int64
    let burst: Int64
    let period: Int64
    /// What one request adds, in nanoseconds, for `LimitUnit.requests`.
    let increment: Int64
    /// Nanoseconds in which an empty bucket fills; a queue's length.
    let tolerance: Int64
    /// Most nanoseconds a bucket may be used: the tolerance, and what a call may wait.
    let capacity: Int64
    /// Longest wait in a queue that `max_delay` bounds.
    let longestWait: Int64
    /// floor(2^64 / increment), to divide by multiplying.
    private let reciprocal: UInt64

    init(_ numbers: LimitNumbers, rule: LimitRule) {
        limit = numbers.limit
        cost = numbers.cost
        burst = numbers.burst
        period = numbers.periodNanoseconds
        increment = max(1, Self.scale(numbers.cost, numbers.periodNanoseconds, by: numbers.limit))
        let whole = Self.scale(numbers.burst, numbers.periodNanoseconds, by: numbers.limit)
        // A burst of whole requests must fit although each was rounded up. Of bytes a single call
        // can be the burst; a nanosecond for each would be far more than they take at high rates.
        tolerance =
            rule.unit == .bytes ? whole : max(whole, numbers.burst / numbers.cost * increment)
        let delay = rule.maxDelayNanoseconds
        capacity = rule.onLimit == .delay ? tolerance + (delay ?? 0) : tolerance
        longestWait = delay ?? .max
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

    /// Units that `slack` nanoseconds still hold, rounded down.
    func units(in slack: Int64) -> Int64 { Self.share(slack, limit, of: period) }

    /// Units that `used` nanoseconds stand for, rounded up.
    func unitsUsed(_ used: Int64) -> Int64 { Self.scale(used, limit, by: period) }

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

    /// floor(units * numerator / denominator) in 128 bits, saturating likewise.
    static func share(_ units: Int64, _ numerator: Int64, of denominator: Int64) -> Int64 {
        let quotient = Int128(units) * Int128(numerator) / Int128(denominator)
        return quotient > Int128(Int64.max / 4) ? Int64.max / 4 : Int64(quotient)
    }
}
