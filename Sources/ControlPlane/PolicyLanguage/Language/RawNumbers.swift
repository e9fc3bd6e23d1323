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
    private let unit: LimitUnit

    private static let most: Int64 = 1_000_000_000_000
    private static let longest: Int64 = 365 * 86_400 * 1_000_000_000

    /// - Parameter isRule: the rule itself, which must give `limit` and `per`; an override need not.
    init(_ mapping: DocumentMapping, unit: LimitUnit, sink: DiagnosticSink, isRule: Bool) {
        self.unit = unit
        let amount = { (value: DocumentValue) in
            unit == .bytes
                ? value.byteCount(sink, in: 1...Self.most) : value.integer(sink, in: 1...Self.most)
        }
        let limitValue = isRule ? mapping.required("limit") : mapping.optional("limit")
        let periodValue = isRule ? mapping.required("per") : mapping.optional("per")
        let burstValue = mapping.optional("burst")
        limit = limitValue.flatMap(amount)
        period = periodValue.flatMap { $0.duration(sink, in: 1_000_000...Self.longest) }
        burst = burstValue.flatMap(amount)
        isBroken = (isRule || limitValue != nil) && limit == nil
        isBroken = isBroken || ((isRule || periodValue != nil) && period == nil)
        isBroken = isBroken || (burstValue != nil && burst == nil)
        guard let value = mapping.optional("cost") else { return }
        if unit == .bytes {
            sink.error(
                "`cost` is for requests; here a call costs its bytes",
                at: mapping.keyPosition("cost"),
                hint: "leave it out")
        } else {
            cost = value.integer(sink, in: 1...Self.most)
        }
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
    func checked(_ sink: DiagnosticSink, at position: SourcePosition) -> LimitNumbers? {
        guard !isBroken, let limit, let period else { return nil }
        let numbers = LimitNumbers(
            limit: limit, periodNanoseconds: period, burst: burst ?? limit, cost: cost ?? 1)
        if numbers.cost > numbers.burst {
            sink.error(
                "a request costs \(numbers.cost), more than the burst of \(numbers.burst): none could pass",
                at: position, hint: "raise `burst` or lower `cost`")
            return nil
        }
        if limit > period {
            sink.error(
                "more than one a nanosecond: no limit is that fast", at: position,
                hint: "lower `limit` or raise `per`")
            return nil
        }
        // Burst and period are at most 10^12 and 3.2 * 10^16: Double is exact enough to compare.
        let fill = Double(numbers.burst) / Double(limit) * Double(period)
        if fill > Double(LimitNumbers.maxFillNanoseconds) {
            sink.error(
                "an empty bucket would take longer than 365 days to fill", at: position,
                hint: "lower `burst` or `per`, or raise `limit`")
            return nil
        }
        return numbers
    }
}
