import NIOCore
import NIOHPACK
import NIOHTTP2
import SluiceVocabulary

/// One HTTP/2 connection to an instance (RFC 9113): many requests at a time, each on its stream.
///
/// Stands behind NIO's HTTP/2 handler, which keeps the protocol's state, windows and limits, and
/// hears what concerns the connection as a whole.
final class HTTP2Connection: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame
    typealias OutboundOut = HTTP2Frame

    /// What is assumed of a service before its SETTINGS have come; NIO assumes the same.
    static let assumedStreams = 100
    /// Stream ids end at twice that; the connection goes before.
    private static let maxRequests = 1_000_000_000
    /// What may come in one flight before it is read. Given back as it comes, so it bounds nothing:
    /// the window of each stream does, which is given back as it is taken.
    private static let connectionWindow = 1_048_576
    private static let streamWindow = 65_535
    /// NIO ends the connection over this; a longer head than is allowed costs its stream alone.
    private static let maxHeadListBytes = 1_048_576
    /// How long nothing is tried beyond what a service took; before each further try twice as long.
    private static let restNanoseconds: (first: Int64, last: Int64) = (100_000_000, 5_000_000_000)

    let pool: HTTPConnectionPool
    let isSecure: Bool
    /// TLS stands, or none is wanted: what has not come now are SETTINGS.
    private(set) var isEncrypted: Bool
    /// TCP stands.
    var isConnected = false
    /// Nil before it is being connected, and when it is closed.
    var channel: (any Channel)?
    private var context: ChannelHandlerContext?
    private weak var watch: HTTP2Watch?
    private var multiplexer: NIOHTTP2Handler.StreamMultiplexer?
    private var streams: [HTTP2Stream] = []
    private var requests = 0
    private var peerMaxStreams = HTTP2Connection.assumedStreams
    /// The longest frame the service takes, and the longest head where it says so.
    private var peerMaxFrameBytes = 16_384
    private var peerMaxHeadBytes = Int.max
    /// Of GOAWAY: later streams were never looked at.
    private var lastStream: HTTP2StreamID?
    /// The service's SETTINGS have come.
    private var isGreeted = false
    /// No new streams; closes after the last one.
    private(set) var isDraining = false
    /// How many streams the service was seen to take at a time, where that is less than it said: it
    /// refused one beside so many. Grows again with what it answers, and with time.
    private var capacity = Int.max
    private var answersAtCapacity = 0
    private var refusedAt: MonotonicTime
    private var rest = HTTP2Connection.restNanoseconds.first
    /// It refused a stream that was alone, and is left in peace for a moment.
    private var isPaused = false
    private var patience = RefusalPatience()
    private(set) var isClosed = false
    private(set) var hasGivenWay = false
    /// When its making began, and when its last stream ended.
    private(set) var idleSince: MonotonicTime
    private var heardAt: MonotonicTime
    /// Of the ping that waits for its answer; nil = none does.
    private var pingedAt: MonotonicTime?
    /// Pinged in vain.
    private(set) var isSuspect = false
    /// A service may close what it has answered on before it sees the newest request.
    private(set) var hasAnswered = false

    init(pool: HTTPConnectionPool, isSecure: Bool) {
        self.pool = pool
        self.isSecure = isSecure
        isEncrypted = !isSecure
        idleSince = pool.tick.now
        heardAt = idleSince
        refusedAt = idleSince
    }

    var isBusy: Bool { !streams.isEmpty }
    var isOpen: Bool { !isClosed && context?.channel.isActive == true }
    var hasRoom: Bool {
        isGreeted && !isDraining && !isSuspect && !isPaused && isOpen
            && streams.count < min(peerMaxStreams, capacity)
    }
    /// Refuses streams, so that a further connection would not help.
    var isHeldBack: Bool { (isPaused || capacity < peerMaxStreams) && !isSuspect }

    // MARK: Making it

    /// Puts HTTP/2 behind `first` in the pipeline.
    func install(_ context: ChannelHandlerContext, behind first: HTTP2Watch) {
        watch = first
        let handler = NIOHTTP2Handler(
            mode: .client, eventLoop: context.eventLoop,
            connectionConfiguration: connectionSettings, streamConfiguration: Self.streamSettings
        ) { pushed in
            // Pushes are switched off: a service that opens a stream breaks the protocol.
            pushed.close()
        }
        isEncrypted = true
        let pipeline = context.pipeline.syncOperations
        do {
            try pipeline.addHandlers([handler, self], position: .after(first))
            multiplexer = try handler.syncMultiplexer()
        } catch {
            // The channel has closed already: the connect fails too.
            context.close(promise: nil)
        }
    }

    private var connectionSettings: NIOHTTP2Handler.ConnectionConfiguration {
        var settings = NIOHTTP2Handler.ConnectionConfiguration()
        settings.initialSettings = [
            HTTP2Setting(parameter: .enablePush, value: 0),
            HTTP2Setting(parameter: .initialWindowSize, value: Self.streamWindow),
            HTTP2Setting(parameter: .maxHeaderListSize, value: Self.maxHeadListBytes),
        ]
        settings.targetWindowSize = Self.connectionWindow
        HTTP2Trust.apply(to: &settings)
        return settings
    }

    private static var streamSettings: NIOHTTP2Handler.StreamConfiguration {
        var settings = NIOHTTP2Handler.StreamConfiguration()
        settings.targetWindowSize = streamWindow
        settings.outboundBufferSizeHighWatermark = 65_536
        settings.outboundBufferSizeLowWatermark = 32_768
        HTTP2Trust.apply(to: &settings)
        return settings
    }

    // MARK: Streams

    /// Sends a request on a stream of its own. There must be room.
    func start(_ exchange: HTTPExchange) {
        guard let multiplexer, isOpen else { return exchange.fail(.connectionLost) }
        requests += 1
        let stream = HTTP2Stream(exchange, on: self)
        stream.place = streams.count
        streams.append(stream)
        exchange.sent(on: stream)
        let bound = NIOLoopBound(stream, eventLoop: pool.loop)
        multiplexer.createStreamChannel(promise: nil) { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(bound.value)
            }
        }
        if requests >= Self.maxRequests { drain() }
    }

    /// A stream is over, one way or another.
    ///
    /// - Parameter isRefused: the service would have no more of them.
    /// - Returns: where it is, whether the service may be asked again: once another one has ended or,
    ///   where none is under way, after a pause.
    @discardableResult
    func ended(_ stream: HTTP2Stream, isRefused: Bool = false) -> Bool {
        let last = streams.removeLast()
        if last !== stream {
            streams[stream.place] = last
            last.place = stream.place
        }
        // Before another one takes the place.
        let isWorthAsking = isRefused && refusedOne()
        idleSince = pool.tick.now
        if streams.isEmpty, isDraining || isSuspect || pool.isClosing {
            close()
        } else {
            pool.http2.serve(self)
        }
        return isWorthAsking
    }

    /// An answer was whole. As many as run at a time: one more may be tried.
    func answered() {
        hasAnswered = true
        patience.answered()
        guard capacity < Int.max else { return }
        answersAtCapacity += 1
        guard answersAtCapacity >= capacity else { return }
        rest = Self.restNanoseconds.first
        raiseCapacity()
    }

    private func raiseCapacity() {
        answersAtCapacity = 0
        capacity = capacity + 1 < peerMaxStreams ? capacity + 1 : Int.max
    }

    /// The service would not have a stream beside those that run.
    private func refusedOne() -> Bool {
        capacity = max(1, streams.count)
        answersAtCapacity = 0
        refusedAt = pool.tick.now
        if isBusy { return true }
        guard isOpen, !isDraining, !isSuspect, !pool.isClosing,
            let milliseconds = patience.pauseMilliseconds()
        else { return false }
        isPaused = true
        pool.loop.assumeIsolated().scheduleTask(in: .milliseconds(milliseconds)) { [self] in
            pool.tick.begin()
            isPaused = false
            pool.http2.serve(self)
        }
        return true
    }

    /// Whether a request's head can be sent: NIO ends the connection over a frame that is too long.
    func takes(_ headers: HPACKHeaders) -> Bool {
        HTTP2Heads.fits(headers, frameBytes: peerMaxFrameBytes, listBytes: peerMaxHeadBytes)
    }

    /// Whether GOAWAY said that the service did nothing about a stream (RFC 9113 section 6.8).
    func neverLooked(at stream: HTTP2StreamID) -> Bool { lastStream.map { stream > $0 } ?? false }

    /// Takes no more requests; closes after the last answer.
    func drain() {
        guard !isDraining, !isClosed else { return }
        isDraining = true
        pool.http2.draining(self)
        if streams.isEmpty { close() }
    }

    /// Closes; its exchanges hear nothing more from it.
    func close() {
        guard !isClosed else { return }
        isClosed = true
        for stream in streams { stream.close() }
        if let context {
            let goodbye = HTTP2Frame.FramePayload.goAway(
                lastStreamID: .rootStream, errorCode: .noError, opaqueData: nil)
            context.writeAndFlush(
                wrapOutboundOut(HTTP2Frame(streamID: .rootStream, payload: goodbye)), promise: nil)
        }
        channel?.close(promise: nil)
        channel = nil
        pool.http2.closed(self)
    }

    /// The channel goes on as one of HTTP/1: this connection is none any more.
    func giveWay() {
        isClosed = true
        hasGivenWay = true
        channel = nil
    }

    /// Closes; its exchanges fail.
    func abort() { lose(.connectionLost) }

    private func lose(_ failure: HTTPFailure) {
        // So that none of them is sent here again.
        isDraining = true
        for stream in streams { stream.lose(failure) }
        close()
    }

    // MARK: Time

    /// Something has come.
    func heard() {
        heardAt = pool.tick.now
        pingedAt = nil
        guard isSuspect else { return }
        isSuspect = false
        pool.http2.serve(self)
    }

    /// Ends what has taken too long, and asks a service that says nothing whether it is there: one
    /// that does not answer in the time a connection may take gets no new requests on this one.
    func check(_ now: MonotonicTime) {
        for stream in streams { stream.check(now) }
        guard !isClosed else { return }
        if streams.isEmpty {
            if now.nanoseconds(since: idleSince) >= pool.idleNanoseconds { close() }
            return
        }
        if capacity < Int.max, now.nanoseconds(since: refusedAt) >= rest {
            refusedAt = now
            rest = min(2 * rest, Self.restNanoseconds.last)
            raiseCapacity()
            pool.http2.serve(self)
        }
        let allowed = pool.settings.connectTimeoutMilliseconds * 1_000_000
        if let pingedAt {
            guard !isSuspect, now.nanoseconds(since: pingedAt) >= allowed else { return }
            isSuspect = true
            pool.http2.suspected()
        } else if now.nanoseconds(since: heardAt) >= 2 * allowed, let context {
            pingedAt = now
            let ping = HTTP2Frame.FramePayload.ping(HTTP2PingData(withInteger: 1), ack: false)
            context.writeAndFlush(
                wrapOutboundOut(HTTP2Frame(streamID: .rootStream, payload: ping)), promise: nil)
        }
    }

    // MARK: The channel

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isClosed else { return }
        pool.tick.begin()
        switch unwrapInboundIn(data).payload {
        case .settings(.settings(let settings)): adopt(settings)
        case .goAway(let last, _, _):
            lastStream = last
            drain()
        default: break
        }
    }

    private func adopt(_ settings: HTTP2Settings) {
        for setting in settings {
            switch setting.parameter {
            case .maxConcurrentStreams: peerMaxStreams = setting.value
            case .maxFrameSize: peerMaxFrameBytes = setting.value
            case .maxHeaderListSize: peerMaxHeadBytes = setting.value
            default: break
            }
        }
        if isGreeted { return pool.http2.serve(self) }
        isGreeted = true
        pool.http2.established(self)
    }

    func channelInactive(context: ChannelHandlerContext) {
        pool.tick.begin()
        pool.http2.failed(self, .connectFailed, Self.closedEarly)
        lose(.connectionLost)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Faults of one stream are told to that, and the connection goes on.
        guard watch?.isFatal(error) ?? true else { return }
        pool.tick.begin()
        let isFault = error is any NIOHTTP2Error
        pool.http2.failed(
            self, isFault ? .protocolError : .connectFailed,
            isFault ? Self.notHTTP2 : Self.closedEarly)
        lose(isFault ? .badAnswer : .connectionLost)
    }

    private static let closedEarly =
        "the service closed the connection before it said anything in HTTP/2"
    private static let notHTTP2 =
        "what came is not HTTP/2: does the service speak it, and do both sides agree about TLS?"
}

@available(*, unavailable)
extension HTTP2Connection: Sendable {}
