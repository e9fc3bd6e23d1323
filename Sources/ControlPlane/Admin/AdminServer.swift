package import NIOCore
import NIOHTTP1
import NIOPosix
package import SluiceTelemetry
import Synchronization

/// Why the admin interface did not start.
package enum AdminError: Error, CustomStringConvertible {
    /// Reading is open to whoever reaches it, so it stays on this machine.
    case notLoopback(String)

    package var description: String {
        switch self {
        case .notLoopback(let address):
            "the admin interface binds loopback addresses only (127.0.0.1, ::1, localhost), "
                + "not \(address)"
        }
    }
}

/// The admin interface: metrics, health and what the gateway knows, over HTTP on loopback.
package final class AdminServer: Sendable {
    private static let maxConnections = 64
    private static let maxHeaderBytes = 16_384
    private static let idleSeconds: Int64 = 30

    private let address: String
    private let port: Int
    private let group: any EventLoopGroup
    private let router: AdminRouter
    private let state = Mutex(State())

    private struct State {
        var listener: (any Channel)?
        var connections: [ObjectIdentifier: any Channel] = [:]
        var isStopped = false
    }

    /// - Parameters:
    ///   - address: a loopback address or `localhost`.
    ///   - port: 0 = any.
    ///   - group: loops that read and write; answers are made off them.
    ///   - registry: what `/metrics` shows.
    ///   - routes: where the other answers come from.
    package init(
        address: String, port: Int, group: any EventLoopGroup, registry: MetricsRegistry,
        routes: AdminRoutes
    ) {
        self.address = address
        self.port = port
        self.group = group
        router = AdminRouter(registry: registry, routes: routes)
    }

    /// Binds and serves.
    ///
    /// - Returns: the port in use.
    /// - Throws: `AdminError.notLoopback`, or the error of the bind.
    package func start() async throws -> Int {
        guard Loopback.isName(address) else { throw AdminError.notLoopback(address) }
        let listener = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 64)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture { try setUp(channel) }
            }
            .bind(host: address, port: port).get()
        state.withLock { $0.listener = listener }
        return listener.localAddress?.port ?? port
    }

    /// Stops listening and closes every connection.
    package func stop() async {
        let channels = state.withLock { state in
            state.isStopped = true
            let channels = [state.listener].compactMap(\.self) + state.connections.values
            state.listener = nil
            return channels
        }
        for channel in channels {
            // Closed by the peer meanwhile is closed as well.
            channel.close(promise: nil)
            _ = try? await channel.closeFuture.get()
        }
    }

    private func setUp(_ channel: any Channel) throws {
        guard admit(channel) else { throw TooManyConnections() }
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(
            IdleStateHandler(allTimeout: .seconds(Self.idleSeconds)))
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderListSize = Self.maxHeaderBytes
        try pipeline.configureHTTPServerPipeline(
            withEncoderConfiguration: .init(), withDecoderLimitConfiguration: limits)
        try pipeline.addHandler(AdminHandler(router: router))
    }

    /// Over the limit the newest is turned away, so that a scraper's open connection stays.
    private func admit(_ channel: any Channel) -> Bool {
        let id = ObjectIdentifier(channel)
        let isAdmitted = state.withLock { state in
            guard !state.isStopped, state.connections.count < Self.maxConnections else {
                return false
            }
            state.connections[id] = channel
            return true
        }
        if isAdmitted {
            channel.closeFuture.whenComplete { [self] _ in
                _ = state.withLock { $0.connections.removeValue(forKey: id) }
            }
        }
        return isAdmitted
    }
}

/// Ends the set-up of a connection that is not admitted.
private struct TooManyConnections: Error {}
