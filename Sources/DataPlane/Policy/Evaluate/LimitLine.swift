import SluiceVocabulary

/// One limit as a loop uses it: what it needs per call beside each other, with the loop's counters.
final class LimitLine {
    let name: String
    let key: [KeySource]
    /// The bucket can be kept with the connection.
    let isConstant: Bool
    let overrideClaim: [String]?
    let state: LimitState
    let numbers: NumbersSet
    let generation: UInt64
    /// One bit per transport.
    let transports: UInt8
    let countsBytes: Bool
    let isShadow: Bool
    /// Its tokens are requests, and it is enforced.
    let countsForRemaining: Bool
    let maxKeys: Int
    let allowed: Counter
    /// `refuse`, or `shadow_refuse` where the rule is a shadow.
    let refused: Counter

    init(_ limit: IndexedLimit, meters: PolicyMeters) {
        let rule = limit.rule
        name = rule.name
        key = rule.key
        isConstant = rule.key.allSatisfy(\.isConstantPerConnection)
        overrideClaim = rule.overrides?.claim
        state = limit.state
        numbers = limit.numbers
        generation = limit.numbers.generation
        transports = rule.transports.reduce(0) { $0 | $1.bit }
        countsBytes = rule.unit == .bytes
        isShadow = rule.isShadow
        countsForRemaining = rule.unit == .requests && !rule.isShadow
        maxKeys = rule.maxKeys
        allowed = meters.limit(rule.name, "allow")
        refused = meters.limit(rule.name, rule.isShadow ? "shadow_refuse" : "refuse")
    }

    /// The bucket of a key, new if it was not seen before.
    func bucket(of key: KeyFingerprint, now: Int64) -> Bucket {
        state.table.bucket(of: key, maxKeys: maxKeys, generation: generation, now: now)
    }

    func variant(for subject: PolicySubject) -> Int {
        guard let overrideClaim else { return 0 }
        return numbers.variant(named: subject.claimText(at: overrideClaim))
    }
}

@available(*, unavailable)
extension LimitLine: Sendable {}
