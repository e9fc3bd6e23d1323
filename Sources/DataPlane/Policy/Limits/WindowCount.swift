/// When a call is reckoned, on both clocks.
struct WindowMoment {
    /// Monotonic nanoseconds.
    let now: Int64
    /// Microseconds since 1970.
    let wall: Int64
}

/// What a bucket that counts in windows holds for a call, reckoned from one reading.
///
/// docs/policy.md, "sliding_window" and "quota", has the arithmetic.
struct WindowCount {
    /// The window the call is counted in: the present one, or a later one that another loop, or an
    /// earlier wall clock, has already begun.
    let window: Int64
    let current: Int64
    let previous: Int64
    /// Nanoseconds of the window that have passed.
    let elapsed: Int64
    /// Nanoseconds until the window begins; 0 but for a later one.
    let untilStart: Int64
    /// Nanoseconds from its start to its end.
    let length: Int64

    /// - Parameter length: of a window, in nanoseconds.
    @inline(__always)
    init(sliding seen: WindowState, length: Int64, now: Int64) {
        let present = now / length
        let window = max(present, seen.window)
        let isSame = seen.window == window
        self.init(
            window: window, current: isSame ? seen.current : 0,
            previous: isSame ? seen.previous : seen.window == window - 1 ? seen.current : 0,
            elapsed: window == present ? now - present * length : 0,
            untilStart: window == present ? 0 : window * length - now, length: length)
    }

    /// - Parameters:
    ///   - present: the calendar's period at `wall`.
    ///   - wall: microseconds since 1970.
    init(
        quota seen: WindowState, _ calendar: CalendarPeriod, _ present: Calendar.Period, wall: Int64
    ) {
        // An empty bucket has no later period to stay in.
        let period =
            seen.window > present.number && seen.count > 0
            ? Calendar.period(calendar, number: seen.window) : present
        self.init(
            window: period.number, current: seen.window == period.number ? seen.count : 0,
            elapsed: max(0, wall - period.start) * 1_000,
            untilStart: max(0, period.start - wall) * 1_000,
            length: (period.end - period.start) * 1_000)
    }

    /// - Parameter wall: microseconds since 1970.
    init(quota seen: WindowState, _ calendar: CalendarPeriod, at wall: Int64) {
        self.init(
            quota: seen, calendar, Calendar.period(calendar, at: wall), wall: wall)
    }

    private init(
        window: Int64, current: Int64, previous: Int64 = 0, elapsed: Int64, untilStart: Int64,
        length: Int64
    ) {
        self.window = window
        self.current = current
        self.previous = previous
        self.elapsed = elapsed
        self.untilStart = untilStart
        self.length = length
    }

    /// What of the window before still counts, rounded up.
    @inline(__always)
    var weight: Int64 {
        previous == 0 ? 0 : LimitTerms.scale(previous, length - elapsed, by: length)
    }

    /// Nanoseconds until `amount` fits under `limit` if nothing else comes.
    ///
    /// - Parameter amount: at most `limit`, and more than fits now.
    func wait(for amount: Int64, under limit: Int64, slides: Bool) -> Int64 {
        let left = untilStart + length - elapsed
        guard slides else { return left }
        let room = limit - current - amount
        if room >= 0 {
            // It must shrink until previous * (length - e) <= room * length.
            return left - LimitTerms.share(room, length, of: previous)
        }
        return left + length - LimitTerms.share(limit - amount, length, of: current)
    }

    /// Nanoseconds until nothing counts any more.
    ///
    /// - Parameter afterUse: of a state to which a call is added.
    func reset(slides: Bool, afterUse: Bool) -> Int64 {
        let left = untilStart + length - elapsed
        if slides, afterUse || current > 0 { return left + length }
        return afterUse || current + previous > 0 ? left : 0
    }

    /// The state with so much more counted.
    func adding(_ amount: Int64, slides: Bool, generation: UInt64) -> WindowState {
        slides
            ? WindowState(
                window: window, current: current + amount, previous: previous,
                generation: generation)
            : WindowState(period: window, count: current + amount, generation: generation)
    }
}

extension LimitAlgorithm {
    var slides: Bool { self == .slidingWindow }

    /// A state written under other numbers, as these numbers see it: the same share used, rounded
    /// up. Counts of a window of another length move into the present one.
    func converted(
        _ seen: WindowState, variant: Int, from old: NumbersSet, to new: NumbersSet,
        at moment: WindowMoment
    ) -> WindowState {
        let theirs = old.terms(for: variant, of: new).limit
        let ours = new.variants[variant].limit
        func scaled(_ count: Int64) -> Int64 {
            let most = slides ? LimitNumbers.mostPerWindow : Int64.max / 4
            return min(LimitTerms.scale(count, ours, by: theirs), most)
        }
        let isSameLength =
            slides ? old.variants[0].period == new.variants[0].period : old.calendar == new.calendar
        if isSameLength {
            return slides
                ? WindowState(
                    window: seen.window, current: scaled(seen.current),
                    previous: scaled(seen.previous), generation: new.generation)
                : WindowState(
                    period: seen.window, count: scaled(seen.count), generation: new.generation)
        }
        let count =
            slides
            ? WindowCount(sliding: seen, length: old.variants[0].period, now: moment.now)
            : WindowCount(quota: seen, old.calendar ?? .day, at: moment.wall)
        let used = scaled(count.current + count.weight)
        let window = new.window(now: moment.now, wall: moment.wall)
        return slides
            ? WindowState(
                window: window, current: used, previous: 0, generation: new.generation)
            : WindowState(period: window, count: used, generation: new.generation)
    }

    /// The one of two states of one window that refuses more.
    func dearer(_ left: WindowState, _ right: WindowState, of numbers: NumbersSet) -> WindowState {
        slides
            ? WindowState(
                window: left.window, current: max(left.current, right.current),
                previous: max(left.previous, right.previous), generation: numbers.generation)
            : WindowState(
                period: left.window, count: max(left.count, right.count),
                generation: numbers.generation)
    }
}
