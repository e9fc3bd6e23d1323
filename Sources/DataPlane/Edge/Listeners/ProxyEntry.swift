import NIOCore
import SluiceFraming
import SluicePolicy
import SluiceTelemetry
import SluiceVocabulary

/// Reads the PROXY header of a connection, then hands it to the next stage and leaves the pipeline.
///
/// The proxy has the handshake timeout to send it. What comes behind the header is the client's own.
final class ProxyEntry: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let listener: Listener
    private let edge: EdgeLoop
    private let peer: Peer
    private var input = ByteBuffer()
    private var deadline: Scheduled<Void>?
    private var isDone = false

    init(listener: Listener, edge: EdgeLoop, peer: Peer) {
        self.listener = listener
        self.edge = edge
        self.peer = peer
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        deadline = context.eventLoop.assumeIsolated().scheduleTask(
            in: .milliseconds(edge.limits.handshakeTimeoutMilliseconds)
        ) {
            let (entry, context) = bound.value
            guard !entry.isDone else { return }
            entry.edge.meters.limitExceeded("handshake_timeout")
            entry.refuse(context, .timeout, "it did not come in time")
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isDone else {
            // Between the header and the handler's removal.
            return context.fireChannelRead(data)
        }
        edge.tick.begin()
        var bytes = unwrapInboundIn(data)
        input.writeBuffer(&bytes)
        do throws(ProxyHeader.Malformed) {
            guard
                let header = try ProxyHeader.read(&input, maxBytes: edge.limits.maxHeaderBytes)
            else { return }
            start(context, header)
        } catch {
            refuse(context, .malformed, error.text)
        }
    }

    private func start(_ context: ChannelHandlerContext, _ header: ProxyHeader) {
        guard finish(header.source == nil ? .local : .ok) else { return }
        let client =
            header.source.map {
                Peer(address: $0.address, port: $0.port, listener: listener.name)
            } ?? peer
        do {
            try listener.startTLS(context.channel, edge, client)
        } catch {
            // The channel has just closed: nobody is there to talk to.
            return context.close(promise: nil)
        }
        let rest = input
        input = ByteBuffer()
        if rest.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(rest)) }
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if !isDone, case ChannelEvent.inputClosed = event {
            return context.close(promise: nil)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        // Health checks of balancers come and go without a word.
        _ = finish(.connectionLost)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if isDone { return context.fireErrorCaught(error) }
        context.close(promise: nil)
    }

    private func refuse(_ context: ChannelHandlerContext, _ result: ProxyResult, _ text: String) {
        guard finish(result) else { return }
        edge.tick.begin()
        edge.accountRefusedProxy(listener, peer, result, text)
        context.close(promise: nil)
    }

    /// Counts how it ended, once; true the first time.
    private func finish(_ result: ProxyResult) -> Bool {
        guard !isDone else { return false }
        isDone = true
        deadline?.cancel()
        deadline = nil
        edge.meters.proxyHeader(listener.name, result)
        return true
    }
}

@available(*, unavailable)
extension ProxyEntry: Sendable {}

/// How the wait for a PROXY header ended: label `result` of `sluice_proxy_headers_total`.
enum ProxyResult: String, CaseIterable {
    /// The header named the client.
    case ok
    /// The proxy spoke for itself, or did not know.
    case local
    /// The connection came from an address that is not among `trusted_proxies`.
    case untrusted
    case malformed
    case timeout
    case connectionLost = "connection_lost"
}

extension EdgeLoop {
    /// A connection was refused for its PROXY header: one entry, sampled like refusals.
    func accountRefusedProxy(
        _ listener: Listener, _ peer: Peer, _ result: ProxyResult, _ text: String
    ) {
        let weight = log.weight(for: .refused, action: .sessionConnect)
        guard weight > 0 else { return }
        var record = AccessRecord(event: .open, logClass: .refused, time: tick.wall)
        record.action = "session.connect"
        record.connection = ConnectionLabel(
            connection: nextHTTPID(), transport: listener.kind == .tcp ? .tcp : .http,
            client: peer.text, user: nil,
            device: "", session: "", claims: nil)
        record.refusal = "proxy_\(result.rawValue)"
        record.message = "PROXY header on listener \(listener.name) refused: \(text)"
        record.policy = snapshot.policy.revision
        record.weight = weight
        log.write(record)
    }
}
