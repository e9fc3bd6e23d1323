import NIOCore
import SluiceVocabulary

/// What an HTTP connection may be waiting for, each for a bounded time.
enum HTTPDeadline {
    /// Nothing the client owes.
    case none
    /// A request's head: `handshake_timeout`.
    case head
    /// Another request: `keep_alive_timeout`.
    case idle
    /// More of a body: `body_timeout`, anew with each part.
    case body
    /// That the client reads on: `body_timeout`.
    case write
    /// That the client closes after the last response.
    case linger
}

extension HTTPEntry {
    /// How long a connection may linger, in milliseconds.
    private static let lingerMilliseconds: Int64 = 1_000

    /// Sets what is waited for. The timer itself moves only when it fires too early: a request
    /// costs no scheduling.
    func expect(_ what: HTTPDeadline) {
        deadline = what
        let milliseconds: Int64
        switch what {
        case .none: return
        case .head: milliseconds = edge.limits.handshakeTimeoutMilliseconds
        case .idle: milliseconds = edge.limits.keepAliveTimeoutMilliseconds
        case .body, .write: milliseconds = edge.limits.bodyTimeoutMilliseconds
        case .linger: milliseconds = Self.lingerMilliseconds
        }
        guard !isClosed, !isUpgraded else { return }
        deadlineAt = edge.tick.now.advanced(byMilliseconds: milliseconds)
        if let timer {
            guard deadlineAt < timerAt else { return }
            timer.cancel()
        }
        schedule()
    }

    private func schedule() {
        guard let context else { return }
        timerAt = deadlineAt
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        let wait = max(1_000_000, deadlineAt.nanoseconds(since: edge.tick.now))
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(wait)) {
            bound.value.timerFired()
        }
    }

    private func timerFired() {
        timer = nil
        guard !isClosed, deadline != .none else { return }
        edge.tick.begin()
        guard deadlineAt <= edge.tick.now else { return schedule() }
        switch deadline {
        case .none: break
        case .head:
            edge.meters.limitExceeded("handshake_timeout")
            close(.handshakeTimeout)
        case .idle:
            edge.meters.limitExceeded("keep_alive_timeout")
            close(.idle)
        case .body, .write:
            edge.meters.limitExceeded("body_timeout")
            close(.bodyTimeout)
        case .linger: close(closeReason)
        }
    }
}
