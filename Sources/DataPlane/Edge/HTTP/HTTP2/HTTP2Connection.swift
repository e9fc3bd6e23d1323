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
    typealias OutboundOut = HTTP2Frame

    let edge: EdgeLoop
    let peer: Peer
    /// Stands first in the pipeline.
    let watch = HTTP2Watch()
    /// Names this connection in the journal.
    let id: ConnectionID
    private var requests: UInt64 = 0
    private var openStreams = 0
    private var refusedStreams = 0
    private var context: ChannelHandlerContext?
    private var reason = CloseReason.clientClosed
    /// The connection ends by our word; errors that follow from that say nothing new.
    private var isClosing = false
    /// GOAWAY was said, or will be with the streams under way.
    private var isDraining = false
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

    /// Counts a new stream; false where there are too many at a time.
    ///
    /// NIO holds a client to that once it has acknowledged our settings, which nobody can be made to.
    func mayOpenStream() -> Bool {
        edge.tick.begin()
        guard openStreams < edge.limits.maxHTTP2Streams else {
            if refusedStreams == 0 { edge.meters.limitExceeded("max_http2_streams") }
            refusedStreams += 1
            if refusedStreams > edge.limits.maxHTTP2Streams { giveUp(.enhanceYourCalm) }
            return false
        }
        openStreams += 1
        return true
    }

    func streamEnded() { openStreams -= 1 }

    /// Says GOAWAY and closes.
    private func giveUp(_ code: HTTP2ErrorCode) {
        guard !isClosing, !isClosed, let context else { return }
        isClosing = true
        reason = .tooManyFrames
        edge.meters.violation(.http2)
        let goodbye = HTTP2Frame(
            streamID: .rootStream,
            payload: .goAway(lastStreamID: .maxID, errorCode: code, opaqueData: nil))
        context.writeAndFlush(wrapOutboundOut(goodbye), promise: nil)
        leave(context)
    }

    /// How long a client has to read why the connection ends, in milliseconds.
    private static let farewellMilliseconds: Int64 = 250

    /// Reads no more and closes a little later: closing at once on a client that still sends would
    /// reset the connection and take GOAWAY from it.
    private func leave(_ context: ChannelHandlerContext) {
        context.flush()
        do {
            try context.channel.syncOptions?.setOption(.autoRead, value: false)
        } catch {
            return context.close(promise: nil)
        }
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.eventLoop.assumeIsolated().scheduleTask(
            in: .milliseconds(Self.farewellMilliseconds)
        ) { bound.value.close(promise: nil) }
    }

    /// Lets streams under way end and takes no more (RFC 9113 section 6.8).
    func drain(sparingNew: Bool) {
        guard !isDraining, requests > 0 || !sparingNew else { return }
        isDraining = true
        retire(.drain)
    }

    /// The same for another reason: whoever comes next needs another connection.
    func retire(_ reason: CloseReason) {
        self.reason = reason
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
        guard !isClosed, !isClosing else { return }
        // An error of one stream: its own handler is told, and the connection goes on.
        guard watch.isFatal(error) else { return refused() }
        isClosing = true
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
        leave(context)
    }

    private func refused() {
        edge.meters.violation(.http2)
        edge.accountHTTP2Violation(self)
    }
}

@available(*, unavailable)
extension HTTP2Connection: Sendable {}
