import NIOCore
import SluiceVocabulary

/// A connection after 101 Switching Protocols: raw bytes both ways, nothing looked at.
final class HTTPTunnel: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let exchange: HTTPExchange
    private let connection: HTTPConnection
    private var context: ChannelHandlerContext?
    private var isReadWanted = false
    private var isClosed = false

    init(exchange: HTTPExchange, connection: HTTPConnection) {
        self.exchange = exchange
        self.connection = connection
    }

    var isWritable: Bool { context?.channel.isWritable ?? false }

    func write(_ bytes: ByteBuffer) {
        context?.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
    }

    func resumeReading() {
        guard isReadWanted, let context else { return }
        isReadWanted = false
        context.read()
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        context?.close(promise: nil)
        connection.close()
    }

    func abort() { end(.connectionLost) }

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
        connection.pool.tick.begin()
        exchange.hear(.body(unwrapInboundIn(data)))
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        guard context.channel.isWritable else { return }
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
