import NIOCore
import NIOHTTP1
import SluiceVocabulary

/// One HTTP/1.1 connection to an instance: one request at a time, kept alive between them.
///
/// Sits behind NIO's client codec, which reads strictly; what the codec lets pass and could be read
/// in two ways is refused here (RFC 9112 sections 6.3 and 9.3).
final class HTTPConnection: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundIn = HTTPClientRequestPart
    typealias OutboundOut = HTTPClientRequestPart

    let pool: HTTPConnectionPool
    /// The codec, which goes when the connection becomes a tunnel. Framing headers are the maker's.
    let encoder: HTTPRequestEncoder
    let decoder: ByteToMessageHandler<HTTPResponseDecoder>
    private var context: ChannelHandlerContext?
    private var exchange: HTTPExchange?
    private(set) var tunnel: HTTPTunnel?
    /// Answered at least one request: it may have been closed behind our back.
    private var isReused = false
    private var isRequestWhole = false
    private var hasHead = false
    private var staysOpen = true
    /// The 101 that was agreed to.
    private var upgrade: HTTPResponseHead?
    private var isReadWanted = false
    private(set) var isClosed = false
    /// TLS stands, or none is wanted.
    private(set) var isSecure: Bool
    /// Bytes of an answer came. Set by the watch that stands before the codec.
    var hasBytes = false
    /// When the connection was last given back; counts where `exchange` is nil.
    private(set) var idleSince: MonotonicTime

    /// - Parameter isSecure: TLS is not wanted.
    init(pool: HTTPConnectionPool, isSecure: Bool) {
        self.pool = pool
        self.isSecure = isSecure
        idleSince = pool.tick.now
        var asIs = HTTPRequestEncoder.Configuration()
        asIs.automaticallySetFramingHeaders = false
        encoder = HTTPRequestEncoder(configuration: asIs)
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = pool.maxHeadBytes
        limits.maxHeaderListSize = pool.maxHeadBytes
        decoder = ByteToMessageHandler(
            HTTPResponseDecoder(
                leftOverBytesStrategy: .dropBytes, informationalResponseStrategy: .drop,
                limitConfiguration: limits))
    }

    var isWritable: Bool { context?.channel.isWritable ?? false }
    var isOpen: Bool { !isClosed && context?.channel.isActive == true }
    var isIdle: Bool { exchange == nil }
    /// The answer under way may be a 101.
    var mayUpgrade: Bool { exchange?.request.wantsUpgrade ?? false }

    /// TLS stands.
    func secured() {
        isSecure = true
        pool.tick.begin()
        pool.established(self)
    }

    // MARK: Sending

    /// Sends a request. The connection must be open and idle.
    func start(_ exchange: HTTPExchange) {
        invariant(isIdle, "a connection carries one request at a time")
        guard let context else { return exchange.fail(.connectionLost) }
        self.exchange = exchange
        hasBytes = false
        hasHead = false
        staysOpen = true
        upgrade = nil
        isRequestWhole = true
        exchange.sent(on: self)
        context.write(wrapOutboundOut(.head(exchange.request.head)), promise: nil)
        switch exchange.request.body {
        case .none: context.write(wrapOutboundOut(.end(nil)), promise: nil)
        case .whole(let bytes):
            context.write(wrapOutboundOut(.body(.byteBuffer(bytes))), promise: nil)
            context.write(wrapOutboundOut(.end(nil)), promise: nil)
        case .streamed: isRequestWhole = false
        }
        context.flush()
        if !isRequestWhole, isWritable { exchange.hear(.writable) }
    }

    func write(_ bytes: ByteBuffer) {
        guard !isRequestWhole, let context, bytes.readableBytes > 0 else { return }
        context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(bytes))), promise: nil)
    }

    func endBody() {
        guard !isRequestWhole, let context else { return }
        isRequestWhole = true
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    /// Closes; its exchange hears nothing more from it.
    func close() {
        guard !isClosed else { return }
        isClosed = true
        exchange = nil
        tunnel?.close()
        tunnel = nil
        context?.close(promise: nil)
        pool.closed(self)
    }

    /// Closes; its exchange fails.
    func abort() {
        let owed = exchange
        if let tunnel {
            tunnel.abort()
        } else {
            close()
            owed?.fail(.connectionLost)
        }
    }

    func resumeReading() {
        guard isReadWanted, let context else { return }
        isReadWanted = false
        context.read()
    }

    /// Ends what has taken too long: an exchange, or the time a connection may be idle.
    func check(_ now: MonotonicTime) {
        if let exchange { return exchange.check(now, hasHead: hasHead) }
        if now.nanoseconds(since: idleSince) >= pool.idleNanoseconds { close() }
    }

    // MARK: Receiving

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func read(context: ChannelHandlerContext) {
        if exchange?.isReadingPaused == true {
            isReadWanted = true
        } else {
            context.read()
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let exchange else { return }
        pool.tick.begin()
        exchange.progressed()
        switch unwrapInboundIn(data) {
        case .head(let head): receive(head, exchange)
        case .body(let bytes): exchange.hear(.body(bytes))
        case .end:
            if let upgrade {
                becomeTunnel(context, exchange, upgrade)
            } else {
                receiveEnd(exchange)
            }
        }
    }

    private func receive(_ head: HTTPResponseHead, _ exchange: HTTPExchange) {
        hasHead = true
        pool.adoptKeepAlive(of: head)
        if head.status == .switchingProtocols {
            guard exchange.request.wantsUpgrade, head.headers.contains(name: "upgrade"),
                head.headers[canonicalForm: "connection"].contains(where: {
                    $0.lowercased() == "upgrade"
                })
            else { return lose(.badAnswer) }
            upgrade = head
            return
        }
        guard let framing = HTTPFraming(of: head, to: exchange.request.head.method) else {
            return lose(.badAnswer)
        }
        staysOpen = head.isKeepAlive && framing != .untilClose
        exchange.hear(.head(head))
    }

    private func receiveEnd(_ exchange: HTTPExchange) {
        self.exchange = nil
        isReused = true
        idleSince = pool.tick.now
        // An answer before the end of the request: what is left of it would be taken for the next.
        if staysOpen, isRequestWhole, isOpen {
            pool.free(self)
            resumeReading()
        } else {
            close()
        }
        exchange.finish()
    }

    /// From here on bytes pass as they are; the codec leaves in the loop's next turn.
    private func becomeTunnel(
        _ context: ChannelHandlerContext, _ exchange: HTTPExchange, _ head: HTTPResponseHead
    ) {
        let tunnel = HTTPTunnel(exchange: exchange, connection: self)
        let pipeline = context.pipeline.syncOperations
        do {
            try pipeline.addHandler(tunnel, position: .after(self))
        } catch {
            return lose(.connectionLost)
        }
        self.exchange = nil
        self.tunnel = tunnel
        pool.becameTunnel(self)
        pipeline.removeHandler(context: context, promise: nil)
        pipeline.removeHandler(encoder, promise: nil)
        pipeline.removeHandler(decoder).assumeIsolated().whenComplete { [tunnel] _ in
            tunnel.codecLeft()
        }
        exchange.becameTunnel(tunnel)
        exchange.hear(.head(head))
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        guard context.channel.isWritable, let exchange, !isRequestWhole else { return }
        pool.tick.begin()
        exchange.progressed()
        exchange.hear(.writable)
    }

    func channelInactive(context: ChannelHandlerContext) {
        pool.tick.begin()
        pool.failed(self, .connectFailed, "")
        lose(.connectionLost)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        pool.tick.begin()
        if TLSFailure.isTLS(error) {
            let failure = TLSFailure(error)
            pool.failed(self, .tlsFailed, failure.text)
        }
        switch error {
        case HTTPParserError.invalidEOFState: lose(.connectionLost)
        case is HTTPParserError, is NIOHTTPDecoderError: lose(.badAnswer)
        default: lose(.connectionLost)
        }
    }

    /// The connection is of no more use. A kept connection that the server closed before a byte of
    /// the answer may have been closed before the request came: that is tried once more.
    private func lose(_ failure: HTTPFailure) {
        guard !isClosed else { return }
        let owed = exchange
        close()
        guard let owed else { return }
        if failure == .connectionLost, isReused, !hasBytes, owed.maySendAgain {
            owed.stale()
            pool.again(owed)
        } else {
            owed.fail(failure)
        }
    }
}

@available(*, unavailable)
extension HTTPConnection: Sendable {}
