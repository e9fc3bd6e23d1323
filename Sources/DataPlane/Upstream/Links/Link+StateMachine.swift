/// Decides for a link: when to connect, when to take calls, how long to wait after a failure.
///
/// Our bug (traps): an event that cannot come in a state, such as a second greeting of one
/// connection. The peer's fault: the connection ends and is made again after a pause. Ignored on
/// purpose: a loss after a loss, a timer that fires after `stop`, goaway while draining.
struct LinkStateMachine {
    /// Where a link stands.
    enum State: Equatable {
        /// Made, not started.
        case idle
        /// TCP is being set up, or the service's hello is awaited.
        case connecting
        /// Takes calls.
        case ready
        /// Takes no new calls, waits for the answers of the old ones.
        case draining(LinkDownReason)
        /// Waits before it connects again.
        case waiting
        /// Over for good.
        case stopped
    }

    /// What the link has to do now.
    enum Action: Equatable {
        case none
        case connect
        /// Into the balance: calls may come.
        case takeCalls
        /// Out of the balance; close when the last pending call has ended.
        case drain
        /// Out of the balance, refuse what is pending, close what is open.
        /// - `announce`: tell the operator; only the first of several failures in a row is news.
        /// - `retryAfterMilliseconds`: connect again after this; nil = never.
        case drop(LinkDownReason, announce: Bool, retryAfterMilliseconds: Int64?)
    }

    private(set) var state = State.idle
    /// Connections that ended since one proved useful.
    private(set) var failures = 0
    private var wasAnnouncedDown = false
    private var isRemoved = false

    var backoffMinimumMilliseconds: Int64
    var backoffMaximumMilliseconds: Int64

    init(backoffMinimumMilliseconds: Int64, backoffMaximumMilliseconds: Int64) {
        self.backoffMinimumMilliseconds = backoffMinimumMilliseconds
        self.backoffMaximumMilliseconds = backoffMaximumMilliseconds
    }

    /// Whether answers and pushes may come: the hello has, and the connection stands.
    var takesAnswers: Bool {
        switch state {
        case .ready, .draining: true
        case .idle, .connecting, .waiting, .stopped: false
        }
    }

    /// The owner wants the link to work.
    mutating func start() -> Action {
        guard state == .idle else { return .none }
        state = .connecting
        return .connect
    }

    /// The service said hello.
    mutating func greeted() -> Action {
        guard state == .connecting else { return .none }
        state = .ready
        wasAnnouncedDown = false
        return .takeCalls
    }

    /// Something useful came over the connection: the next failure is a first one.
    mutating func proved() { failures = 0 }

    /// The peer asked for no further calls.
    mutating func goaway() -> Action {
        guard state == .ready else { return .none }
        state = .draining(.goaway)
        return .drain
    }

    /// The configuration no longer names the instance.
    mutating func remove() -> Action {
        isRemoved = true
        switch state {
        case .ready:
            state = .draining(.removed)
            return .drain
        case .draining:
            state = .draining(.removed)
            return .none
        case .idle, .connecting, .waiting:
            state = .stopped
            return .drop(.removed, announce: false, retryAfterMilliseconds: nil)
        case .stopped:
            return .none
        }
    }

    /// The last pending call of a draining link has ended.
    mutating func drained(random: inout SeededRandom) -> Action {
        guard case .draining(let reason) = state else { return .none }
        return lost(reason, random: &random)
    }

    /// The connection is gone, could not be made, or cannot go on.
    mutating func lost(_ reason: LinkDownReason, random: inout SeededRandom) -> Action {
        let cause: LinkDownReason
        switch state {
        case .idle, .waiting, .stopped: return .none
        case .connecting, .ready: cause = reason
        case .draining(let wanted): cause = wanted
        }
        if isRemoved {
            state = .stopped
            return .drop(.removed, announce: true, retryAfterMilliseconds: nil)
        }
        state = .waiting
        let pause = pauseMilliseconds(random: &random)
        failures += 1
        defer { wasAnnouncedDown = true }
        return .drop(cause, announce: !wasAnnouncedDown, retryAfterMilliseconds: pause)
    }

    /// The pause is over.
    mutating func pauseEnded() -> Action {
        guard state == .waiting else { return .none }
        state = .connecting
        return .connect
    }

    /// The gateway stops.
    mutating func stop() -> Action {
        guard state != .stopped else { return .none }
        state = .stopped
        return .drop(.removed, announce: false, retryAfterMilliseconds: nil)
    }

    /// Exponential with full jitter: anything from 1 ms to the doubled pause, so that the loops of
    /// all gateways do not come back in one moment.
    private func pauseMilliseconds(random: inout SeededRandom) -> Int64 {
        let doublings = min(failures, 20)
        let ceiling = min(backoffMaximumMilliseconds, backoffMinimumMilliseconds << doublings)
        return Int64.random(in: 1...max(1, ceiling), using: &random)
    }
}
