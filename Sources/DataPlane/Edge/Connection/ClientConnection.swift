import NIOCore
import SluiceFraming
import SluicePolicy
import SluiceSessions
import SluiceTelemetry
import SluiceVocabulary

/// A client's long connection: what is known of it, and what may be done with it.
///
/// The one handler of its channel: frames are parsed from the read buffer in place, and all output
/// of a loop turn leaves in one write. Our bug: use after `closed` (trapped by the table). The
/// peer's fault: what `WebSocketReader` and the exchange refuse. Ignored on purpose: bytes that
/// arrive after we sent our close frame, answers that arrive after the client has gone.
final class ClientConnection {
    /// Where a connection stands in its life.
    enum Phase: UInt8 { case authenticating, open, closing, closed }

    let edge: EdgeLoop
    let transport: Transport
    let peer: Peer
    let openedAt: MonotonicTime
    var context: ChannelHandlerContext?
    private(set) var id: ConnectionID

    var phase = Phase.authenticating
    var codec: Codec?
    /// Set while the reply to a token in the handshake waits for the client to show its codec.
    var owesAuthReply = false
    /// True while output of this turn waits for its end.
    var isDirty = false
    var pauses: PauseReasons = []
    private var missedPings: UInt8 = 0
    /// Requests without an answer.
    private(set) var inFlight: Int32 = 0

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
    /// User, session, device and address as envelope fields for the services.
    private(set) var stamp: [UInt8] = []
    /// Number of the request under way or last seen; names it in the journal.
    var requestNumber: UInt64 = 0
    private var pushNumber: UInt64 = 0

    private(set) var lastLife: MonotonicTime
    private var closingAt = MonotonicTime(nanoseconds: .max)

    /// - Parameters:
    ///   - peer: who is at the other end.
    ///   - codec: settled by the sub-protocol, nil when the first frame decides.
    init(edge: EdgeLoop, transport: Transport, peer: Peer, codec: Codec?) {
        self.edge = edge
        self.transport = transport
        self.peer = peer
        self.codec = codec
        openedAt = edge.tick.now
        lastLife = edge.tick.now
        reader = WebSocketReader(maxMessageBytes: edge.limits.maxFrameBytes)
        subject = PolicySubject(address: peer.bytes, principal: nil, session: nil, device: "")
        id = ConnectionID(rawValue: 0)
        label = ConnectionLabel(
            connection: id, transport: transport, client: peer.text, user: nil, device: "",
            session: "", claims: nil)
        id = edge.table.insert(self)
        label = label.with(connection: id)
        edge.meters.connectionOpened(transport)
        edge.table.check(
            id, at: openedAt.advanced(byMilliseconds: edge.limits.authenticationTimeoutMilliseconds)
        )
    }

    /// The connection is somebody's from now on.
    func identify(_ principal: Principal, device: Device) {
        invariant(phase == .authenticating, "a connection is identified once")
        let session = SessionID.random()
        self.principal = principal
        self.session = session
        phase = .open
        subject.identify(principal: principal, session: session, device: device.id)
        label = ConnectionLabel(
            connection: id, transport: transport, client: label.client, user: principal.user,
            device: device.id, session: session.text,
            claims: edge.claimsText(of: principal))
        stamp = EnvelopeStamp.identity(
            user: principal.user, session: session.text, device: device.id, client: label.client)
        edge.sessions.register(
            SessionEntry(
                user: principal.user, session: session, connection: id, device: device.id))
        scheduleCheck()
    }

    /// A fresher token of the same user: roles and claims count from the next message on.
    func refresh(_ principal: Principal) {
        self.principal = principal
        subject.identify(principal: principal, session: session, device: label.device)
        scheduleCheck()
    }

    // MARK: Requests under way

    func requestStarted() {
        inFlight += 1
        if inFlight >= edge.limits.maxInFlightPerConnection {
            edge.meters.limitExceeded("max_in_flight_per_connection")
            pause(.inFlight)
        }
    }

    func requestEnded() {
        inFlight -= 1
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
        let interval = edge.limits.heartbeatIntervalMilliseconds * 1_000_000
        if now.nanoseconds(since: lastLife) >= interval * Int64(missedPings + 1) {
            if Int(missedPings) >= edge.limits.heartbeatMisses {
                edge.meters.limitExceeded("heartbeat_misses")
                return close(.noHeartbeat)
            }
            missedPings += 1
            if transport == .websocket {
                write { edge, buffer in edge.encoder.ping(into: &buffer) }
            }
        }
        scheduleCheck()
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
                code: reason.code, reason: reason.text, wire: .webSocket, codec: codec,
                into: &buffer)
        }
        closingAt = edge.tick.now.advanced(byMilliseconds: 2_000)
        edge.table.check(id, at: closingAt)
    }

    /// Takes the connection out of every map but the table: nobody finds it any more.
    private func leave(_ reason: CloseReason) {
        let wasOpen = phase == .open
        phase = .closing
        if wasOpen, let principal {
            edge.sessions.unregister(user: principal.user, connection: id)
        }
        edge.clientGone(self)
        edge.meters.connectionClosed(transport, reason)
        edge.logClose(self, reason)
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
        edge.pausedByLink.removeAll { $0 === self }
        edge.table.remove(id)
        setBacklog(0)
        input = nil
        outbox = nil
        context = nil
    }

    /// Undoes a connection that was never handed its channel: the upgrade was refused.
    func forget(_ reason: CloseReason) {
        invariant(
            context == nil && phase == .authenticating, "only an unborn connection is forgotten")
        phase = .closed
        edge.meters.connectionClosed(transport, reason)
        edge.table.remove(id)
    }

    // MARK: Pushes

    /// Writes a push; false when this connection cannot take it now.
    func push(_ message: PushMessage) -> Bool {
        guard phase == .open else { return false }
        let waiting = outbox?.readableBytes ?? 0
        if message.deliveryClass == .droppable, waiting > edge.limits.maxOutboxBytes / 2 {
            return false
        }
        if message.deliveryClass == .must { pushNumber += 1 }
        let codec = codec ?? .protobuf
        let isJSON = codec == .json && message.payloadForJSON != nil
        let head = EnvelopeHead(
            version: 0, cmd: message.command,
            seq: message.deliveryClass == .must ? pushNumber : 0, status: 0, kind: .push,
            format: isJSON ? PayloadFormat.json.rawValue : message.format,
            deliveryClass: message.deliveryClass)
        send(head, payload: isJSON ? message.payloadForJSON ?? [] : message.payload)
        return phase == .open
    }

    /// Writes a push of the gateway's own, outside any class: `goaway` and the like.
    func tell(_ command: GatewayCommand, protobuf: [UInt8], json: () -> [UInt8]) {
        guard phase == .open, let codec else { return }
        let head = EnvelopeHead(
            version: 0, cmd: command.rawValue, seq: 0, status: 0, kind: .push,
            format: codec == .json ? PayloadFormat.json.rawValue : 0, deliveryClass: nil)
        send(head, payload: codec == .json ? json() : protobuf)
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
}
