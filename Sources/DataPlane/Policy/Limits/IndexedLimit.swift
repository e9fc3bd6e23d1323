/// A limit of a snapshot together with what it remembers.
struct IndexedLimit: Sendable {
    let rule: LimitRule
    let state: LimitState
    let numbers: NumbersSet

    /// - Parameter heirs: finds the limit of the snapshot before whose buckets this one takes over.
    init(_ rule: LimitRule, heirs: LimitHeirs?, clock: PolicyClock) {
        self.rule = rule
        guard let old = heirs?.predecessor(of: rule) else {
            let first = NumbersSet(
                serial: 0, base: rule.numbers, overrides: rule.overrides?.numbers ?? [:])
            state = LimitState(clock: clock, first: first)
            numbers = first
            return
        }
        state = old.state
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
