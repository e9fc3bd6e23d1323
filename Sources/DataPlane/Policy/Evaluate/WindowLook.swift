/// What a call would do to a bucket that counts in windows, reckoned from one reading.
///
/// Numbers are copied into it: a reference would be counted for every message.
struct WindowLook {
    let seen: WindowState
    let count: WindowCount
    let limit: Int64
    let cost: Int64
    /// What the call takes.
    let amount: Int64

    @inline(__always)
    init(
        sliding seen: WindowState, _ terms: LimitTerms, amount: Int64, now: Int64
    ) {
        self.seen = seen
        self.amount = amount
        limit = terms.limit
        cost = terms.cost
        count = WindowCount(sliding: seen, length: terms.period, now: now)
    }

    /// - Parameter present: the calendar's period at `wall`.
    @inline(__always)
    init(
        quota seen: WindowState, _ terms: LimitTerms, amount: Int64, _ calendar: CalendarPeriod,
        _ present: Calendar.Period, wall: Int64
    ) {
        self.seen = seen
        self.amount = amount
        limit = terms.limit
        cost = terms.cost
        count = WindowCount(quota: seen, calendar, present, wall: wall)
    }

    /// Units left.
    @inline(__always)
    var left: Int64 { limit &- count.current &- count.weight }

    /// The state with the call in it.
    func after(slides: Bool) -> WindowState {
        count.adding(amount, slides: slides, generation: seen.generation)
    }

    /// A later state without the call; nil when it is no longer in it, or numbers have changed.
    func refunded(_ later: WindowState, slides: Bool) -> WindowState? {
        guard !later.isRetired, later.generation == seen.generation else { return nil }
        let window = count.window
        if !slides {
            guard later.window == window else { return nil }
            return WindowState(
                period: window, count: max(0, later.count - amount), generation: later.generation)
        }
        switch later.window {
        case window:
            return WindowState(
                window: window, current: max(0, later.current - amount), previous: later.previous,
                generation: later.generation)
        case window + 1:
            return WindowState(
                window: later.window, current: later.current,
                previous: max(0, later.previous - amount), generation: later.generation)
        default: return nil
        }
    }
}
