import NIOCore
import NIOSSL
import NIOTLS
import SluicePolicy
import SluiceTelemetry
import SluiceUpstream
import SluiceVocabulary

/// Waits for the TLS handshake of a connection, then starts its protocol and leaves the pipeline.
///
/// Sits behind NIOSSL's handler, which stays. The client has the handshake timeout to get through.
final class TLSEntry: ChannelInboundHandler, RemovableChannelHandler {
    // What TLS has to say comes as events and errors; no byte gets here before it is ready.
    typealias InboundIn = ByteBuffer

    private let listener: Listener
    private let edge: EdgeLoop
    private let peer: Peer
    private let tls: ListenerTLS
    private let handler: NIOSSLServerHandler
    private var deadline: Scheduled<Void>?
    private var isDone = false

    init(
        listener: Listener, edge: EdgeLoop, peer: Peer, tls: ListenerTLS,
        handler: NIOSSLServerHandler
    ) {
        self.listener = listener
        self.edge = edge
        self.peer = peer
        self.tls = tls
        self.handler = handler
    }

    /// Keeps what a connection reads in one turn within 32 KiB.
    ///
    /// NIOSSL gathers the plain text of a turn in a buffer of 64 KiB that lives as long as the
    /// connection and grows for good when a turn and one more record do not fit.
    static func boundReads(of channel: any Channel) throws {
        let sizes = AdaptiveRecvByteBufferAllocator(minimum: 512, initial: 1_024, maximum: 16_384)
        try channel.syncOptions?.setOption(.recvAllocator, value: sizes)
        try channel.syncOptions?.setOption(.maxMessagesPerRead, value: 2)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        deadline = context.eventLoop.assumeIsolated().scheduleTask(
            in: .milliseconds(edge.limits.handshakeTimeoutMilliseconds)
        ) {
            let (entry, context) = bound.value
            guard !entry.isDone else { return }
            entry.edge.meters.limitExceeded("handshake_timeout")
            entry.fail(TLSFailure(.timeout, "the handshake took too long"))
            context.close(promise: nil)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .handshakeCompleted(let alpn) = event as? TLSUserEvent else {
            return context.fireUserInboundEventTriggered(event)
        }
        guard finish() else { return }
        edge.tick.begin()
        edge.meters.handshake(listener.name, "ok")
        do {
            let certificate = try handler.peerCertificate?.toDERBytes()
            try listener.startProtocol(
                context.channel, edge,
                peer.secured(clientCertificate: certificate.map(tls.identify)), alpn: alpn)
            context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
        } catch {
            // The listener cannot speak what was agreed on, or the channel has just closed.
            context.close(promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // NIOSSL closes the channel itself after its own errors.
        fail(
            TLSFailure.isTLS(error)
                ? TLSFailure(error) : TLSFailure(.connectionLost, "the connection broke"))
        if !TLSFailure.isTLS(error) { context.close(promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        fail(TLSFailure(.connectionLost, "the client went away"))
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        if finish() {
            edge.meters.handshake(listener.name, TLSFailure.Kind.connectionLost.rawValue)
        }
    }

    private func fail(_ failure: TLSFailure) {
        guard finish() else { return }
        edge.tick.begin()
        edge.meters.handshake(listener.name, failure.kind.rawValue)
        // Port scans and health checks of balancers come and go without a word.
        guard failure.kind != .connectionLost else { return }
        edge.accountFailedHandshake(peer, failure)
    }

    /// True the first time.
    private func finish() -> Bool {
        guard !isDone else { return false }
        isDone = true
        deadline?.cancel()
        deadline = nil
        return true
    }
}

@available(*, unavailable)
extension TLSEntry: Sendable {}

extension EdgeLoop {
    /// A client did not get through the TLS handshake: one entry, sampled like refusals.
    func accountFailedHandshake(_ peer: Peer, _ failure: TLSFailure) {
        let weight = log.weight(for: .refused, action: .sessionConnect)
        guard weight > 0 else { return }
        var record = AccessRecord(event: .open, logClass: .refused, time: tick.wall)
        record.action = "session.connect"
        record.connection = ConnectionLabel(
            connection: nextHTTPID(), transport: .http, client: peer.text, user: nil, device: "",
            session: "", claims: nil)
        record.refusal = failure.kind.rawValue
        record.message = "TLS handshake on listener \(peer.listener) failed: \(failure.text)"
        record.policy = snapshot.policy.revision
        record.weight = weight
        log.write(record)
    }
}
