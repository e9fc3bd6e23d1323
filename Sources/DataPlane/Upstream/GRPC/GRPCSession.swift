import NIOCore
import NIOHPACK
import NIOHTTP2
import NIOTLS
import SluiceFraming
import SluiceVocabulary

/// The gRPC side of a link's connection: turns the native link's frames into HTTP/2 streams and back.
///
/// Stands before the `LinkConnection` in the pipeline, behind the library's HTTP/2 handler, which
/// keeps the protocol's state, windows and limits. A link notices no difference but one: a call may
/// end by a status instead of a reply.
final class GRPCSession: ChannelInboundHandler, NIOHTTP2FrameDelegate {
    typealias InboundIn = HTTP2Frame
    typealias OutboundOut = HTTP2Frame

    /// What all streams together may have in flight towards us; given back as it is read.
    private static let connectionWindow = 1_048_576
    /// Stream ids end here, and the connection with them.
    private static let lastStreamID = 0x7FFF_FF00

    let connection: LinkConnection
    let link: Link
    let limits: Limits
    private(set) var context: ChannelHandlerContext?
    var streams: [HTTP2StreamID: GRPCStream] = [:]
    var streamOfCall: [UInt32: HTTP2StreamID] = [:]
    /// Calls beyond what the peer allows at a time, in the order of `turns`.
    var waiting: [UInt32: ByteBuffer] = [:]
    var turns = CircularBuffer<UInt32>()
    /// Ordered calls, by what they have in common.
    var lanes: [UInt64: GRPCLane] = [:]
    var keyOfCall: [UInt32: UInt64] = [:]
    var attached: HTTP2StreamID?
    var attachTimer: Scheduled<Void>?
    /// It is time to open `Attach`, and there was no room for it.
    var isAttachDue = false
    /// The last question of the health service.
    var checked: HTTP2StreamID?
    /// Said first on `Attach`.
    var hello: [UInt8] = []
    /// Bytes that wait here or for the peer's windows.
    var queuedBytes = 0
    /// Of requests kept in `streams`, and of answers of which only a part has come.
    var keptBytes = 0
    var partialBytes = 0
    /// The peer's SETTINGS have come: it speaks HTTP/2.
    private(set) var isGreeted = false
    /// NIO has found a fault in the connection.
    private var hasGivenUp = false
    /// No new streams.
    private(set) var isDraining = false
    private var openStreams = 0
    /// The peer has refused this stream although it may have been one of few enough: it counts some
    /// that have ended here. Others have to end before it is asked again.
    private var refusedLast: HTTP2StreamID?
    /// Where none is left that could end.
    private var patience = RefusalPatience()
    private var pause: Scheduled<Void>?
    /// The library's own assumption where the peer names no number.
    private var peerMaxStreams = 100
    /// Odd, and never one twice.
    var nextID = 1

    init(_ connection: LinkConnection, link: Link, limits: Limits) {
        self.connection = connection
        self.link = link
        self.limits = limits
    }

    /// The library's handler, to stand before this one.
    func makeHTTP2Handler() -> NIOHTTP2Handler {
        var settings = NIOHTTP2Handler.ConnectionConfiguration()
        settings.initialSettings = [
            HTTP2Setting(parameter: .enablePush, value: 0),
            // A whole answer fits, so that no stream needs a window update.
            HTTP2Setting(parameter: .initialWindowSize, value: limits.maxLinkFrameBytes + 1_024),
            HTTP2Setting(parameter: .maxHeaderListSize, value: 16_384),
        ]
        HTTP2Trust.apply(to: &settings)
        var stream = NIOHTTP2Handler.StreamConfiguration()
        HTTP2Trust.apply(to: &stream)
        return NIOHTTP2Handler(
            mode: .client, frameDelegate: self, connectionConfiguration: settings,
            streamConfiguration: stream)
    }

    /// NIO reports a fault of one stream and one of the connection by the same call; before the latter
    /// it says GOAWAY.
    func wroteFrame(_ frame: HTTP2Frame) {
        if case .goAway(_, let code, _) = frame.payload, code != .noError { hasGivenUp = true }
    }

    // MARK: Streams

    /// Whether one more stream may be opened now.
    var mayOpen: Bool {
        isGreeted && !isDraining && refusedLast == nil && openStreams < peerMaxStreams
    }

    /// A call was answered, well or badly.
    func answered() { patience.answered() }

