import SluicePolicy
import SluiceVocabulary
import Testing

@Suite("Quotas of the calendar")
struct QuotaTests {
    private let alice = subject("alice")

    private func decider(_ calendar: CalendarPeriod, limit: Int64 = 3) -> PolicyEvaluator {
        evaluator(snapshot([perUser(.quota, limit: limit, calendar)]))
    }

    /// The first microsecond of a period, the length of it and the next in seconds.
    struct Period: Sendable, CustomTestStringConvertible {
        let name: String
        let calendar: CalendarPeriod
        let start: Int64
        let seconds: Int64
        var testDescription: String { name }

        init(_ name: String, _ calendar: CalendarPeriod, _ start: Int64, days: Int64) {
            self.init(name, calendar, start, seconds: days * 86_400)
        }

        init(_ name: String, _ calendar: CalendarPeriod, _ start: Int64, seconds: Int64) {
            self.name = name
            self.calendar = calendar
            self.start = start * 1_000_000
            self.seconds = seconds
        }
    }

    /// Starts as `date -u -d ... +%s` gives them.
    static let periods = [
        Period("the first minute of 1970", .minute, 0, seconds: 60),
        Period("an hour", .hour, 1_772_323_200, seconds: 3_600),
        Period("a day", .day, 1_772_323_200, days: 1),
        Period("29 February 2024", .day, 1_709_164_800, days: 1),
        Period("a week from Monday 23 February 2026", .week, 1_771_804_800, days: 7),
        Period(
            "the week over new year, from Monday 29 December 2025", .week, 1_766_966_400, days: 7),
        Period("February 2024, leap", .month, 1_706_745_600, days: 29),
        Period("February 2026", .month, 1_769_904_000, days: 28),
        Period("February 2000, leap", .month, 949_363_200, days: 29),
        Period("February 2100, not leap", .month, 4_105_123_200, days: 28),
        Period("December 2026", .month, 1_796_083_200, days: 31),
        Period("April 2026", .month, 1_775_001_600, days: 30),
        Period("1970", .year, 0, days: 365),
        Period("2024, leap", .year, 1_704_067_200, days: 366),
        Period("2026", .year, 1_767_225_600, days: 365),
        Period("2100, not leap", .year, 4_102_444_800, days: 365),
    ]

    @Test("a period lasts from its first microsecond to its last", arguments: periods)
    func period(period: Period) {
        let decider = decider(period.calendar)
        let last = period.start + period.seconds * 1_000_000 - 1
        #expect(decider.passes(1, alice, 0, wall: period.start) == 1)
        #expect(decider.passes(9, alice, 0, wall: last) == 2)
        // One microsecond from the end, rounded up to a millisecond.
        #expect(decider.refusal(alice, 0, wall: last)?.retryAfterMilliseconds == 1)
        let all = decider.refusal(alice, 0, wall: period.start)
        #expect(all?.retryAfterMilliseconds == UInt64(period.seconds) * 1_000)
        #expect(decider.passes(9, alice, 0, wall: last + 1) == 3)
        let next = decider.refusal(alice, 0, wall: last + 1)
        #expect(next.map { $0.retryAfterMilliseconds > 1 } ?? false)
    }

    @Test("periods before 1970 are periods too, for a clock that was never set")
    func before1970() {
        let day: Int64 = 86_400 * 1_000_000
        let periods: [(CalendarPeriod, Range<Int64>)] = [
            (.minute, -60_000_000..<0), (.hour, -3_600_000_000..<0), (.day, -day..<0),
            (.week, -3 * day..<4 * day), (.week, -10 * day ..< -3 * day), (.month, -31 * day..<0),
            (.month, -61 * day ..< -31 * day), (.year, -365 * day..<0),
            (.year, -731 * day ..< -365 * day),
        ]
        for (calendar, period) in periods {
            let decider = decider(calendar)
            #expect(decider.passes(9, alice, 0, wall: period.lowerBound) == 3)
            #expect(decider.passes(9, alice, 0, wall: period.upperBound - 1) == 0)
            let refusal = decider.refusal(alice, 0, wall: period.lowerBound)
            #expect(refusal?.retryAfterMilliseconds == UInt64(period.count / 1_000))
            #expect(decider.passes(9, alice, 0, wall: period.upperBound) == 3)
        }
    }

    @Test("a clock that goes back does not bring the last period back")
    func clockBack() {
        let decider = decider(.day)
        let day: Int64 = 86_400 * 1_000_000
        #expect(decider.passes(9, alice, 0, wall: 10 * day - 1) == 3)
        #expect(decider.passes(2, alice, 0, wall: 10 * day) == 2)
        #expect(decider.passes(9, alice, 0, wall: 10 * day - 1) == 1)
        // It fits when the day after the later one begins.
        let refusal = decider.refusal(alice, 0, wall: 10 * day - 1_000)
        #expect(refusal?.retryAfterMilliseconds == 86_400_001)
        #expect(decider.passes(9, alice, 0, wall: 10 * day + 5) == 0)
        #expect(decider.passes(9, alice, 0, wall: 11 * day) == 3)
    }

