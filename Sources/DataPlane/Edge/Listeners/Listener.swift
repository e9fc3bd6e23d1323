import Glibc
package import NIOCore
import NIOPosix
import SluiceVocabulary

/// What a listener speaks.
package enum ListenerProtocol: String, Sendable, CaseIterable {
    /// WebSocket at `/ws`, the HTTP API and routes.
    case http
    /// Envelopes behind four bytes of length.
    case tcp
}

/// A place where clients connect.
///
/// On an IP address one listening socket per event loop on the same port (SO_REUSEPORT): the kernel
/// spreads connections, and a connection never changes its loop.
package struct Listener: Sendable {
    /// Names the listener in the configuration, the journal and the metrics.
    package let name: String
    package let kind: ListenerProtocol
    package let address: String
    package let port: Int

    package init(
        name: String = "main", kind: ListenerProtocol = .http, address: String = "127.0.0.1",
        port: Int = 0
    ) {
        self.name = name
        self.kind = kind
        self.address = address
        self.port = port
    }

    /// Makes sure that nobody else listens there: SO_REUSEPORT would share the port in silence.
    ///
    /// - Returns: the port, chosen by the kernel where 0 was asked for.
    /// - Throws: the kernel's answer, `EADDRINUSE` above all.
    package func probe(on loop: any EventLoop) async throws -> Int {
        let channel = try await ServerBootstrap(group: loop)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .bind(host: address, port: port).get()
        let bound = channel.localAddress?.port ?? port
        try await channel.close()
        return bound
    }

    /// Listens on the edge's loop.
    package func bind(_ edge: NIOLoopBound<EdgeLoop>, on loop: any EventLoop) async throws
        -> any Channel
    {
        try await ServerBootstrap(group: loop, childGroup: loop)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(
                .socket(SocketOptionLevel(SOL_SOCKET), SocketOptionName(SO_REUSEPORT)), value: 1
            )
            .serverChannelOption(.backlog, value: 4_096)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(
                    minimum: 512, initial: 1_024, maximum: 65_536)
            )
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try self.accept(channel, edge.value) }
            }
            .bind(host: address, port: port).get()
    }
}
