import NIOCore
import NIOHTTP1
import NIOTLS

/// First in the pipeline of an HTTP connection, behind TLS: puts the codec behind itself, and tells
/// when TLS stands and whether a byte of an answer came, which the codec keeps to itself until a
/// head is whole.
final class HTTPWatch: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let connection: HTTPConnection

    init(connection: HTTPConnection) { self.connection = connection }

    func handlerAdded(context: ChannelHandlerContext) {
        let pipeline = context.pipeline.syncOperations
        do {
            try pipeline.addHandlers(
                [connection.encoder, connection.decoder, connection], position: .after(self))
        } catch {
            // The channel has closed already: the connect fails too.
            context.close(promise: nil)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case TLSUserEvent.handshakeCompleted = event { connection.secured() }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        connection.hasBytes = true
        context.fireChannelRead(data)
    }
}

@available(*, unavailable)
extension HTTPWatch: Sendable {}