    @Test(
        "from a second before its start a period is waited for to its very end", arguments: periods)
    func clockBackFromStart(period: Period) {
        let decider = decider(period.calendar)
        #expect(decider.passes(9, alice, 0, wall: period.start) == 3)
        let refusal = decider.refusal(alice, 0, wall: period.start - 1_000_000)
        #expect(refusal?.retryAfterMilliseconds == UInt64(period.seconds + 1) * 1_000)
    }

    @Test("the very first microsecond of 1970 lies in a period like any other")
    func firstMicrosecond() {
        let decider = decider(.day)
        #expect(decider.passes(9, alice, 0, wall: 0) == 3)
        #expect(decider.refusal(alice, 0, wall: 0)?.retryAfterMilliseconds == 86_400_000)
    }

    @Test("months and years begin on their first days and no other, from 1970 to 2405")
    func everyDay() {
        let months = decider(.month, limit: 1)
        let years = decider(.year, limit: 1)
        let day: Int64 = 86_400 * 1_000_000
        var today: Int64 = 0
        for year in 1970...2405 {
            let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            for (month, days) in [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
                .enumerated()
            {
                for date in 1...days {
                    let isFirst = date == 1
                    #expect((months.refusal(alice, 0, wall: today) == nil) == isFirst)
                    #expect(
                        (years.refusal(alice, 0, wall: today) == nil) == (isFirst && month == 0))
                    today += day
                    #expect(months.refusal(alice, 0, wall: today - 1) != nil)
                }
            }
        }
    }

    @Test("the monotonic clock says nothing to a quota")
    func monotonic() {
        let decider = decider(.minute)
        #expect(decider.passes(9, alice, 0, wall: 5) == 3)
        #expect(decider.passes(9, alice, 1 << 60, wall: 59_999_999) == 0)
        #expect(decider.passes(9, alice, 0, wall: 60_000_000) == 3)
    }

    @Test("bytes count by their number, and more than the limit never fits")
    func bytes() {
        var rule = perUser(.quota, limit: 1_000)
        rule.unit = .bytes
        let decider = evaluator(snapshot([rule]))
        #expect(decider.refusal(alice, 0, bytes: 1_001)?.kind == .tooLarge)
        #expect(decider.refusal(alice, 0, bytes: 999) == nil)
        #expect(decider.refusal(alice, 0, bytes: 2)?.kind == .rateLimited)
        #expect(decider.refusal(alice, 0, bytes: 1) == nil)
        #expect(decider.refusal(alice, 0, bytes: 0) == nil)
    }

    @Test("`pause_reads` pauses until the period ends, to the microsecond")
    func pauses() {
        var rule = perUser(.quota, limit: 1, .minute)
        rule.onLimit = .pauseReads
        let decider = evaluator(snapshot([rule]))
        #expect(decider.refusal(alice, 0, wall: 7) == nil)
        let answer = ReferenceAnswer(decider.decide(call(wall: 9), for: alice, now: at(0)))
        #expect(answer.verdict == .pause)
        #expect(answer.waitNanoseconds == 59_999_991_000)
    }

    @Test("a share of billions is billions")
    func large() {
        let first = snapshot([perUser(.quota, limit: 100)])
        let decider = evaluator(first)
        #expect(decider.passes(50, alice, 0) == 50)
        decider.adopt(snapshot([perUser(.quota, limit: 1_000_000_000_000)], previous: first))
        let step = decider.explain(call(), for: alice, now: at(0)).limits[0]
        #expect(step.used == 500_000_000_000)
    }

    @Test("changed numbers keep the used share; a changed period keeps what is of the present one")
    func reload() {
        let hour: Int64 = 3_600 * 1_000_000
        var rule = perUser(.quota, limit: 10, .hour)
        let first = snapshot([rule])
        let decider = evaluator(first)
        #expect(decider.passes(5, alice, 0, wall: 30 * hour) == 5)
        rule.numbers.limit = 7
        let second = snapshot([rule], previous: first)
        decider.adopt(second)
        // Five of ten are four of seven, rounded against the caller.
        #expect(decider.passes(9, alice, 0, wall: 30 * hour) == 3)
        rule.calendar = .day
        let third = snapshot([rule], previous: second)
        decider.adopt(third)
        #expect(decider.passes(9, alice, 0, wall: 30 * hour + 1) == 0)
        #expect(decider.passes(9, alice, 0, wall: 48 * hour) == 7)
        #expect(decider.passes(9, subject("bob"), 0, wall: 30 * hour + 1) == 7)
    }
}
