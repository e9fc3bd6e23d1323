/// A limit of a snapshot together with what it remembers.
struct IndexedLimit: Sendable {
    let rule: LimitRule
    let state: LimitState
    let numbers: NumbersSet

    /// The kind of bucket the rule needs.
    var kind: Bucket.Kind {
        let isWindow = rule.algorithm == .slidingWindow || rule.algorithm == .quota
        // Leases hold on to their buckets, so those of `concurrency` cannot be exchanged for watched
        // ones when a reload brings a ban: they are watched from the start.
        let isWatched = rule.ban != nil || rule.algorithm == .concurrency
        return Bucket.Kind(isWindow: isWindow, isWatched: isWatched)
    }

    /// - Parameter heirs: finds the limit of the snapshot before whose buckets this one takes over.
    init(_ rule: LimitRule, heirs: LimitHeirs?, clock: PolicyClock) {
        self.rule = rule
        guard let old = heirs?.predecessor(of: rule) else {
            let first = NumbersSet(serial: 0, rule: rule)
            state = LimitState(algorithm: rule.algorithm, clock: clock, first: first)
            numbers = first
            return
        }
        state = old.state
        // What was refused under an earlier ban of the rule is forgotten with that ban.
        if old.rule.ban == nil, rule.ban != nil { state.table.visit { $0.forgetOffences() } }
        numbers =
            old.numbers.hasNumbers(of: rule)
            ? old.numbers : old.state.makeNumbers(for: rule, current: old.numbers)
    }
}

/// Who inherits the buckets of whom over a reload.
struct LimitHeirs {
    private let old: [String: IndexedLimit]
    private let kept: Set<String>

    init(previous: PolicySnapshot, model: PolicyModel) {
        old = Dictionary(
            previous.limits.map { ($0.rule.name, $0) }, uniquingKeysWith: { first, _ in first })
        kept = Set(model.limits.map(\.name))
    }

    /// The limit of the same name, else the first of its earlier names that is free; nil when that
    /// counted something else.
    func predecessor(of rule: LimitRule) -> IndexedLimit? {
        let candidate =
            old[rule.name]
            ?? rule.was.lazy.filter { !kept.contains($0) }.compactMap { old[$0] }.first
        guard let candidate, rule.inherits(from: candidate.rule) else { return nil }
        return candidate
    }
}
