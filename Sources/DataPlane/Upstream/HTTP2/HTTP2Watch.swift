import NIOCore
import NIOTLS
import SluiceVocabulary

/// First in the pipeline of a connection that may speak HTTP/2, behind TLS: puts the protocol behind
/// itself once it is known, tells whenever something comes, and flushes once for all streams of a turn.
///
/// With TLS the service chooses (ALPN, RFC 7301); where it knows nothing of that, HTTP/1.1 is meant.
/// Without TLS it is HTTP/2 from the first byte (RFC 9113 section 3.3).
final class HTTP2Watch: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = IOData
    typealias OutboundOut = IOData

    private let connection: HTTP2Connection
    private var isInstalled = false
    /// Flushes at the end of the turn.
    private var isFlushing = false
    private var spotter = HTTP2FaultSpotter()

    init(connection: HTTP2Connection) { self.connection = connection }

    private var pool: HTTPConnectionPool { connection.pool }

    func handlerAdded(context: ChannelHandlerContext) {
        connection.channel = context.channel
        guard !connection.isSecure else { return }
        isInstalled = true
        connection.install(context, behind: self)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case TLSUserEvent.handshakeCompleted(let chosen) = event, !isInstalled {
            pool.tick.begin()
            isInstalled = true
            if connection.isClosed { return }
            if chosen == "h2" {
                connection.install(context, behind: self)
            } else {
                fallBack(context)
            }
        }
        context.fireUserInboundEventTriggered(event)
    }

    private func fallBack(_ context: ChannelHandlerContext) {
        let http1 = HTTPConnection(pool: pool, isSecure: true)
        let pipeline = context.pipeline.syncOperations
        do {
            try pipeline.addHandler(HTTPWatch(connection: http1), position: .after(self))
        } catch {
            // The channel has closed already.
            return context.close(promise: nil)
        }
        pipeline.removeHandler(context: context, promise: nil)
        pool.http2.gaveWay(connection, to: http1)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        pool.tick.begin()
        connection.heard()
        spotter.begin()
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .byteBuffer(let bytes) = unwrapOutboundIn(data) { spotter.wrote(bytes) }
        context.write(data, promise: promise)
    }

    func isFatal(_ error: any Error) -> Bool { spotter.isFatal(error) }

    func channelInactive(context: ChannelHandlerContext) {
        isFlushing = false
        if !isInstalled { failed(.connectFailed, "") }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if TLSFailure.isTLS(error) {
            failed(.tlsFailed, TLSFailure(error).text)
        } else if !isInstalled {
            failed(.connectFailed, "")
        }
        context.fireErrorCaught(error)
    }

    /// Does nothing once the connection stands.
    private func failed(_ reason: LinkDownReason, _ cause: String) {
        pool.tick.begin()
        pool.http2.failed(connection, reason, cause)
    }
}

@available(*, unavailable)
extension HTTP2Watch: Sendable {}