    /// A stream was refused.
    /// - Returns: whether the same peer may be asked again: once another call has ended or, where none
    ///   is under way, after a pause.
    func holdBack(after refused: HTTP2StreamID) -> Bool {
        guard !isDraining, let context else { return false }
        if streamOfCall.isEmpty {
            guard let milliseconds = patience.pauseMilliseconds() else { return false }
            pause?.cancel()
            pause = context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(milliseconds))
            {
                [self] in
                link.beginTurn()
                refusedLast = nil
                if !turns.isEmpty || isAttachDue { link.wantsFlush() }
            }
        }
        refusedLast = refused
        return true
    }

    /// Opens a stream with these headers.
    func open(_ stream: GRPCStream, _ headers: HPACKHeaders) -> HTTP2StreamID {
        let id = HTTP2StreamID(nextID)
        nextID += 2
        openStreams += 1
        streams[id] = stream
        write(id, .headers(.init(headers: headers)))
        return id
    }

    /// Ids are used up after a thousand million calls: the link goes on with another connection.
    func drainIfUsedUp() {
        guard nextID > Self.lastStreamID, !isDraining else { return }
        isDraining = true
        link.received(
            LinkFrame(kind: .goaway, flags: 0, stream: 0, body: ByteBuffer()), on: connection)
        refuseWaiting()
    }

    func write(_ id: HTTP2StreamID, _ payload: HTTP2Frame.FramePayload) {
        context?.write(
            wrapOutboundOut(HTTP2Frame(streamID: id, payload: payload)), promise: nil)
    }

    /// Writes data that counts as queued until the peer's windows and socket have taken it.
    func write(_ id: HTTP2StreamID, data: ByteBuffer, isLast: Bool) {
        guard let context else { return }
        let count = data.readableBytes
        queuedBytes &+= count
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { [self] result in
            queuedBytes &-= count
            if isLast, case .success = result, let place = streams.index(forKey: id) {
                streams.values[place].isSent = true
            }
            link.drainedSome()
        }
        let payload = HTTP2Frame.FramePayload.data(
            .init(data: .byteBuffer(data), endStream: isLast))
        context.write(
            wrapOutboundOut(HTTP2Frame(streamID: id, payload: payload)), promise: written)
    }

    func reset(_ id: HTTP2StreamID) { write(id, .rstStream(.cancel)) }

    /// Takes a stream out of the table, with what it counts for.
    func remove(_ id: HTTP2StreamID) -> GRPCStream? {
        guard let stream = streams.removeValue(forKey: id) else { return nil }
        if case .call(let call) = stream.purpose { streamOfCall[call] = nil }
        partialBytes &-= stream.body.readableBytes
        keptBytes &-= stream.request?.readableBytes ?? 0
        return stream
    }

    // MARK: The channel

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        attachTimer?.cancel()
        attachTimer = nil
        pause?.cancel()
        pause = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        write(.rootStream, .windowUpdate(windowSizeIncrement: Self.connectionWindow - 65_535))
        context.flush()
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard connection.isHeard else { return }
        connection.heard()
        link.beginTurn()
        let frame = unwrapInboundIn(data)
        switch frame.payload {
        case .headers(let block):
            guard let place = streams.index(forKey: frame.streamID) else { return }
            streams.values[place].take(block.headers)
            if block.endStream { ended(frame.streamID) }
        case .data(let data):
            guard case .byteBuffer(let bytes) = data.data else { return }
            received(bytes, on: frame.streamID, isLast: data.endStream)
        case .rstStream(let reason): failed(frame.streamID, reason)
        case .settings(.settings(let settings)): adopt(settings)
        case .goAway(let last, _, _): goaway(last)
        case .ping(let data, ack: true): pong(data)
        default: break
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case let event as StreamClosedEvent:
            openStreams -= 1
            if event.streamID != refusedLast { refusedLast = nil }
            guard connection.isHeard else { return }
            link.beginTurn()
            // One whose end was no frame: the library found a fault in it.
            failed(event.streamID, .protocolError)
            if !turns.isEmpty || isAttachDue { link.wantsFlush() }
        case let event as NIOHTTP2WindowUpdatedEvent: credit(event)
        case TLSUserEvent.handshakeCompleted(let chosen) where chosen != "h2":
            connection.lose(
                .protocolError, "the service did not choose HTTP/2 (h2) during the TLS handshake")
        default: break
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard error is any NIOHTTP2Error else { return context.fireErrorCaught(error) }
        // Faults of one stream are followed by its end.
        guard hasGivenUp || !isGreeted || error is NIOHTTP2Errors.UnableToSerializeFrame else {
            return
        }
        connection.lose(
            .protocolError,
            "what came is not HTTP/2: is it a gRPC server, and do both sides agree about TLS?")
    }

    // MARK: The connection as a whole

    private func adopt(_ settings: HTTP2Settings) {
        for setting in settings where setting.parameter == .maxConcurrentStreams {
            peerMaxStreams = setting.value
        }
        if !turns.isEmpty || isAttachDue { link.wantsFlush() }
        guard !isGreeted else { return }
        isGreeted = true
        let answer = ByteBuffer(bytes: LinkHello(node: "").encoded())
        link.received(LinkFrame(kind: .hello, flags: 0, stream: 0, body: answer), on: connection)
        attach()
    }

    /// Streams above `last` were never looked at; the others go on.
    private func goaway(_ last: HTTP2StreamID) {
        let isFirst = !isDraining
        isDraining = true
        attachTimer?.cancel()
        let refused = streams.keys.filter { $0 > last }.sorted()
        if isFirst {
            link.received(
                LinkFrame(kind: .goaway, flags: 0, stream: 0, body: ByteBuffer()), on: connection)
        }
        for id in refused { failed(id, .refusedStream) }
        refuseWaiting()
        // Nothing else comes of it, and a server that stops gracefully waits for it.
        if let attached, remove(attached) != nil {
            self.attached = nil
            reset(attached)
            link.wantsFlush()
        }
    }

    func ping(_ body: ByteBuffer) {
        let number = body.getInteger(at: body.readerIndex, as: UInt64.self) ?? 0
        write(.rootStream, .ping(HTTP2PingData(withInteger: number), ack: false))
    }

    private func pong(_ data: HTTP2PingData) {
        var body = ByteBuffer()
        body.writeInteger(data.integer)
        link.received(
            LinkFrame(kind: .ping, flags: LinkFlags.answer, stream: 0, body: body), on: connection)
    }

    /// Gives the peer room again once half of it is used.
    private func credit(_ event: NIOHTTP2WindowUpdatedEvent) {
        guard let left = event.inboundWindowSize, connection.isHeard else { return }
        let whole: Int
        switch event.streamID {
        case .rootStream: whole = Self.connectionWindow
        case attached: whole = limits.maxLinkFrameBytes + 1_024
        default: return
        }
        guard left < whole / 2 else { return }
        link.beginTurn()
        write(event.streamID, .windowUpdate(windowSizeIncrement: whole - left))
        link.wantsFlush()
    }
}

@available(*, unavailable)
extension GRPCSession: Sendable {}
