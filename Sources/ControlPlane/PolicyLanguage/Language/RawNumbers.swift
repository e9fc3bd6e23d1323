import SluiceDocuments
import SluicePolicy

/// The numbers of a limit as they were written, before defaults.
struct RawNumbers {
    private var limit: Int64?
    private var period: Int64?
    private var burst: Int64?
    private var cost: Int64?
    /// Something needed is missing or wrong, and was reported.
    private var isBroken = false
    /// Nil when the limit does not say which, which was reported.
    private let algorithm: LimitAlgorithm?
    private let isRule: Bool

    /// - Parameter isRule: the rule itself, which must give `limit` and `per`; an override need not.
    init(
        _ mapping: DocumentMapping, algorithm: LimitAlgorithm?, unit: LimitUnit,
        sink: DiagnosticSink, isRule: Bool
    ) {
        self.algorithm = algorithm
        self.isRule = isRule
        let most =
            algorithm == .slidingWindow ? LimitNumbers.mostPerWindow : LimitNumbers.most
        let amount = { (value: DocumentValue) in
            unit == .bytes ? value.byteCount(sink, in: 1...most) : value.integer(sink, in: 1...most)
        }
        let limitValue = isRule ? mapping.required("limit") : mapping.optional("limit")
        limit = limitValue.flatMap(amount)
        isBroken = algorithm == nil || ((isRule || limitValue != nil) && limit == nil)
        readPeriod(mapping, sink)
        if let value = optional("burst", mapping) {
            burst = amount(value)
            isBroken = isBroken || burst == nil
        }
        guard let value = mapping.optional("cost") else { return }
        if unit == .bytes {
            sink.error(
                "`cost` is for requests; here a call costs its bytes",
                at: mapping.keyPosition("cost"),
                hint: "leave it out")
        } else {
            cost = value.integer(sink, in: 1...most)
            isBroken = isBroken || cost == nil
        }
    }

    /// The time in which a limit comes back, where the algorithm has one.
    private mutating func readPeriod(_ mapping: DocumentMapping, _ sink: DiagnosticSink) {
        guard let algorithm, algorithm != .concurrency, algorithm != .quota else {
            period = 1
            return
        }
        guard let value = isRule ? mapping.required("per") : optional("per", mapping) else {
            isBroken = isBroken || isRule
            return
        }
        if CalendarPeriod(rawValue: value.text) != nil {
            sink.error(
                "expected a duration like 10s, found `\(value.text)`", at: value.position,
                hint: "the calendar is for `algorithm: quota`; a day is 24h")
        } else {
            period = value.duration(sink, in: 1_000_000...LimitNumbers.maxFillNanoseconds)
        }
        isBroken = isBroken || period == nil
    }

    /// The value of a key that the algorithm may not have; the objection was reported.
    private func optional(_ key: String, _ mapping: DocumentMapping) -> DocumentValue? {
        let objection =
            isRule ? algorithm?.objection(to: key) : algorithm?.objectionInOverride(to: key)
        guard algorithm != nil, objection == nil else {
            if mapping.contains(key) { mapping.accept(key) }
            return nil
        }
        return mapping.optional(key)
    }

    /// Takes over what is not written here.
    mutating func inherit(_ other: Self) {
        limit = limit ?? other.limit
        period = period ?? other.period
        burst = burst ?? other.burst
        cost = cost ?? other.cost
        isBroken = isBroken || other.isBroken
    }

    /// The numbers with their defaults, or nil after reporting why they cannot work.
    ///
    /// - Parameter boundsWait: the rule has a `max_delay`.
    func checked(
        _ sink: DiagnosticSink, at position: SourcePosition, boundsWait: Bool
    ) -> LimitNumbers? {
        guard !isBroken, let limit, let period else { return nil }
        let numbers = LimitNumbers(
            limit: limit, periodNanoseconds: period, burst: burst ?? limit, cost: cost ?? 1)
        if numbers.cost > numbers.burst {
            let most = burst == nil ? "limit" : "burst"
            sink.error(
                "a request costs \(numbers.cost), more than the \(most) of \(numbers.burst): none could pass",
                at: position, hint: "raise `\(most)` or lower `cost`")
            return nil
        }
        guard algorithm == .tokenBucket || algorithm == .leakyBucket else { return numbers }
        if let (message, hint) = numbers.flaw(isQueue: algorithm == .leakyBucket && !boundsWait) {
            sink.error(message, at: position, hint: hint)
            return nil
        }
        return numbers
    }
}

extension LimitNumbers {
    /// What keeps a bucket of these numbers from working.
    ///
    /// - Parameter isQueue: calls wait until the bucket has drained, as long as it takes.
    fileprivate func flaw(isQueue: Bool) -> (message: String, hint: String)? {
        if limit > periodNanoseconds {
            return (
                "more than one a nanosecond: no limit is that fast", "lower `limit` or raise `per`"
            )
        }
        let product = UInt128(burst) * UInt128(periodNanoseconds)
        let fill = (product + UInt128(limit) - 1) / UInt128(limit)
        if fill > UInt128(Self.maxFillNanoseconds) {
            return (
                "an empty bucket would take longer than 365 days to fill",
                "lower `burst` or `per`, or raise `limit`"
            )
        }
        if isQueue, fill > UInt128(Self.maxDelayNanoseconds) {
            let seconds = (fill + 999_999_999) / 1_000_000_000
            return (
                "a full queue would take \(seconds)s to drain, longer than 60s",
                "lower `burst`, or set `max_delay`"
            )
        }
        return nil
    }
}
