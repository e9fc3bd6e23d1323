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
