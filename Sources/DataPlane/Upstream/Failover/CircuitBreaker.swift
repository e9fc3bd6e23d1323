package import SluiceVocabulary

/// Where a breaker stands.
package enum BreakerState: Int, Sendable, CaseIterable {
    case closed, halfOpen, open

    /// As it is shown.
    package var text: String {
        switch self {
        case .closed: "closed"
        case .halfOpen: "half_open"
        case .open: "open"
        }
    }
}

/// Stops calls to what mostly fails, and finds out with a few whether it is well again.
///
/// Closed: calls pass and are counted. Open: none passes, until a time has gone by. Half-open: a few
/// pass as probes; all must succeed. Each opening without a closing between lasts twice as long.
/// Ignored on purpose: how calls end that began before the last probes did. They tell of the time
/// before it opened, be it open, half-open or closed again by now.
package struct CircuitBreaker {
    private static let mostDoublings: Int64 = 5

    package private(set) var state = BreakerState.closed
    package var settings: BreakerSettings
    private var window: RollingCount
    private var opensUntil = MonotonicTime(nanoseconds: 0)
    /// The last time that it became half-open: calls that began before say nothing any more.
    private var hearsFrom = MonotonicTime(nanoseconds: .min)
    private var probesStarted = 0
    private var probesSucceeded = 0
    private var openings: Int64 = 0

    package init(_ settings: BreakerSettings) {
        self.settings = settings
        window = RollingCount(windowMilliseconds: settings.windowMilliseconds)
    }

    /// When probes may pass; nil where it is not open.
    package var reopensAt: MonotonicTime? { state == .open ? opensUntil : nil }

    /// Whether a call would pass now. Changes nothing.
    @inline(__always)
    package func admits(now: MonotonicTime) -> Bool {
        switch state {
        case .closed: true
        case .halfOpen: probesStarted < settings.probes
        case .open: now >= opensUntil
        }
    }

    /// The time it was open for is over: the next calls are probes.
    package mutating func probe(now: MonotonicTime) {
        guard state == .open, now >= opensUntil else { return }
        state = .halfOpen
        hearsFrom = now
        probesStarted = 0
        probesSucceeded = 0
    }

    /// A call passes.
    /// - Returns: whether the state has changed.
    package mutating func started(now: MonotonicTime) -> Bool {
        switch state {
        case .closed: return false
        case .halfOpen:
            probesStarted += 1
            return false
        case .open:
            probe(now: now)
            probesStarted = 1
            return state == .halfOpen
        }
    }

    /// A call has ended well or failed.
    ///
    /// - Parameter began: the time that `started` was told of it.
    /// - Returns: whether the state has changed.
    @inline(__always)
    package mutating func ended(ok: Bool, began: MonotonicTime, now: MonotonicTime) -> Bool {
        guard began >= hearsFrom else { return false }
        if state == .closed {
            window.add(1, marked: ok ? 0 : 1, now: now)
            return ok ? false : checkRate(now)
        }
        return probed(ok: ok, now: now)
    }

    /// A call ended without telling anything: its caller went. Another may be the probe.
    ///
    /// - Parameter began: the time that `started` was told of it.
    package mutating func cancelled(began: MonotonicTime) {
        guard state == .halfOpen, began >= hearsFrom, probesStarted > probesSucceeded else {
            return
        }
        probesStarted -= 1
    }

    private mutating func checkRate(_ now: MonotonicTime) -> Bool {
        guard window.total >= Int64(settings.minimumRequests),
            Double(window.marked) >= settings.failureRate * Double(window.total)
        else { return false }
        open(now)
        return true
    }

    private mutating func probed(ok: Bool, now: MonotonicTime) -> Bool {
        guard state == .halfOpen else { return false }
        guard ok else {
            open(now)
            return true
        }
        probesSucceeded += 1
        guard probesSucceeded >= settings.probes else { return false }
        state = .closed
        openings = 0
        return true
    }

    private mutating func open(_ now: MonotonicTime) {
        state = .open
        let doublings = min(openings, Self.mostDoublings)
        opensUntil = now.advanced(byMilliseconds: settings.openMilliseconds << doublings)
        openings += 1
        window.clear()
    }
}
