import SluicePolicy

/// `quota`: the count of the latest period of the calendar in which something counted.
struct ReferenceQuota: ReferenceBucket {
    private var period: Range<Int64> = 0..<0
    private var count: Int128 = 0

    init(at time: ReferenceTime) {}

    /// The period that a call counts in: the present one, or a later one from before a clock went
    /// back.
    private func period(_ terms: ReferenceTerms, at time: ReferenceTime) -> Range<Int64> {
        if count > 0, time.wall < period.upperBound { return period }
        return ReferenceCalendar.period(terms.rule.calendar ?? .day, around: time.wall)
    }

    private func counted(_ terms: ReferenceTerms, at time: ReferenceTime) -> Int128 {
        period(terms, at: time) == period ? count : 0
    }

    mutating func convert(
        from old: ReferenceTerms, to new: ReferenceTerms, at time: ReferenceTime
    ) {
        let isSame = old.rule.calendar == new.rule.calendar
        count = roundedUp((isSame ? count : counted(old, at: time)) * new.limit, old.limit)
        if !isSame {
            period = ReferenceCalendar.period(new.rule.calendar ?? .day, around: time.wall)
        }
    }

    func wait(_ units: Int128, _ terms: ReferenceTerms, at time: ReferenceTime) -> Int128? {
        counted(terms, at: time) + units <= terms.limit ? 0 : nil
    }

    func neverFits(_ units: Int128, _ terms: ReferenceTerms) -> Bool { units > terms.limit }

    func fitsAfter(_ units: Int128, _ terms: ReferenceTerms, at time: ReferenceTime) -> Int128? {
        Int128(period(terms, at: time).upperBound - time.wall) * 1_000
    }

    mutating func charge(
        _ units: Int128, _ terms: ReferenceTerms, call: Int, at time: ReferenceTime
    ) {
        let now = period(terms, at: time)
        count = counted(terms, at: time) + units
        period = now
    }

    func remaining(_ units: Int128, _ terms: ReferenceTerms, at time: ReferenceTime) -> Int128 {
        max(0, terms.limit - counted(terms, at: time)) / units
    }
}
