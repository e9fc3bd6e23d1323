import NIOCore
import SluiceFraming
import SluicePolicy
import SluiceSessions
import SluiceTelemetry
import SluiceVocabulary

/// A client's long connection: what is known of it, and what may be done with it.
///
/// The one handler of its channel, on a WebSocket and on plain TCP alike: messages are parsed from
/// the read buffer in place, and all output of a loop turn leaves in one write. Our bug: use after
/// `closed` (trapped by the table). The peer's fault: what `WebSocketReader`, `LengthPrefix` and the
/// exchange refuse. Ignored on purpose: bytes that arrive after we said goodbye, answers that arrive
/// after the client has gone.
final class ClientConnection {
    /// Where a connection stands in its life.
    enum Phase: UInt8 { case authenticating, open, closing, closed }

    let edge: EdgeLoop
    let transport: Transport
    let peer: Peer
    /// How messages are told apart on this connection.
    let wire: ClientEncoder.Wire
    let openedAt: MonotonicTime
    var context: ChannelHandlerContext?
    private(set) var id: ConnectionID

    var phase = Phase.authenticating
    var codec: Codec?
    var version: ProtocolVersion
    /// By the sub-protocol or the first envelope; until then it counts as version 1.
    var isVersionSettled: Bool
    /// Set while the reply to a token in the handshake waits for the client to show its codec.
    var owesAuthReply = false
    /// True while output of this turn waits for its end.
    var isDirty = false
    var pauses: PauseReasons = []
    /// The call of this connection that waits by the policy's word.
    var waiting: PolicyWait?
    private var missedPings: UInt8 = 0
    /// Anything has come from the client.
    var hasSpoken = false
    /// TCP: the client sends no more and waits for its answers (a half-closed socket).
    var isInputEnded = false
    /// TCP: our FIN is on its way.
    var isOutputEnded = false
    /// Requests without an answer.
    private(set) var inFlight: Int32 = 0

    /// Of no use on TCP, where nothing must be remembered between messages.
    var reader: WebSocketReader
    /// Bytes of a frame that is not complete, or that a pause left unread.
    var input: ByteBuffer?
    /// Output not yet given to the channel.
    var outbox: ByteBuffer?
    /// What the channel last said of its socket: asking it for every write is dear.
    var isWritable = true
    /// Bytes of it that wait because the socket is full.
    var backlogBytes = 0

    let subject: PolicySubject
    var label: ConnectionLabel
    var principal: Principal?
    private(set) var session: SessionID?
    private(set) var device = Device()
    /// What of the handshake policies may ask about again; nil on TCP.
    var handshake: HandshakeFacts?
    /// What the connection itself holds under `concurrency`, until it is gone.
    private var lease = Lease.none
    /// User, session, device and address as envelope fields for the services.
    private(set) var stamp: [UInt8] = []
    /// Number of the request under way or last seen; names it in the journal.
    var requestNumber: UInt64 = 0
    /// Number of the last push of class `must`.
    var pushNumber: UInt64 = 0
    /// Version 2: pushes of this turn.
    var batch: PushBatch?

    private(set) var lastLife: MonotonicTime
    private var closingAt = MonotonicTime(nanoseconds: .max)

    /// - Parameters:
    ///   - peer: who is at the other end.
    ///   - codec: settled by the sub-protocol, nil when the first frame decides.
    ///   - version: the same.
    init(
        edge: EdgeLoop, transport: Transport, peer: Peer, codec: Codec?, version: ProtocolVersion?
    ) {
        self.edge = edge
        self.transport = transport
        self.peer = peer
        wire = transport == .tcp ? .lengthPrefixed : .webSocket
        self.codec = codec
        self.version = version ?? .v1
        isVersionSettled = version != nil
        openedAt = edge.tick.now
        lastLife = edge.tick.now
        reader = WebSocketReader(maxMessageBytes: edge.limits.maxFrameBytes)
        subject = PolicySubject(address: peer.bytes)
        id = ConnectionID(rawValue: 0)
        label = ConnectionLabel(
            connection: id, transport: transport, client: peer.text, user: nil, device: "",
            session: "", claims: nil)
        id = edge.table.insert(self)
        label = label.with(connection: id)
        edge.meters.connectionOpened(transport)
        edge.meters.clientSpeaks(self.version, 1)
        edge.table.check(
            id, at: openedAt.advanced(byMilliseconds: edge.limits.authenticationTimeoutMilliseconds)
        )
    }

    /// The connection is somebody's from now on.
    ///
    /// - Parameter lease: what it holds as long as it is there.
    func identify(_ principal: Principal, device: Device, holding lease: Lease) {
        invariant(phase == .authenticating, "a connection is identified once")
        let session = SessionID.random()
        self.principal = principal
        self.session = session
        self.device = device
        self.lease = lease
        phase = .open
        subject.identify(principal: principal, session: session, device: device)
        label = ConnectionLabel(
            connection: id, transport: transport, client: label.client, user: principal.user,
            device: device.id, platform: device.platform, app: device.app, session: session.text,
            claims: edge.claimsText(of: principal))
        stamp = EnvelopeStamp.identity(
            user: principal.user, session: session.text, device: device.id, client: label.client)
        edge.sessions.register(
            SessionEntry(
                user: principal.user, session: session, connection: id, device: device.id,
                platform: device.platform))
        scheduleCheck()
    }

    /// A fresher token of the same user: roles and claims count from the next message on.
    func refresh(_ principal: Principal) {
        self.principal = principal
        subject.identify(principal: principal, session: session, device: device)
        label = ConnectionLabel(
            connection: id, transport: transport, client: label.client, user: principal.user,
            device: device.id, platform: device.platform, app: device.app,
            session: label.session, claims: edge.claimsText(of: principal))
        scheduleCheck()
    }

