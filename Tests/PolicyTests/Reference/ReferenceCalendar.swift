import SluicePolicy

/// The calendar in UTC, counted day by day from 1970 as on fingers.
enum ReferenceCalendar {
    static let day: Int64 = 86_400 * 1_000_000

    static func daysOfYear(_ year: Int64) -> Int64 { isLeap(year) ? 366 : 365 }

    static func isLeap(_ year: Int64) -> Bool {
        year % 400 == 0 || (year % 4 == 0 && year % 100 != 0)
    }

    static func daysOfMonth(_ month: Int, of year: Int64) -> Int64 {
        [31, isLeap(year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month]
    }

    /// The period in which a time lies, from its first microsecond to that of the next.
    static func period(_ period: CalendarPeriod, around wall: Int64) -> Range<Int64> {
        switch period {
        case .minute: equal(60 * 1_000_000, around: wall)
        case .hour: equal(3_600 * 1_000_000, around: wall)
        case .day: equal(day, around: wall)
        // 1970 began on a Thursday; the Monday of that week was three days earlier.
        case .week: equal(7 * day, around: wall, from: -3 * day)
        case .month: month(around: wall)
        case .year: year(around: wall).range
        }
    }

    private static func equal(_ length: Int64, around wall: Int64, from first: Int64 = 0) -> Range<
        Int64
    > {
        let start = first + (wall - first) / length * length
        return start..<(start + length)
    }

    private static func year(around wall: Int64) -> (year: Int64, range: Range<Int64>) {
        var year: Int64 = 1970
        var start: Int64 = 0
        while wall >= start + daysOfYear(year) * day {
            start += daysOfYear(year) * day
            year += 1
        }
        return (year, start..<(start + daysOfYear(year) * day))
    }

    private static func month(around wall: Int64) -> Range<Int64> {
        let (year, range) = year(around: wall)
        var start = range.lowerBound
        var month = 0
        while wall >= start + daysOfMonth(month, of: year) * day {
            start += daysOfMonth(month, of: year) * day
            month += 1
        }
        return start..<(start + daysOfMonth(month, of: year) * day)
    }
}
