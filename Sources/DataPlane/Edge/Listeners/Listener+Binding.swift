import Glibc
package import NIOCore
import NIOPosix
import SluiceVocabulary

/// Opening a listener's sockets.
///
/// An IP address gets one listening socket per event loop on the same port (SO_REUSEPORT): the
/// kernel spreads connections. A Unix socket can be bound only once; its connections are handed
/// round the loops. Either way a connection never changes its loop.
extension Listener {
    /// A loop and the edge that lives on it.
    package typealias Place = (loop: any EventLoop, edge: NIOLoopBound<EdgeLoop>)

    /// Makes sure that nobody else listens there: SO_REUSEPORT would share a port in silence, and a
    /// socket file would be taken from under a running gateway.
    ///
    /// - Returns: the listener, with the port the kernel chose where 0 was asked for.
    /// - Throws: the kernel's answer, `EADDRINUSE` above all, or `SocketFileError`.
    package func probed(on loop: any EventLoop) async throws -> Listener {
        switch endpoint {
        case .ip(let address, let port):
            let channel = try await Self.bootstrap(ServerBootstrap(group: loop), address)
                .bind(host: address, port: port).get()
            var probed = self
            probed.endpoint = .ip(address: address, port: channel.localAddress?.port ?? port)
            try await channel.close()
            return probed
        case .unix(let path, _):
            try await SocketFile.clear(path, on: loop)
            try await SocketFile.clear(SocketFile.draft(of: path), on: loop)
            return self
        }
    }

    /// Listens on all loops. Connections wait in the kernel until `OpenListener.accept`.
    ///
    /// - Parameter group: the loops of all `places`; it deals out the connections of a Unix socket.
    /// - Throws: the kernel's answer.
    package func open(_ places: [Place], group: any EventLoopGroup) async throws
        -> OpenListener
    {
        switch endpoint {
        case .ip(let address, let port):
            var channels: [any Channel] = []
            for place in places {
                let bootstrap = Self.bootstrap(
                    ServerBootstrap(group: place.loop, childGroup: place.loop), address
                )
                .serverChannelOption(
                    .socket(SocketOptionLevel(SOL_SOCKET), SocketOptionName(SO_REUSEPORT)),
                    value: 1
                )
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                channels.append(
                    try await children(bootstrap, [place]).bind(host: address, port: port).get())
            }
            return OpenListener(channels: channels, file: nil)
        case .unix(let path, let mode):
            let bootstrap = ServerBootstrap(group: places[0].loop, childGroup: group)
                .serverChannelOption(.backlog, value: 4_096)
                .serverChannelOption(.autoRead, value: false)
            let channel = try await children(bootstrap, places)
                .bind(unixDomainSocketPath: SocketFile.draft(of: path)).get()
            do {
                return OpenListener(
                    channels: [channel], file: try SocketFile(path: path, mode: mode))
            } catch {
                try await channel.close()
                throw error
            }
        }
    }

    /// What the probe and the listening socket have in common. Neither takes connections by itself:
    /// those that knock at the probe are reset with it.
    private static func bootstrap(
        _ bootstrap: ServerBootstrap, _ address: String
    ) -> ServerBootstrap {
        let common =
            bootstrap
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.backlog, value: 4_096)
            .serverChannelOption(.autoRead, value: false)
        // `::` takes IPv4 too, whatever the system's default (ipv6(7)).
        guard IPAddress(address)?.value == 0 else { return common }
        return common.serverChannelOption(
            .socket(SocketOptionLevel(IPPROTO_IPV6), SocketOptionName(IPV6_V6ONLY)), value: 0)
    }

    /// How accepted connections begin.
    private func children(_ bootstrap: ServerBootstrap, _ places: [Place]) -> ServerBootstrap {
        bootstrap
            .childChannelOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(
                    minimum: 512, initial: 1_024, maximum: 65_536)
            )
            // A TCP client may end its sending and still wait for answers.
            .childChannelOption(.allowRemoteHalfClosure, value: kind == .tcp)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let place = places.first(where: { $0.loop === channel.eventLoop }) else {
                        throw AdmissionRefused()
                    }
                    try self.accept(channel, place.edge.value)
                }
            }
    }
}

/// A listener that clients can reach.
package struct OpenListener: Sendable {
    let channels: [any Channel]
    let file: SocketFile?

    /// Takes the connections that wait, and all that come.
    package func accept() async {
        // Whoever is closed already, by a drain, takes nobody any more.
        for channel in channels { try? await channel.setOption(.autoRead, value: true).get() }
    }

    /// Nobody new gets in; those do who have begun a handshake. A socket file that is still ours goes.
    ///
    /// - Throws: the kernel's answer, where it will not; `close` may reset some who come in this moment.
    package func refuseNew() async throws {
        file?.remove()
        for channel in channels where file == nil {
            try await channel.eventLoop.submit { try AcceptQueue.dropHandshakes(at: channel) }.get()
        }
    }

    /// Closes the sockets, which resets whoever waits at them: see `isAwaited`.
    package func close() async {
        // Whoever is closed already has done what is asked here.
        for channel in channels { try? await channel.close() }
    }

    /// Closes what has never taken anybody: the gateway does not start after all.
    package func abandon() async {
        file?.remove()
        await close()
    }

    /// Not yet closed.
    package var isOpen: Bool { channels.contains(where: \.isActive) }

    /// Whether a client waits at one of the sockets that nobody has accepted yet, maybe with a request
    /// it has sent.
    package func isAwaited() async -> Bool {
        for channel in channels {
            // A socket that cannot be asked has nobody to wait for.
            let answer = try? await channel.eventLoop.submit {
                try AcceptQueue.isAwaited(at: channel)
            }.get()
            if answer ?? false { return true }
        }
        return false
    }
}
