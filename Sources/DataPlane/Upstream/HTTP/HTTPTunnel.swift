import NIOCore
import NIOHTTP1
import SluiceVocabulary

/// A connection after 101 Switching Protocols: raw bytes both ways, nothing looked at.
///
/// Bytes come from the `HTTPWatch`, past the codec, which needs until the loop's next turn to leave
/// the pipeline; what is written before that waits here.
final class HTTPTunnel: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// How long a peer has to take the last bytes.
    private static let lingerSeconds: Int64 = 5

    private let exchange: HTTPExchange
    private let connection: HTTPConnection
    private var context: ChannelHandlerContext?
    private var isReadWanted = false
    private var isClosed = false
    private var isCodecGone = false
    private var closesAfterWrites = false
    /// Written before the codec had gone.
    private var early = ByteBuffer()

    init(exchange: HTTPExchange, connection: HTTPConnection) {
        self.exchange = exchange
        self.connection = connection
    }

    var isWritable: Bool { isCodecGone && context?.channel.isWritable ?? false }

    func write(_ bytes: ByteBuffer) {
        if isCodecGone {
            context?.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
        } else {
            early.writeImmutableBuffer(bytes)
        }
    }

    /// Bytes may be written as they are.
    func codecLeft() {
        guard !isClosed else { return }
        connection.pool.tick.begin()
        isCodecGone = true
        if early.readableBytes > 0 { write(early) }
        early = ByteBuffer()
        if closesAfterWrites { return closeAfterWrites() }
        if isWritable { exchange.hear(.writable) }
    }

    func resumeReading() {
        guard isReadWanted, let context else { return }
        isReadWanted = false
        context.read()
    }

    /// Closes when everything written is out, or a few seconds later.
    func closeAfterWrites() {
        guard let context, !isClosed else { return close() }
        closesAfterWrites = true
        guard isCodecGone else { return }
        let flushed = context.eventLoop.makePromise(of: Void.self)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: flushed)
        flushed.futureResult.assumeIsolated().whenComplete { [self] _ in close() }
        context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(Self.lingerSeconds)) {
            [self] in close()
        }
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        context?.close(promise: nil)
        connection.close()
    }

    func abort() { end(.connectionLost) }

    /// Raw bytes of the peer.
    func receive(_ bytes: ByteBuffer) {
        guard !isClosed, bytes.readableBytes > 0 else { return }
        connection.pool.tick.begin()
        exchange.hear(.body(bytes))
    }

    // MARK: The channel

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func read(context: ChannelHandlerContext) {
        if exchange.isReadingPaused {
            isReadWanted = true
        } else {
            context.read()
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        receive(unwrapInboundIn(data))
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        guard isWritable else { return }
        connection.pool.tick.begin()
        exchange.hear(.writable)
    }

    func channelInactive(context: ChannelHandlerContext) { end(nil) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { end(.connectionLost) }

    private func end(_ failure: HTTPFailure?) {
        guard !isClosed else { return }
        connection.pool.tick.begin()
        close()
        if let failure { exchange.fail(failure) } else { exchange.finish() }
    }
}

@available(*, unavailable)
extension HTTPTunnel: Sendable {}