    // MARK: Requests under way

    /// A request is not over yet, or waits for its turn.
    var isBusy: Bool { inFlight > 0 || waiting != nil }

    func requestStarted() {
        inFlight += 1
        if inFlight >= edge.limits.maxInFlightPerConnection {
            edge.meters.limitExceeded("max_in_flight_per_connection")
            pause(.inFlight)
        }
    }

    func requestEnded() {
        inFlight -= 1
        if isInputEnded { becomeDirty() }
        if pauses.contains(.inFlight), inFlight <= edge.limits.maxInFlightPerConnection / 2 {
            resume(.inFlight)
        }
    }

    // MARK: Time

    /// Any byte from the client is a sign of life.
    func sawLife() {
        lastLife = edge.tick.now
        missedPings = 0
    }

    /// Looks at what time asks for: authentication, heartbeat, expiry, the end of a close handshake.
    func check(_ now: MonotonicTime) {
        switch phase {
        case .authenticating:
            // What the policy holds back cannot be late.
            if waiting != nil {
                let timeout = edge.limits.authenticationTimeoutMilliseconds
                return edge.table.check(id, at: now.advanced(byMilliseconds: timeout))
            }
            edge.meters.limitExceeded("authentication_timeout")
            close(.authenticationTimeout)
        case .closing: abandon()
        case .closed: break
        case .open:
            if let expiry = principal?.expiresAtSeconds, expiry <= edge.tick.wall.seconds {
                return close(.tokenExpired)
            }
            checkHeartbeat(now)
        }
    }

    private func checkHeartbeat(_ now: MonotonicTime) {
        // What is not read cannot show life.
        if pauses.contains(.policy) {
            sawLife()
            return scheduleCheck()
        }
        let interval = edge.limits.heartbeatIntervalMilliseconds * 1_000_000
        if now.nanoseconds(since: lastLife) >= interval * Int64(missedPings + 1) {
            if Int(missedPings) >= edge.limits.heartbeatMisses {
                edge.meters.limitExceeded("heartbeat_misses")
                return close(.noHeartbeat)
            }
            missedPings += 1
            ping()
        }
        scheduleCheck()
    }

    private func ping() {
        switch wire {
        case .webSocket: write { edge, buffer in edge.encoder.ping(into: &buffer) }
        case .lengthPrefixed:
            send(
                EnvelopeHead(cmd: GatewayCommand.ping.rawValue, seq: 0, kind: .request), payload: []
            )
        }
    }

    private func scheduleCheck() {
        let heartbeat = lastLife.advanced(
            byMilliseconds: edge.limits.heartbeatIntervalMilliseconds * Int64(missedPings + 1))
        guard let expiry = principal?.expiresAtSeconds else {
            return edge.table.check(id, at: heartbeat)
        }
        let left = max(0, min(expiry - edge.tick.wall.seconds, 1 << 30))
        edge.table.check(
            id, at: min(heartbeat, edge.tick.now.advanced(byMilliseconds: left * 1_000)))
    }

    // MARK: The end

    /// Says goodbye with the reason's code, and closes once the client has answered or 2 s are over.
    func close(_ reason: CloseReason) {
        guard phase != .closing, phase != .closed else { return }
        let codec = codec ?? .protobuf
        leave(reason)
        write { edge, buffer in
            edge.encoder.close(
                code: reason.code, reason: reason.text, wire: wire, codec: codec, into: &buffer)
        }
        if wire == .lengthPrefixed { discardInput() }
        closingAt = edge.tick.now.advanced(byMilliseconds: 2_000)
        edge.table.check(id, at: closingAt)
        // What waited is over; the client's own close frame is to be heard.
        resume(.policy)
    }

    /// Takes the connection out of every map but the table: nobody finds it any more.
    func leave(_ reason: CloseReason) {
        let wasOpen = phase == .open
        phase = .closing
        if wasOpen, let principal {
            edge.sessions.unregister(user: principal.user, connection: id)
        }
        edge.clientGone(self)
        edge.meters.connectionClosed(transport, reason)
        edge.meters.clientSpeaks(version, -1)
        // Who connects to a TCP port and goes without a word looked whether it is open.
        if hasSpoken || wire == .webSocket { edge.logClose(self, reason) }
    }

    /// Says goodbye and closes without waiting for the answer.
    func closeNow(_ reason: CloseReason) {
        close(reason)
        flush()
        abandon()
    }

    /// Drops the channel without another word.
    func abandon() {
        guard phase != .closed else { return }
        context?.close(promise: nil)
    }

    /// The channel is closed: the last thing that happens to a connection.
    func channelClosed() {
        guard phase != .closed else { return }
        if phase != .closing { leave(.connectionLost) }
        phase = .closed
        edge.callIsOver(lease)
        edge.pausedByLink.removeAll { $0 === self }
        edge.table.remove(id)
        setBacklog(0)
        input = nil
        outbox = nil
        batch = nil
        context = nil
    }
}

@available(*, unavailable)
extension ClientConnection: Sendable {}

/// Why a connection is not read: any reason suffices, all must go before it is read again.
struct PauseReasons: OptionSet {
    let rawValue: UInt8
    /// Too many requests without an answer.
    static let inFlight = Self(rawValue: 1)
    /// A link to a service cannot take more now.
    static let link = Self(rawValue: 2)
    /// The client does not read what it asked for.
    static let outbox = Self(rawValue: 4)
    /// Somebody else must be asked who brings the token of the last message.
    static let identity = Self(rawValue: 8)
    /// The policy holds a message back, and what follows it; the heartbeat is suspended.
    static let policy = Self(rawValue: 16)
}
