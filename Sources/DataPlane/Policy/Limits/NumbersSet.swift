/// All numbers of a limit as of one reload: the rule's own and those of its overrides.
final class NumbersSet: Sendable {
    /// Grows with every change of this limit's numbers.
    let serial: UInt64
    /// The rule's own numbers first, then the overrides in the order of `names`.
    let variants: [LimitTerms]
    /// Values of the descriptor that select `variants[1...]`.
    let names: [String]
    /// The period a quota counts in.
    let calendar: CalendarPeriod?
    /// The fullest a bucket of this limit can be, in nanoseconds, calls that wait among it.
    private let fullest: Int64
    /// What the numbers were made of.
    private let origin: Origin

    private struct Origin: Equatable {
        let base: LimitNumbers
        let overrides: [String: LimitNumbers]
        let calendar: CalendarPeriod?
        let delays: Bool
        let maxDelay: Int64?

        init(_ rule: LimitRule) {
            base = rule.numbers
            overrides = rule.overrides?.numbers ?? [:]
            calendar = rule.calendar
            delays = rule.onLimit == .delay
            maxDelay = rule.maxDelayNanoseconds
        }
    }

    init(serial: UInt64, rule: LimitRule) {
        self.serial = serial
        origin = Origin(rule)
        names = origin.overrides.keys.sorted()
        calendar = rule.calendar
        let others = names.compactMap { rule.overrides?.numbers[$0] }
        variants = ([rule.numbers] + others).map { LimitTerms($0, rule: rule) }
        fullest =
            variants.reduce(0) { max($0, $1.tolerance) } + LimitNumbers.maxDelayNanoseconds
    }

    /// The slot in which bucket words name this set.
    var generation: UInt64 { serial % UInt64(BucketWord.generations) }

    func hasNumbers(of rule: LimitRule) -> Bool { origin == Origin(rule) }

    /// Index into `variants` for a value of the descriptor.
    func variant(named name: String?) -> Int {
        guard let name, let index = names.firstIndex(of: name) else { return 0 }
        return index + 1
    }

    func name(ofVariant index: Int) -> String? { index == 0 ? nil : names[index - 1] }

    /// The terms here for whoever has `variant` in `other`.
    func terms(for variant: Int, of other: NumbersSet) -> LimitTerms {
        variants[self.variant(named: other.name(ofVariant: variant))]
    }

    /// What `used` nanoseconds of a bucket reckoned with `old` are under `variant`: the same share
    /// of a whole bucket, rounded up, and what calls that wait have used beyond it as it is.
    ///
    /// Callers with different overrides can share a bucket: it may be used beyond what one of them
    /// may, but never beyond the largest of all.
    func converted(_ used: Int64, variant: Int, from old: LimitTerms) -> Int64 {
        let share = LimitTerms.scale(
            min(used, old.tolerance), variants[variant].tolerance, by: old.tolerance)
        return min(share + max(0, used - old.tolerance), fullest)
    }
}
