import SluiceVocabulary

/// Why a limit has no room for a call, in the terms all algorithms share.
struct LimitLook {
    /// Nanoseconds until it has room; 0 = nobody knows.
    var retry: Int64
    /// It never will: the call alone is more than the limit.
    var isTooLarge = false
    var isBanned = false
    /// Units left, which are too few.
    var remaining: Int64
    /// Nanoseconds until all of the limit is there again; 0 = nobody knows.
    var reset: Int64

    static func banned(for nanoseconds: Int64) -> Self {
        Self(retry: nanoseconds, isBanned: true, remaining: 0, reset: nanoseconds)
    }
}

extension LimitTerms {
    /// What the RateLimit fields say.
    func facts(
        _ rule: String, _ algorithm: LimitAlgorithm, countsBytes: Bool, calendar: CalendarPeriod?,
        remaining: Int64, reset: Int64
    ) -> LimitFacts {
        let isBucket = algorithm == .tokenBucket || algorithm == .leakyBucket
        let seconds = { (nanoseconds: Int64) in (nanoseconds + 999_999_999) / 1_000_000_000 }
        let window = calendar?.seconds ?? (algorithm == .concurrency ? 0 : seconds(period))
        let unit: LimitFacts.Unit =
            countsBytes ? .bytes : algorithm == .concurrency ? .concurrentRequests : .requests
        return LimitFacts(
            rule: rule, quota: isBucket ? burst : limit, windowSeconds: window, unit: unit,
            remaining: remaining, resetSeconds: seconds(reset))
    }
}

extension CalendarPeriod {
    /// Seconds it has, or has in most cases (a month 30 days, a year 365).
    fileprivate var seconds: Int64 {
        switch self {
        case .minute: 60
        case .hour: 3_600
        case .day: 86_400
        case .week: 7 * 86_400
        case .month: 30 * 86_400
        case .year: 365 * 86_400
        }
    }
}
