package import SluiceVocabulary

/// How a limit reckons. docs/policy.md, "Algorithms", has the arithmetic.
package enum LimitAlgorithm: String, Sendable, Hashable, CaseIterable {
    case tokenBucket = "token_bucket"
    case leakyBucket = "leaky_bucket"
    case slidingWindow = "sliding_window"
    case concurrency
    case quota
}

/// What a bucket counts.
package enum LimitUnit: String, Sendable, Hashable, CaseIterable { case requests, bytes }

/// What happens to a call over the limit.
package enum LimitAction: String, Sendable, Hashable, CaseIterable {
    case reject
    case delay
    case pauseReads = "pause_reads"
    case drop
    case close
}

/// A period of the calendar, in UTC.
package enum CalendarPeriod: String, Sendable, Hashable, CaseIterable {
    case minute, hour, day, week, month, year
}

/// How much a bucket holds and how fast it fills again.
package struct LimitNumbers: Sendable, Hashable {
    /// Units that come back in the period, or may be under way; at least 1.
    package var limit: Int64
    /// Nanoseconds in which `limit` units come back, at least 1; 1 where the algorithm has no such
    /// time (`concurrency`, `quota`).
    package var periodNanoseconds: Int64
    /// Capacity in units, at least `cost`; `limit` where the algorithm has no burst.
    package var burst: Int64
    /// Units that one request takes. 1 where the unit is bytes: there a call costs its bytes.
    package var cost: Int64

    package init(limit: Int64, periodNanoseconds: Int64, burst: Int64, cost: Int64 = 1) {
        self.limit = limit
        self.periodNanoseconds = periodNanoseconds
        self.burst = burst
        self.cost = cost
    }

    /// Longest time an empty bucket may take to fill: what the bucket word can hold with room to
    /// spare for clocks that differ.
    package static let maxFillNanoseconds: Int64 = 365 * 86_400 * 1_000_000_000
    /// Largest number a policy may write.
    package static let most: Int64 = 1_000_000_000_000
    /// Largest `limit` of a sliding window: two counts share a word.
    package static let mostPerWindow: Int64 = 1 << 32 - 1
    /// Longest a call may be made to wait.
    package static let maxDelayNanoseconds: Int64 = 60 * 1_000_000_000
}

/// Other numbers for calls for which a descriptor has one of the named values.
package struct LimitOverrides: Sendable, Hashable {
    /// Constant per connection.
    package var by: KeySource
    package var numbers: [String: LimitNumbers]

    package init(by: KeySource, numbers: [String: LimitNumbers]) {
        self.by = by
        self.numbers = numbers
    }
}

/// `ban:`, for repeat offenders.
package struct LimitBan: Sendable, Hashable {
    /// Refusals that make a ban, 1...1,000,000.
    package var after: Int
    /// They must come within so many milliseconds of the first.
    package var withinMilliseconds: Int64
    /// How long the ban holds.
    package var forMilliseconds: Int64

    package init(after: Int, withinMilliseconds: Int64, forMilliseconds: Int64) {
        self.after = after
        self.withinMilliseconds = withinMilliseconds
        self.forMilliseconds = forMilliseconds
    }
}

/// One entry of `rate_limits:`, checked and with its defaults filled in.
package struct LimitRule: Sendable, Hashable {
    /// The one name in answers, journal, metrics and tests.
    package var name: String
    package var actions: [ActionPattern]
    package var transports: Set<Transport> = Set(Transport.allCases)
    /// Parts of the key; none means one bucket for all.
    package var key: [KeySource]
    package var algorithm = LimitAlgorithm.tokenBucket
    package var unit = LimitUnit.requests
    package var numbers: LimitNumbers
    /// Set for `quota` alone.
    package var calendar: CalendarPeriod?
    package var overrides: LimitOverrides?
    package var onLimit = LimitAction.reject
    /// Longest wait under `delay` and in a `leaky_bucket`; nil where nothing waits, or a queue is
    /// bounded by its places alone.
    package var maxDelayNanoseconds: Int64?
    package var ban: LimitBan?
    /// Counts and tells, but refuses and delays nothing.
    package var isShadow = false
    /// Keys with a bucket of their own; the rest share 4,096.
    package var maxKeys = 200_000
    /// Earlier names, whose buckets this rule takes over.
    package var was: [String] = []

    package init(
        name: String, actions: [ActionPattern], key: [KeySource], numbers: LimitNumbers
    ) {
        self.name = name
        self.actions = actions
        self.key = key
        self.numbers = numbers
    }

    /// Whether buckets of `other` mean the same as buckets of this rule, so that they can be kept.
    package func inherits(from other: Self) -> Bool {
        key == other.key && unit == other.unit && algorithm == other.algorithm
    }
}
