import NIOCore
import SluiceUpstream

/// Between the socket and NIO's HTTP/2 handler: tells its errors of the whole connection from those of
/// one stream.
final class HTTP2Watch: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = IOData
    typealias OutboundOut = IOData

    private var spotter = HTTP2FaultSpotter()

    func isFatal(_ error: any Error) -> Bool { spotter.isFatal(error) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        spotter.begin()
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .byteBuffer(let bytes) = unwrapOutboundIn(data) { spotter.wrote(bytes) }
        context.write(data, promise: promise)
    }
}

@available(*, unavailable)
extension HTTP2Watch: Sendable {}
