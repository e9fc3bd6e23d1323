import NIOCore
import NIOHTTP1
import NIOHTTP2
import SluiceVocabulary

/// An HTTP/2 connection (RFC 9113): what its streams share, and its place in the counts.
///
/// Stands behind NIO's HTTP/2 handler, which keeps the limits of the protocol and reports here when
/// one is broken.
final class HTTP2Connection: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame

    let edge: EdgeLoop
    let peer: Peer
    /// Names this connection in the journal.
    let id: ConnectionID
    private var requests: UInt64 = 0
    private var context: ChannelHandlerContext?
    private var reason = CloseReason.clientClosed
    private var isClosed = false

    init(edge: EdgeLoop, peer: Peer) {
        self.edge = edge
        self.peer = peer
        id = edge.nextHTTPID()
    }

    func nextRequestNumber() -> UInt64 {
        requests += 1
        return requests
    }

    /// Lets streams under way end and takes no more (RFC 9113 section 6.8).
    func drain() {
        reason = .drain
        context?.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
    }

    /// Closes at once.
    func close(_ reason: CloseReason) {
        self.reason = reason
        context?.close(promise: nil)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        edge.tick.begin()
        self.context = context
        edge.meters.connectionOpened(.http)
        edge.httpConnections[id.generation] = .http2(self)
    }

    func handlerRemoved(context: ChannelHandlerContext) { ended() }

    func channelInactive(context: ChannelHandlerContext) {
        ended()
        context.fireChannelInactive()
    }

    private func ended() {
        guard !isClosed else { return }
        isClosed = true
        context = nil
        edge.tick.begin()
        edge.httpConnections[id.generation] = nil
        edge.meters.connectionClosed(.http, reason)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        edge.tick.begin()
        guard !isClosed else { return }
        // An error of one stream: its own handler is told, and the connection goes on.
        if error is NIOHTTP2Errors.StreamError { return refused() }
        if let limit = HTTP2Limits.limit(of: error) {
            edge.meters.limitExceeded(limit)
            edge.meters.violation(.http2)
            reason = .tooManyFrames
        } else if error is any NIOHTTP2Error {
            refused()
            reason = .badRequest
        } else {
            reason = .connectionLost
        }
        // NIO's handler has said GOAWAY where there was somebody to say it to.
        context.flush()
        context.close(promise: nil)
    }

    private func refused() {
        edge.meters.violation(.http2)
        edge.accountHTTP2Violation(self)
    }
}

@available(*, unavailable)
extension HTTP2Connection: Sendable {}
