import Glibc
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
                channel.eventLoop.makeCompletedFuture { try Self.configure(channel, edge.value) }
            }
            .bind(host: address, port: port).get()
    }

    /// Puts the handlers of a new client on its channel.
    ///
    /// - Throws: when the process holds as many connections as it may; the channel then closes.
    package static func configure(_ channel: any Channel, _ edge: EdgeLoop) throws {
        guard edge.admission.enter() else {
            edge.meters.limitExceeded("max_connections")
            throw AdmissionRefused()
        }
        let decoder = ByteToMessageHandler(
            HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes))
        let entry = HTTPEntry(
            edge: edge, decoder: decoder,
            address: channel.remoteAddress?.addressBytes ?? [0, 0, 0, 0],
            addressText: channel.remoteAddress?.ipAddress ?? "")
        try channel.pipeline.syncOperations.addHandlers(decoder, entry)
    }
}

/// The process holds as many connections as it may; NIO closes a channel whose initialiser throws.
private struct AdmissionRefused: Error {}

extension SocketAddress {
    /// The address without the port: 4 bytes (IPv4) or 16 (IPv6).
    var addressBytes: [UInt8]? {
        guard let text = ipAddress else { return nil }
        // The kernel's own text form: cheap next to accepting a connection, and no unsafe code.
        guard text.contains(":") else { return text.split(separator: ".").compactMap { UInt8($0) } }
        return Self.bytes(ofIPv6: text)
    }

    /// Bytes of an IPv6 address in the kernel's text form (RFC 5952), zone left out.
    private static func bytes(ofIPv6 text: String) -> [UInt8] {
        let halves = text.prefix { $0 != "%" }.split(
            separator: "::", maxSplits: 1, omittingEmptySubsequences: false)
        let groups = halves.map { half in half.split(separator: ":").flatMap(bytes(ofGroup:)) }
        let head = groups.first ?? []
        let tail = groups.count > 1 ? groups[1] : []
        let gap = max(0, 16 - head.count - tail.count)
        return head + Array(repeating: 0, count: gap) + tail
    }

    /// A group of hexadecimal digits, or an IPv4 address at the end of a mapped one.
    private static func bytes(ofGroup group: Substring) -> [UInt8] {
        if group.contains(".") { return group.split(separator: ".").compactMap { UInt8($0) } }
        let word = UInt16(group, radix: 16) ?? 0
        return [UInt8(word >> 8), UInt8(truncatingIfNeeded: word)]
    }
}
