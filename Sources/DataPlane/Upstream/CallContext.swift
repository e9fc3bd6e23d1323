package import NIOCore
package import SluiceFraming
package import SluicePolicy
package import SluiceVocabulary

/// What a caller needs again when the answer comes: kept with the pending call, handed back once.
///
/// 128 bytes in this order. One more, and copies of it are calls: 200 instructions a message.
package struct CallContext {
    /// The client's connection. Lives on the loop of this `Upstream`.
    package var requester: ConnectionID
    /// How the client is connected.
    package var transport: Transport
    /// A shadow rule would have refused: `rule` names it.
    package var isShadow: Bool
    /// The client's own number of the request, echoed in the reply.
    package var seq: UInt64
    package var command: Command
    /// Counts the requests of the connection; part of the request id.
    package var requestNumber: UInt64
    /// When the request came in: the deadline counts from here, but for `pausedMilliseconds`.
    package var startedAt: MonotonicTime
    /// When the policy decided, by the wall clock: the time its journal entry tells.
    package var decidedAt: WallTime
    package var bytesIn: UInt32
    /// What the policy counted.
    package var payloadBytes: UInt32
    /// How long since `startedAt` the request was not taken in; the deadline does not count it.
    package var pausedMilliseconds: UInt32
    /// Of the tightest limit, for the journal; -1 none.
    package var remaining: Int64
    /// Ordered requests with one key go to one instance: a hash of the session.
    package var stickyKey: UInt64
    package var topic: String?
    package var trace: String?
    /// Name of the permission rule that let the request pass, or of the shadow rule that would not.
    package var rule: String?
    /// What the call holds under `concurrency` until it is over.
    package var lease: Lease

    @inlinable @inline(__always)
    package init(
        requester: ConnectionID, transport: Transport, seq: UInt64, command: Command,
        requestNumber: UInt64,
        startedAt: MonotonicTime, bytesIn: UInt32, remaining: Int64 = -1, stickyKey: UInt64,
        topic: String? = nil, trace: String? = nil, rule: String? = nil, isShadow: Bool = false,
        lease: Lease = .none, pausedMilliseconds: UInt32 = 0,
        decidedAt: WallTime = WallTime(microseconds: 0), payloadBytes: UInt32 = 0
    ) {
        self.requester = requester
        self.transport = transport
        self.isShadow = isShadow
        self.seq = seq
        self.command = command
        self.requestNumber = requestNumber
        self.startedAt = startedAt
        self.decidedAt = decidedAt
        self.bytesIn = bytesIn
        self.payloadBytes = payloadBytes
        self.pausedMilliseconds = pausedMilliseconds
        self.remaining = remaining
        self.stickyKey = stickyKey
        self.topic = topic
        self.trace = trace
        self.rule = rule
        self.lease = lease
    }
}

@available(*, unavailable)
extension CallContext: Sendable {}

/// How a call ended.
package enum CallOutcome {
    /// The service's answer; the view's positions count in the body's readable bytes.
    ///
    /// The body is a slice of the receive buffer: keep it for the length of the callback only.
    case reply(EnvelopeView, ByteBuffer)
    /// `badUpstreamAnswer`, `serviceUnavailable` (link lost) or `timedOut`.
    case refused(RefusalKind)
}

/// How a call ended, and what journal and metrics want to know of it.
package struct CallResult {
    package var outcome: CallOutcome
    /// `host:port` of the instance that was asked.
    package var instance: String
    /// From the turn in which the call was sent to the turn in which it ended.
    package var upstreamNanoseconds: Int64
    /// Instances asked.
    package var attempts: UInt8
}

/// What became of a `dispatch`.
package enum Dispatch: Sendable, Equatable {
    /// On its way; `onResult` follows, exactly once unless the requester is cancelled.
    ///
    /// `isCongested`: the link has more waiting than `linkPauseBytes`; stop reading from the
    /// client until `onRelieved`.
    case sent(isCongested: Bool)
    /// Not sent, no callback follows: `serviceUnavailable`, `overloaded` or `timedOut`.
    case refused(RefusalKind)
}

/// An instance of a service as the other end of a link.
package struct LinkPeer: Sendable, Equatable {
    /// `host:port`, as it is configured.
    package var instance: String
    /// The address the link goes to; nil = unknown.
    package var address: IPAddress?

    package init(instance: String, address: IPAddress?) {
        self.instance = instance
        self.address = address
    }
}

/// A change in the reachability of an instance, seen from one loop.
package enum UpstreamEvent: Sendable, Equatable {
    case up(service: String, instance: String)
    /// - `reason`: a word of a closed set, see `LinkDownReason`.
    /// - `lostCalls`: calls that were pending and got 503.
    /// - `cause`: more about the reason, for people; empty where there is no more to say.
    case down(
        service: String, instance: String, reason: LinkDownReason, lostCalls: Int,
        cause: String = "")
    /// An instance that can be reached is out of the balance.
    /// - `milliseconds`: for how long; 0 = until checks succeed.
    case ejected(service: String, instance: String, reason: EjectionReason, milliseconds: Int64)
    /// An ejected instance is back in the balance.
    case returned(service: String, instance: String)
    /// A breaker has changed its state: that of an instance, or of the service where it is empty.
    case breaker(service: String, instance: String, state: BreakerState)
    /// So few instances are well that all that can be reached get calls, or no longer so.
    case panic(service: String, isOn: Bool)
}

/// Why a link to an instance is not usable.
package enum LinkDownReason: String, Sendable, CaseIterable {
    /// No TCP connection, or none in time.
    case connectFailed = "connect_failed"
    /// TCP came up, TLS did not: one side does not trust the other, or they share no version.
    case tlsFailed = "tls_failed"
    /// TCP came up, the hello did not come in time.
    case noHello = "no_hello"
    /// The peer closed or the connection broke.
    case connectionLost = "connection_lost"
    /// The peer asked the gateway to go.
    case goaway
    /// What came cannot be read as link frames.
    case protocolError = "protocol_error"
    /// Too many calls that the peer never answered.
    case noAnswers = "no_answers"
    /// Pings without an answer.
    case noHeartbeat = "no_heartbeat"
    /// The configuration no longer names the instance.
    case removed
}
