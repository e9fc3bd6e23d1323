import SluicePolicy

/// `token_bucket` and `leaky_bucket`: all that is known is when the bucket will be full again.
struct ReferenceQueue: ReferenceBucket {
    private var fullAt: Int128

    init(at time: ReferenceTime) { fullAt = time.nanoseconds }

    private func used(at time: ReferenceTime) -> Int128 { max(0, fullAt - time.nanoseconds) }

    mutating func convert(
        from old: ReferenceTerms, to new: ReferenceTerms, at time: ReferenceTime
    ) {
        let used = used(at: time)
        let share = roundedUp(min(used, old.capacity) * new.capacity, old.capacity)
        let waiting = max(0, used - old.capacity)
        // Callers whose overrides differ can share a bucket; it is never fuller than this.
        fullAt = time.nanoseconds + min(share + waiting, new.largestCapacity + 60 * 1_000_000_000)
    }

    func wait(_ units: Int128, _ terms: ReferenceTerms, at time: ReferenceTime) -> Int128? {
        let used = used(at: time)
        let over = used + terms.increment(units) - terms.capacity
        let longest = terms.rule.maxDelayNanoseconds.map { Int128($0) }
        if terms.rule.algorithm == .leakyBucket {
            return over <= 0 && used <= longest ?? used ? used : nil
        }
        if over <= 0 { return 0 }
        if neverFits(units, terms) { return nil }
        if terms.rule.onLimit == .delay, let longest, over <= longest { return over }
        return nil
    }

    func neverFits(_ units: Int128, _ terms: ReferenceTerms) -> Bool {
        terms.increment(units) > terms.capacity
    }

    func fitsAfter(_ units: Int128, _ terms: ReferenceTerms, at time: ReferenceTime) -> Int128? {
        firstRoom(units, terms, at: time, within: used(at: time))
    }

    mutating func charge(
        _ units: Int128, _ terms: ReferenceTerms, call: Int, at time: ReferenceTime
    ) {
        fullAt = time.nanoseconds + used(at: time) + terms.increment(units)
    }

    func remaining(_ units: Int128, _ terms: ReferenceTerms, at time: ReferenceTime) -> Int128 {
        max(0, terms.capacity - used(at: time)) / terms.increment(units)
    }
}

extension ReferenceTerms {
    /// Nanoseconds that so many units take to come back.
    fileprivate func increment(_ units: Int128) -> Int128 {
        let exact = roundedUp(units * period, limit)
        return rule.unit == .requests ? max(1, exact) : exact
    }

    /// Nanoseconds that a whole burst takes to come back.
    fileprivate var capacity: Int128 {
        let whole = roundedUp(burst * period, limit)
        // So many requests must go at once, although each is rounded up.
        return rule.unit == .requests ? max(whole, burst / cost * increment(cost)) : whole
    }

    /// That of the rule and of all its overrides.
    fileprivate var largestCapacity: Int128 {
        let values = rule.overrides?.numbers.keys.map { $0 } ?? []
        return values.reduce(ReferenceTerms(rule, for: nil).capacity) {
            max($0, ReferenceTerms(rule, for: $1).capacity)
        }
    }
}
