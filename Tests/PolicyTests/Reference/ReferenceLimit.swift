import SluicePolicy

/// One limit with its buckets and bans by key.
struct ReferenceLimit {
    private(set) var rule: LimitRule
    /// With the rule they were last looked at under.
    private var buckets: [[String]: (bucket: any ReferenceBucket, rule: LimitRule)] = [:]
    private var bans: [[String]: ReferenceBan] = [:]

    init(_ rule: LimitRule) { self.rule = rule }

    /// What the limit says to a call before anything is counted.
    enum Look: Equatable {
        /// There is room, and the call waits so long.
        case room(waits: Int128)
        /// There is none for so long; 0 = not known.
        case full(Int128)
        case neverFits
        case banned(Int128)

        var hasRoom: Bool { if case .room = self { true } else { false } }
    }

    func applies(_ call: CallSketch) -> Bool {
        rule.transports.contains(call.transport)
            && rule.actions.contains { ReferenceFacts.fits(call.action, $0.text) }
    }

    /// A reload: this limit goes on as `new`.
    mutating func become(_ new: LimitRule) {
        if new.ban == nil { bans = [:] }
        rule = new
    }

    private func key(_ facts: ReferenceFacts) -> [String] { rule.key.map { facts.keyPart($0) } }

    /// The numbers for a call, under this rule or under an older one.
    private func terms(_ facts: ReferenceFacts, under rule: LimitRule) -> ReferenceTerms {
        let value = self.rule.overrides.flatMap { facts.text($0.by) }
        // Whoever has no override now is reckoned as without one before.
        let known = value.flatMap { self.rule.overrides?.numbers[$0] == nil ? nil : $0 }
        return ReferenceTerms(rule, for: known)
    }

    /// The key's bucket, brought under the numbers in force.
    private mutating func bucket(
        _ key: [String], _ facts: ReferenceFacts, _ time: ReferenceTime
    ) -> any ReferenceBucket {
        guard let (known, old) = buckets[key] else {
            return switch rule.algorithm {
            case .tokenBucket, .leakyBucket: ReferenceQueue(at: time)
            case .slidingWindow: ReferenceWindow(at: time)
            case .concurrency: ReferencePlaces(at: time)
            case .quota: ReferenceQuota(at: time)
            }
        }
        if old.numbers == rule.numbers, old.calendar == rule.calendar,
            old.overrides?.numbers == rule.overrides?.numbers
        {
            return known
        }
        var bucket = known
        bucket.convert(
            from: terms(facts, under: old), to: terms(facts, under: rule), at: time)
        buckets[key] = (bucket, rule)
        return bucket
    }

    mutating func look(_ facts: ReferenceFacts, at time: ReferenceTime) -> Look {
        let key = key(facts)
        let bucket = bucket(key, facts, time)
        if let rest = bans[key]?.remaining(at: time) { return .banned(rest) }
        let terms = terms(facts, under: rule)
        let units = terms.units(bytes: facts.call.bytes)
        if let wait = bucket.wait(units, terms, at: time) { return .room(waits: wait) }
        if bucket.neverFits(units, terms) { return .neverFits }
        return .full(bucket.fitsAfter(units, terms, at: time) ?? 0)
    }

    /// The call goes on.
    mutating func charge(_ facts: ReferenceFacts, call: Int, at time: ReferenceTime) {
        let key = key(facts)
        let terms = terms(facts, under: rule)
        var bucket = bucket(key, facts, time)
        bucket.charge(terms.units(bytes: facts.call.bytes), terms, call: call, at: time)
        buckets[key] = (bucket, rule)
    }

    mutating func release(call: Int) {
        guard rule.algorithm == .concurrency else { return }
        for key in buckets.keys { buckets[key]?.bucket.release(call: call) }
    }

    /// Requests like this one that still have room; nil where bytes are counted.
    mutating func remaining(_ facts: ReferenceFacts, at time: ReferenceTime) -> Int128? {
        if rule.unit == .bytes { return nil }
        let terms = terms(facts, under: rule)
        return bucket(key(facts), facts, time).remaining(terms.units(bytes: 0), terms, at: time)
    }

    /// A refusal of this limit's. Returns the rest of the ban that it makes, if it makes one.
    mutating func refused(_ facts: ReferenceFacts, at time: ReferenceTime) -> Int128? {
        guard let ban = rule.ban else { return nil }
        let key = key(facts)
        var state = bans[key] ?? ReferenceBan()
        let isBanned = state.refused(ban, at: time)
        bans[key] = state
        return isBanned ? state.remaining(at: time) : nil
    }
}
