package import NIOCore
import NIOPosix

/// Makes the connection of a link. Sockets in service; tests put an embedded channel in its place.
package struct LinkConnector {
    /// Connects to `address` and adds `handler` to the new channel's pipeline.
    ///
    /// The result comes on `loop`: TCP is up then, TLS (nil = plain) may still be under way.
    package let connect: Connect

    package typealias Connect = (
        _ address: InstanceAddress, _ tls: ServiceTLS?, _ timeoutMilliseconds: Int64,
        _ loop: any EventLoop, _ handler: any ChannelInboundHandler
    ) -> EventLoopFuture<any Channel>

    package init(connect: @escaping Connect) { self.connect = connect }

    /// TCP without Nagle's delay. Names are resolved off the loop.
    package static var sockets: Self { Self(connect: connectSocket) }

    private static func connectSocket(
        to address: InstanceAddress, tls: ServiceTLS?, timeoutMilliseconds: Int64,
        loop: any EventLoop, handler: any ChannelInboundHandler
    ) -> EventLoopFuture<any Channel> {
        let bound = NIOLoopBound(handler, eventLoop: loop)
        let marks = ChannelOptions.Types.WriteBufferWaterMark(
            low: LinkConnection.channelHighWaterBytes / 2,
            high: LinkConnection.channelHighWaterBytes)
        let sizes = AdaptiveRecvByteBufferAllocator(
            minimum: 4_096, initial: 16_384, maximum: 262_144)
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(.milliseconds(timeoutMilliseconds))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.writeBufferWaterMark, value: marks)
            .channelOption(.recvAllocator, value: sizes)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        try channel.pipeline.syncOperations.addHandler(
                            tls.makeHandler(host: address.host))
                    }
                    try channel.pipeline.syncOperations.addHandler(bound.value)
                }
            }
        if let socket = try? SocketAddress(ipAddress: address.host, port: address.port) {
            return bootstrap.connect(to: socket)
        }
        return bootstrap.connect(host: address.host, port: address.port)
    }
}

@available(*, unavailable)
extension LinkConnector: Sendable {}
