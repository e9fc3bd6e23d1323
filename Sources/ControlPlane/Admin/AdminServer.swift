package import NIOCore
import NIOHTTP1
import NIOPosix
package import SluiceTelemetry
import Synchronization

/// Why the admin interface did not start.
package enum AdminError: Error, CustomStringConvertible {
    /// Reading is open to whoever reaches it, so it stays on this machine.
    case notLoopback(String)
    /// Longer than a Unix socket's path may be.
    case socketPath(String)
    /// Another process serves the socket.
    case socketInUse(String)

    package var description: String {
        switch self {
        case .socketPath(let path):
            "the path of a Unix socket has 1 to \(AdminSocket.maxPathBytes) bytes, not "
                + "\(path.utf8.count)"
        case .socketInUse(let path): "another process serves \(path)"
        case .notLoopback(let address):
            "the admin interface binds loopback addresses only (127.0.0.1, ::1, localhost), "
                + "not \(address)"
        }
    }
}

/// The admin interface: metrics, health, what the gateway knows and what an operator may tell it,
/// over HTTP on loopback and on a Unix socket.
package final class AdminServer: Sendable {
    private static let maxConnections = 64
    private static let maxHeaderBytes = 16_384
    private static let idleSeconds: Int64 = 30

    private let address: String
    private let port: Int
    private let socketPath: String?
    private let group: any EventLoopGroup
    private let router: AdminRouter
    private let state = Mutex(State())

    private struct State {
        var listeners: [any Channel] = []
        var connections: [ObjectIdentifier: any Channel] = [:]
        var isStopped = false
    }

    /// - Parameters:
    ///   - address: a loopback address or `localhost`.
    ///   - port: 0 = any.
    ///   - socketPath: where the Unix socket is to be; nil = none.
    ///   - group: loops that read and write; answers are made off them.
    ///   - registry: what `/metrics` shows.
    ///   - routes: where the other answers come from.
    ///   - access: who may change something.
    ///   - audit: told of every call that changes something, let through or not.
    package init(
        address: String, port: Int, socketPath: String? = nil, group: any EventLoopGroup,
        registry: MetricsRegistry, routes: AdminRoutes, access: AdminAccess,
        audit: @escaping @Sendable (AdminAudit) -> Void
    ) {
        self.address = address
        self.port = port
        self.socketPath = socketPath
        self.group = group
        router = AdminRouter(registry: registry, routes: routes, access: access, audit: audit)
    }

    /// Binds and serves.
    ///
    /// - Returns: the port in use.
    /// - Throws: `AdminError`, or the error of a bind; nothing is bound then.
    package func start() async throws -> Int {
        guard Loopback.isName(address) else { throw AdminError.notLoopback(address) }
        let listener = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 64)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { [self] channel in
                let port = channel.localAddress?.port ?? 0
                return channel.eventLoop.makeCompletedFuture {
                    try setUp(channel, by: .port(port))
                }
            }
            .bind(host: address, port: port).get()
        state.withLock { $0.listeners.append(listener) }
        if let socketPath {
            do {
                try await startSocket(socketPath)
            } catch {
                await stop()
                throw error
            }
        }
        return listener.localAddress?.port ?? port
    }

    private func startSocket(_ path: String) async throws {
        let listener = try await AdminSocket(path: path, group: group).bind { [self] channel in
            AdminSocket.peer(of: channel).flatMapThrowing { [self] peer in
                try setUp(channel, by: .socket(userID: peer))
            }
        }
        state.withLock { $0.listeners.append(listener) }
    }

    /// Stops listening and closes every connection.
    package func stop() async {
        let channels = state.withLock { state in
            state.isStopped = true
            let channels = state.listeners + state.connections.values
            state.listeners = []
            return channels
        }
        for channel in channels {
            // Closed by the peer meanwhile is closed as well.
            channel.close(promise: nil)
            _ = try? await channel.closeFuture.get()
        }
    }

    private func setUp(_ channel: any Channel, by link: AdminLink) throws {
        guard admit(channel) else { throw TooManyConnections() }
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(
            IdleStateHandler(allTimeout: .seconds(Self.idleSeconds)))
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderListSize = Self.maxHeaderBytes
        try pipeline.configureHTTPServerPipeline(
            withEncoderConfiguration: .init(), withDecoderLimitConfiguration: limits)
        try pipeline.addHandler(AdminHandler(router: router, link: link))
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
