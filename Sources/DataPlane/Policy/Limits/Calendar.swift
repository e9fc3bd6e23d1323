/// Periods of the proleptic Gregorian calendar in UTC, told by number, without leap seconds.
///
/// Days since 1970-01-01 become dates by counting years from March (Howard Hinnant, "chrono-compatible
/// low-level date algorithms").
enum Calendar {
    private static let day: Int64 = 86_400_000_000

    /// One period: its number, its first microsecond since 1970 and the first after it.
    struct Period: Equatable, Sendable {
        var number: Int64
        var start: Int64
        var end: Int64
    }

    /// The period in which a wall time lies.
    static func period(_ kind: CalendarPeriod, at microseconds: Int64) -> Period {
        switch kind {
        case .minute: fixed(60_000_000, microseconds)
        case .hour: fixed(3_600_000_000, microseconds)
        case .day: fixed(day, microseconds)
        case .week: week(microseconds)
        case .month:
            dated(months(daysSince1970(microseconds)), monthsEach: 1)
        case .year:
            dated(floor(months(daysSince1970(microseconds)), by: 12), monthsEach: 12)
        }
    }

    /// The period of a number.
    static func period(_ kind: CalendarPeriod, number: Int64) -> Period {
        switch kind {
        case .minute: fixed(60_000_000, number * 60_000_000)
        case .hour: fixed(3_600_000_000, number * 3_600_000_000)
        case .day: fixed(day, number * day)
        case .week: week(number * 7 * day)
        case .month: dated(number, monthsEach: 1)
        case .year: dated(number, monthsEach: 12)
        }
    }

    private static func fixed(_ length: Int64, _ microseconds: Int64) -> Period {
        let number = floor(microseconds, by: length)
        return Period(number: number, start: number * length, end: (number + 1) * length)
    }

    /// Weeks begin on Monday; 1970-01-01 was a Thursday.
    private static func week(_ microseconds: Int64) -> Period {
        let number = floor(microseconds + 3 * day, by: 7 * day)
        let start = number * 7 * day - 3 * day
        return Period(number: number, start: start, end: start + 7 * day)
    }

    private static func dated(_ number: Int64, monthsEach: Int64) -> Period {
        Period(
            number: number, start: firstDay(ofMonth: number * monthsEach) * day,
            end: firstDay(ofMonth: (number + 1) * monthsEach) * day)
    }

    private static func daysSince1970(_ microseconds: Int64) -> Int64 {
        floor(microseconds, by: day)
    }

    static func floor(_ value: Int64, by divisor: Int64) -> Int64 {
        let quotient = value / divisor
        return value % divisor < 0 ? quotient - 1 : quotient
    }

    /// Months from January 1970 to the month of a day.
    private static func months(_ days: Int64) -> Int64 {
        let shifted = days + 719_468
        let era = floor(shifted, by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        // March is month 2 of its year, counted from 0.
        return (yearOfEra + era * 400 - 1970) * 12 + monthFromMarch + 2
    }

    /// Days from 1970-01-01 to the first of a month, counted from January 1970.
    private static func firstDay(ofMonth month: Int64) -> Int64 {
        let fromMarch = month - 2 + 1970 * 12
        let year = floor(fromMarch, by: 12)
        let monthFromMarch = fromMarch - year * 12
        let era = floor(year, by: 400)
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * monthFromMarch + 2) / 5
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }
}

extension Condition.TimeOfDay {
    /// Whether a wall time, in microseconds since 1970, is within.
    func contains(_ microseconds: Int64) -> Bool {
        let minutes = Calendar.floor(microseconds, by: 60_000_000)
        let days = Calendar.floor(minutes, by: 1_440)
        let minute = Int(minutes - days * 1_440)
        // Day 0 was a Thursday, number 3 of a week that begins on Monday.
        let today = Int((days % 7 + 10) % 7)
        let yesterday = (today + 6) % 7
        if fromMinute < toMinute {
            return self.days.contains(today) && (fromMinute..<toMinute).contains(minute)
        }
        return self.days.contains(today) && minute >= fromMinute
            || self.days.contains(yesterday) && minute < toMinute
    }
}
