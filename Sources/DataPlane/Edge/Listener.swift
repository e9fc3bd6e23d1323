package import NIOCore
import NIOHTTP1
import NIOPosix
import SluiceVocabulary

/// One listening socket per event loop on the same address (SO_REUSEPORT): the kernel spreads
/// connections, and a connection never changes its loop.
package struct Listener: Sendable {
    package let address: String
    package let port: Int

    package init(address: String, port: Int) {
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
    package func bind(_ edge: NIOLoopBound<EdgeLoop>, on loop: any EventLoop) async throws -> any Channel {
        try await ServerBootstrap(group: loop, childGroup: loop)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.socketOption(.so_reuseport), value: 1)
            .serverChannelOption(.backlog, value: 4_096)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(minimum: 512, initial: 1_024, maximum: 65_536))
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try Self.accept(channel, edge.value) }
            }
            .bind(host: address, port: port).get()
    }

    private static func accept(_ channel: any Channel, _ edge: EdgeLoop) throws {
        guard edge.admission.enter() else {
            edge.meters.limitExceeded("max_connections")
            throw AdmissionRefused()
        }
        let decoder = ByteToMessageHandler(
            HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes))
        let entry = HTTPEntry(
            edge: edge, decoder: decoder, address: channel.remoteAddress?.addressBytes ?? [0, 0, 0, 0],
            addressText: channel.remoteAddress?.ipAddress ?? "")
        try channel.pipeline.syncOperations.addHandlers(decoder, entry)
    }
}

/// The process holds as many connections as it may; NIO closes a channel whose initialiser throws.
private struct AdmissionRefused: Error {}

extension SocketAddress {
    /// The address without the port: 4 bytes (IPv4) or 16 (IPv6).
    var addressBytes: [UInt8]? {
        switch self {
        case .v4(let address):
            withUnsafeBytes(of: address.address.sin_addr.s_addr) { unsafe Array($0) }
        case .v6(let address):
            withUnsafeBytes(of: address.address.sin6_addr) { unsafe Array($0) }
        case .unixDomainSocket: nil
        }
    }
}
