import NIOCore
import NIOHPACK
import NIOHTTP1
import NIOHTTP2
import SluiceVocabulary

/// One request and its answer on a stream of an HTTP/2 connection.
///
/// Sits in the stream's own channel, which keeps its windows: what the maker of the request does not
/// take is not asked for, what the service does not take is not written.
final class HTTP2Stream: ChannelDuplexHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias OutboundIn = HTTP2Frame.FramePayload
    typealias OutboundOut = HTTP2Frame.FramePayload

    private let connection: HTTP2Connection
    /// Where it stands among the streams of its connection, which keeps this.
    var place = 0
    private var exchange: HTTPExchange?
    private var context: ChannelHandlerContext?
    private var isBegun = false
    private var isRequestWhole = false
    /// The whole request is out, as far as the windows of the service are concerned.
    private var isSent = false
    private var hasHead = false
    private var isReadWanted = false

    init(_ exchange: HTTPExchange, on connection: HTTP2Connection) {
        self.exchange = exchange
        self.connection = connection
    }

    var isWritable: Bool { context?.channel.isWritable ?? false }

    // MARK: Sending

    private func begin(_ context: ChannelHandlerContext) {
        guard !isBegun, context.channel.isActive else { return }
        guard let exchange else { return context.close(promise: nil) }
        // GOAWAY came between: nothing has been sent, whatever the request is.
        if connection.isDraining {
            exchange.unseen(isBusy: false)
            leave()
            guard exchange.isWorthAsking else { return exchange.fail(.refused) }
            return connection.pool.again(exchange)
        }
        isBegun = true
        let request = exchange.request
        let headers = HTTP2Heads.request(
            request.head, isSecure: connection.isSecure, instance: exchange.instance)
        guard connection.takes(headers) else { return lose(.tooLarge) }
        switch request.body {
        case .none: send(headers, isLast: true, context)
        case .whole(let bytes) where bytes.readableBytes == 0:
            send(headers, isLast: true, context)
        case .whole(let bytes):
            send(headers, isLast: false, context)
            send(bytes, isLast: true, context)
        case .streamed: send(headers, isLast: false, context)
        }
        context.flush()
        if !isRequestWhole, isWritable { exchange.hear(.writable) }
    }

    private func send(_ headers: HPACKHeaders, isLast: Bool, _ context: ChannelHandlerContext) {
        context.write(
            wrapOutboundOut(.headers(.init(headers: headers, endStream: isLast))), promise: nil)
        guard isLast else { return }
        isRequestWhole = true
        isSent = true
    }

    private func send(_ bytes: ByteBuffer, isLast: Bool, _ context: ChannelHandlerContext) {
        var written: EventLoopPromise<Void>?
        if isLast {
            isRequestWhole = true
            let promise = context.eventLoop.makePromise(of: Void.self)
            promise.futureResult.assumeIsolated().whenSuccess { [self] in isSent = true }
            written = promise
        }
        context.write(
            wrapOutboundOut(.data(.init(data: .byteBuffer(bytes), endStream: isLast))),
            promise: written)
    }

    func write(_ bytes: ByteBuffer) {
        guard isBegun, !isRequestWhole, let context, bytes.readableBytes > 0 else { return }
        send(bytes, isLast: false, context)
        context.flush()
    }

    func endBody() {
        guard isBegun, !isRequestWhole, let context else { return }
        send(ByteBuffer(), isLast: true, context)
        context.flush()
    }

    func resumeReading() {
        guard isReadWanted, let context else { return }
        isReadWanted = false
        context.read()
    }

    /// Nobody wants the answer any more: a reset. Its exchange hears nothing more from it.
    func close() {
        guard exchange != nil else { return }
        exchange = nil
        context?.close(promise: nil)
        connection.ended(self)
    }

    /// Ends what has taken too long.
    func check(_ now: MonotonicTime) { exchange?.check(now, hasHead: hasHead) }

    // MARK: Receiving

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        begin(context)
    }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelActive(context: ChannelHandlerContext) { begin(context) }

    func read(context: ChannelHandlerContext) {
        if exchange?.isReadingPaused == true {
            isReadWanted = true
        } else {
            context.read()
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let exchange else { return }
        connection.pool.tick.begin()
        exchange.progressed()
        switch unwrapInboundIn(data) {
        case .headers(let block):
            // The second block is that of trailers, which nobody takes.
            if !hasHead, !receive(block.headers, exchange) { return }
            if block.endStream { receiveEnd() }
        case .data(let part):
            guard hasHead else { return lose(.badAnswer) }
            if case .byteBuffer(let bytes) = part.data, bytes.readableBytes > 0 {
                exchange.hear(.body(bytes))
            }
            if part.endStream { receiveEnd() }
        default: break
        }
    }

    /// - Returns: whether the answer can be relied on.
    private func receive(_ headers: HPACKHeaders, _ exchange: HTTPExchange) -> Bool {
        guard let head = HTTP2Heads.response(headers, maxBytes: connection.pool.maxHeadBytes),
            head.status != .switchingProtocols
        else {
            lose(.badAnswer)
            return false
        }
        // 1xx: the answer is still to come (RFC 9110 section 15.2).
        guard head.status.code >= 200 else { return true }
        hasHead = true
        exchange.hear(.head(head))
        return true
    }

    private func receiveEnd() {
        // Gone in the meantime if it was not wanted any more.
        guard let exchange else { return }
        guard hasHead else { return lose(.badAnswer) }
        self.exchange = nil
        // An answer before the end of the request: what is left of it need not be sent.
        if !isSent { context?.close(promise: nil) }
        connection.answered()
        connection.ended(self)
        exchange.finish()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        guard context.channel.isWritable, let exchange, isBegun, !isRequestWhole else { return }
        connection.pool.tick.begin()
        exchange.progressed()
        exchange.hear(.writable)
    }

    func channelInactive(context: ChannelHandlerContext) {
        connection.pool.tick.begin()
        lose(.connectionLost)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        connection.pool.tick.begin()
        switch error {
        case let closed as NIOHTTP2Errors.StreamClosed:
            if connection.neverLooked(at: closed.streamID) {
                refused(isBusy: false)
            } else if closed.errorCode == .refusedStream {
                refused(isBusy: true)
            } else {
                lose(Self.failure(closed.errorCode))
            }
        case is any NIOHTTP2Error: lose(.badAnswer)
        default: lose(.connectionLost)
        }
    }

    /// What a reset says. Codes that speak of the form of frames come from this side's library too,
    /// when it finds a fault in an answer.
    private static func failure(_ code: HTTP2ErrorCode) -> HTTPFailure {
        switch code {
        case .protocolError, .flowControlError, .streamClosed, .frameSizeError, .compressionError:
            .badAnswer
        default: .connectionLost
        }
    }

    /// The stream is of no more use. What the service may have begun is sent once more only if that
    /// does no harm, and only where the connection may have been gone before the request came.
    func lose(_ failure: HTTPFailure) {
        guard let owed = exchange else { return }
        let mayBeStale =
            failure == .connectionLost && connection.hasAnswered && !hasHead && owed.maySendAgain
        leave()
        guard mayBeStale else { return owed.fail(failure) }
        owed.stale()
        connection.pool.again(owed)
    }

    /// The service says that it never looked at the request: it is sent once more, whatever it is.
    ///
    /// - Parameter isBusy: of its own accord, not because the connection ends.
    private func refused(isBusy: Bool) {
        guard let owed = exchange else { return }
        // What has begun to answer has looked.
        if hasHead { return lose(.connectionLost) }
        owed.unseen(isBusy: isBusy)
        let isWorthAsking = leave(isRefused: isBusy)
        if owed.mayStartAnew, !isBusy || isWorthAsking {
            connection.pool.again(owed)
        } else {
            owed.fail(.refused)
        }
    }

    @discardableResult
    private func leave(isRefused: Bool = false) -> Bool {
        exchange = nil
        context?.close(promise: nil)
        return connection.ended(self, isRefused: isRefused)
    }
}

@available(*, unavailable)
extension HTTP2Stream: Sendable {}
