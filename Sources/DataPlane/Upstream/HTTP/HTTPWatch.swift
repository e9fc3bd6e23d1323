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
    /// What came of an answer that may be a 101.
    private var head = ByteBuffer()

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
        if let tunnel = connection.tunnel { return tunnel.receive(unwrapInboundIn(data)) }
        guard connection.mayUpgrade else { return context.fireChannelRead(data) }
        // The codec drops what stands behind a 101 when its connection ends with it, so that is
        // kept here. No longer than a head: the codec refuses a longer one.
        var bytes = unwrapInboundIn(data)
        head.writeBuffer(&bytes)
        context.fireChannelRead(data)
        if let tunnel = connection.tunnel {
            tunnel.receive(Self.rest(behind101: head))
            head = ByteBuffer()
        } else if head.readableBytes > connection.pool.maxHeadBytes || !connection.mayUpgrade {
            head = ByteBuffer()
        }
    }

    /// What follows the head of the 101, which may itself follow those of other 1xx.
    private static func rest(behind101 bytes: ByteBuffer) -> ByteBuffer {
        var rest = bytes
        while let end = rest.readableBytesView.firstRange(of: Array("\r\n\r\n".utf8)) {
            let isIt = rest.readableBytesView.dropFirst(9).starts(with: "101".utf8)
            rest.moveReaderIndex(to: end.upperBound)
            if isIt { return rest }
        }
        return ByteBuffer()
    }
}

@available(*, unavailable)
extension HTTPWatch: Sendable {}
