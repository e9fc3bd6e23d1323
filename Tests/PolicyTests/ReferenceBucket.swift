/// A token bucket as a book would write it, in exact fractions: tokens times period, so that one
/// nanosecond brings `limit` and a call of n tokens takes n * period. Slow, and nothing in common
/// with the code under test.
struct IdealBucket {
    let limit: Int128
    let period: Int128
    let burst: Int128
    private(set) var level: Int128
    private var last: Int64

    init(limit: Int64, period: Int64, burst: Int64, now: Int64) {
        self.limit = Int128(limit)
        self.period = Int128(period)
        self.burst = Int128(burst)
        level = Int128(burst) * Int128(period)
        last = now
    }

    mutating func refill(_ now: Int64) {
        level = min(burst * period, level + Int128(now - last) * limit)
        last = now
    }

    /// Nanoseconds until `tokens` fit; 0 when they do.
    func wait(for tokens: Int64) -> Int128 {
        let missing = Int128(tokens) * period - level
        return missing <= 0 ? 0 : (missing + limit - 1) / limit
    }

    mutating func take(_ tokens: Int64) { level -= Int128(tokens) * period }
}

/// The same with every call rounded up to whole nanoseconds, as the design says it must be: a level
/// in nanoseconds that time raises by one each.
struct RoundedBucket {
    let limit: Int128
    let period: Int128
    let capacity: Int128
    private var level: Int128
    private var last: Int64

    init(limit: Int64, period: Int64, burst: Int64, cost: Int64, now: Int64) {
        self.limit = Int128(limit)
        self.period = Int128(period)
        let whole = Self.up(Int128(burst) * Int128(period), Int128(limit))
        let calls = Int128(burst / cost) * Self.up(Int128(cost) * Int128(period), Int128(limit))
        capacity = max(whole, calls)
        level = capacity
        last = now
    }

    private static func up(_ value: Int128, _ divisor: Int128) -> Int128 {
        (value + divisor - 1) / divisor
    }

    func price(_ tokens: Int64) -> Int128 { Self.up(Int128(tokens) * period, limit) }

    mutating func refill(_ now: Int64) {
        level = min(capacity, level + Int128(now - last))
        last = now
    }

    func wait(for tokens: Int64) -> Int128 { max(0, price(tokens) - level) }

    mutating func take(_ tokens: Int64) { level -= price(tokens) }

    func left(_ tokens: Int64) -> Int128 { level / price(tokens) }
}
