package import SluiceVocabulary

/// What a bucket counts.
package enum LimitUnit: UInt8, Sendable, Hashable { case requests, bytes }

/// How much a bucket holds and how fast it fills again.
package struct LimitNumbers: Sendable, Hashable {
    /// Units that come back in `periodNanoseconds`, at least 1.
    package var limit: Int64
    /// Nanoseconds in which `limit` units come back, at least 1.
    package var periodNanoseconds: Int64
    /// Capacity in units, at least `cost`.
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
}

/// Other numbers for calls whose claim has one of the named values.
package struct LimitOverrides: Sendable, Hashable {
    /// Path of the claim.
    package var claim: [String]
    package var numbers: [String: LimitNumbers]

    package init(claim: [String], numbers: [String: LimitNumbers]) {
        self.claim = claim
        self.numbers = numbers
    }
}

/// One entry of `rate_limits:`, checked and with its defaults filled in.
package struct LimitRule: Sendable, Hashable {
    /// The one name in answers, journal, metrics and tests.
    package var name: String
    package var actions: [ActionPattern]
    package var transports: Set<Transport>
    /// Parts of the key; none means one bucket for all.
    package var key: [KeySource]
    package var unit: LimitUnit
    package var numbers: LimitNumbers
    package var overrides: LimitOverrides?
    /// Counts and tells, but refuses nothing.
    package var isShadow: Bool
    /// Keys with a bucket of their own; the rest share 4,096.
    package var maxKeys: Int
    /// Earlier names, whose buckets this rule takes over.
    package var was: [String]

    package init(
        name: String, actions: [ActionPattern],
        transports: Set<Transport> = Set(Transport.allCases),
        key: [KeySource], unit: LimitUnit = .requests, numbers: LimitNumbers,
        overrides: LimitOverrides? = nil, isShadow: Bool = false, maxKeys: Int = 200_000,
        was: [String] = []
    ) {
        self.name = name
        self.actions = actions
        self.transports = transports
        self.key = key
        self.unit = unit
        self.numbers = numbers
        self.overrides = overrides
        self.isShadow = isShadow
        self.maxKeys = maxKeys
        self.was = was
    }

    /// Whether buckets of `other` mean the same as buckets of this rule, so that they can be kept.
    package func inherits(from other: Self) -> Bool { key == other.key && unit == other.unit }
}
