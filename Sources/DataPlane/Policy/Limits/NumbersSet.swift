/// All numbers of a limit as of one reload: the rule's own and those of its overrides.
final class NumbersSet: Sendable {
    /// Grows with every change of this limit's numbers.
    let serial: UInt64
    private let base: LimitNumbers
    private let overrides: [String: LimitNumbers]
    /// The rule's own numbers first, then the overrides in the order of `names`.
    let variants: [GCRA]
    private let largestTolerance: Int64
    /// Values of the claim that select `variants[1...]`.
    let names: [String]

    init(serial: UInt64, base: LimitNumbers, overrides: [String: LimitNumbers]) {
        self.serial = serial
        self.base = base
        self.overrides = overrides
        names = overrides.keys.sorted()
        let variants = [GCRA(base)] + names.compactMap { overrides[$0].map(GCRA.init) }
        self.variants = variants
        largestTolerance = variants.reduce(0) { max($0, $1.tolerance) }
    }

    /// The slot in which bucket words name this set.
    var generation: UInt64 { serial % UInt64(BucketWord.generations) }

    /// What `used` nanoseconds of a bucket reckoned with `old` are under `variant`: the same share
    /// of a whole bucket, rounded up.
    ///
    /// A bucket that callers with different overrides share may be used beyond what one of them may;
    /// it stays so, up to the largest of the new tolerances.
    func converted(_ used: Int64, variant: Int, from old: GCRA) -> Int64 {
        min(GCRA.scale(used, variants[variant].tolerance, by: old.tolerance), largestTolerance)
    }

    func hasNumbers(of rule: LimitRule) -> Bool {
        base == rule.numbers && overrides == (rule.overrides?.numbers ?? [:])
    }

    /// Index into `variants` for a value of the claim.
    func variant(named name: String?) -> Int {
        guard let name, let index = names.firstIndex(of: name) else { return 0 }
        return index + 1
    }

    func name(ofVariant index: Int) -> String? { index == 0 ? nil : names[index - 1] }
}
