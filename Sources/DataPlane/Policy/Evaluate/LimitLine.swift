import SluiceVocabulary

/// One limit as a loop uses it: what it needs per call beside each other, with the loop's counters.
final class LimitLine {
    let name: String
    /// Place in the snapshot.
    let index: Int32
    let key: [KeySource]
    /// The bucket can be kept with the connection.
    let isConstant: Bool
    let overrideBy: KeySource?
    let state: LimitState
    let numbers: NumbersSet
    let generation: UInt64
    /// One bit per transport.
    let transports: UInt8
    let countsBytes: Bool
    let isShadow: Bool
    /// Its tokens are requests, and it is enforced.
    let countsForRemaining: Bool
    let algorithm: LimitAlgorithm
    let onLimit: LimitAction
    /// Calls leave one after another.
    let isQueue: Bool
    /// Calls may have to wait.
    let canWait: Bool
    /// Nobody waits and nobody is banned: room is all there is to ask.
    let isPlain: Bool
    let kind: Bucket.Kind
    let maxKeys: Int
    let ban: LimitBan?
    let scope: PolicyScope
    /// Where places wait for the rest of the limits.
    let places: PlaceStack
    let allowed: Counter
    /// `refuse`, or `shadow_refuse` where the rule is a shadow.
    let refused: Counter
    private let meters: PolicyMeters
    /// The period of the calendar in which the last call fell.
    private var period = Calendar.Period(number: 0, start: 0, end: 0)

    init(
        _ limit: IndexedLimit, index: Int32, scope: PolicyScope, places: PlaceStack,
        meters: PolicyMeters
    ) {
        let rule = limit.rule
        self.index = index
        self.scope = scope
        self.places = places
        self.meters = meters
        name = rule.name
        key = rule.key
        isConstant = rule.key.allSatisfy(\.isConstantPerConnection)
        overrideBy = rule.overrides?.by
        state = limit.state
        numbers = limit.numbers
        generation = limit.numbers.generation
        transports = rule.transports.reduce(0) { $0 | $1.bit }
        countsBytes = rule.unit == .bytes
        isShadow = rule.isShadow
        countsForRemaining = rule.unit == .requests && !rule.isShadow
        algorithm = rule.algorithm
        onLimit = rule.onLimit
        isQueue = rule.algorithm == .leakyBucket
        canWait = isQueue || rule.onLimit == .delay
        isPlain = !canWait && rule.ban == nil
        kind = limit.kind
        maxKeys = rule.maxKeys
        ban = rule.ban
        allowed = meters.limit(rule.name, "allow")
        refused = meters.limit(rule.name, rule.isShadow ? "shadow_refuse" : "refuse")
    }

    private(set) lazy var delayed = meters.limit(name, "delay")
    private(set) lazy var banned = meters.ban(name)

    /// Where a call that goes the way of `action` is counted.
    func counter(of action: LimitAction) -> Counter {
        switch action {
        case .drop: meters.limit(name, "drop")
        case .pauseReads: meters.limit(name, "pause")
        case .reject, .delay, .close: refused
        }
    }

    /// The bucket of a key, new if it was not seen before.
    func bucket(of key: KeyFingerprint, now: Int64, wall: Int64) -> Bucket {
        state.table.bucket(of: key, request(now: now, wall: wall))
    }

    /// Counts a refusal of a key. Returns what is left of its ban; nil when it is not banned.
    func countOffence(_ bucket: Bucket, _ ban: LimitBan, now: Int64) -> Int64? {
        let (left, isNew) = bucket.addOffence(at: now, ban)
        if isNew, let left {
            banned.add(1)
            state.noteBan(until: now &+ left)
        }
        return left
    }

    func request(now: Int64, wall: Int64) -> BucketRequest {
        BucketRequest(
            state: state, numbers: numbers, kind: kind, maxKeys: maxKeys, ban: ban, now: now,
            wall: wall)
    }

    func variant(for facts: CallFacts) -> Int {
        guard let overrideBy else { return 0 }
        return numbers.variant(named: facts.text(overrideBy))
    }

    /// The period of a quota's calendar at a wall time.
    @inline(__always)
    func period(_ calendar: CalendarPeriod, at wall: Int64) -> Calendar.Period {
        if wall < period.start || wall >= period.end {
            period = Calendar.period(calendar, at: wall)
        }
        return period
    }

    /// What one call takes.
    func amount(_ terms: LimitTerms, bytes: Int) -> Int64 {
        countsBytes ? Int64(bytes) : terms.cost
    }
}

@available(*, unavailable)
extension LimitLine: Sendable {}
