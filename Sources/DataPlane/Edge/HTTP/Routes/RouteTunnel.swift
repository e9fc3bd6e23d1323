import NIOCore
import NIOHTTP1
import SluicePolicy
import SluiceUpstream
import SluiceVocabulary

/// The client's side of a WebSocket that passes through a route: raw bytes both ways.
///
/// What one side does not take is not read from the other; each side's end ends the other, after
/// what was on its way.
final class RouteTunnel: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let call: RouteCall
    private let exchange: HTTPExchange
    private let edge: EdgeLoop
    private let id: ConnectionID
    private var context: ChannelHandlerContext?
    private var bytesIn = 0
    private var isReading = true
    private var isClosed = false

    init(_ call: RouteCall, _ exchange: HTTPExchange) {
        self.call = call
        self.exchange = exchange
        edge = call.entry.edge
        id = edge.nextHTTPID()
    }

    /// Who opened it.
    var subject: PolicySubject { call.entry.subject }

    /// What the policy is asked about it, by the action catalog in force; nil when its route has
    /// gone.
    var policyCall: PolicyCall? {
        let policy = edge.snapshot.policy
        let headers = call.head.headers
        return policy.catalog.action(named: Route.actionName(call.route.name)).map { action in
            PolicyCall(
                action: action, bytes: 0, transport: .http, wall: edge.tick.wall, loginUser: nil,
                method: call.head.method.rawValue,
                headers: policy.headerNames.map { headers.text(of: $0) })
        }
    }

    // MARK: The service's side

    func write(_ bytes: ByteBuffer) {
        guard let context else { return }
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
        if !context.channel.isWritable { exchange.pauseReading() }
    }

    func serviceWritable() { setReading(true) }

    /// Nothing more comes from the service: what is on its way goes out, then the end.
    func serviceClosed() { end(.clientClosed) }

    // MARK: The client's side

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        edge.tick.begin()
        edge.tunnels[id.generation] = self
        edge.meters.connectionOpened(.http)
        if !context.channel.isActive { clientClosed() }
    }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        edge.tick.begin()
        guard !isClosed else { return }
        let bytes = unwrapInboundIn(data)
        bytesIn += bytes.readableBytes
        exchange.write(bytes)
        if !exchange.isWritable { setReading(false) }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        edge.tick.begin()
        if context.channel.isWritable { exchange.resumeReading() }
    }

    func channelInactive(context: ChannelHandlerContext) { clientClosed() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { clientClosed() }

    /// The client is gone: the service hears of it after what was on its way.
    func clientClosed() { end(.connectionLost) }

    /// The gateway ends it.
    func close(_ reason: CloseReason) { end(reason) }

    private func setReading(_ value: Bool) {
        guard value != isReading, !isClosed, let options = context?.channel.syncOptions else {
            return
        }
        isReading = value
        do {
            try options.setOption(.autoRead, value: value)
        } catch {
            // Only a closed channel refuses.
            clientClosed()
        }
    }

    private func end(_ reason: CloseReason) {
        guard !isClosed else { return }
        isClosed = true
        edge.tick.begin()
        edge.tunnels[id.generation] = nil
        edge.meters.connectionClosed(.http, reason)
        exchange.finishWriting()
        if let context {
            let channel = context.channel
            let flushed = context.eventLoop.makePromise(of: Void.self)
            context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: flushed)
            flushed.futureResult.whenComplete { _ in channel.close(promise: nil) }
            // A client that reads nothing does not hold the connection for ever.
            channel.eventLoop.scheduleTask(in: .seconds(5)) { channel.close(promise: nil) }
        }
        call.tunnelEnded(bytesIn: bytesIn)
    }
}

@available(*, unavailable)
extension RouteTunnel: Sendable {}
