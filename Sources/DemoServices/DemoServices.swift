package import NIOCore
import NIOPosix
import Synchronization

/// The user, message and friend services of the demo and the tests, behind one listener.
///
/// Every connection is one native link (docs/native-link.md) and is served on one event loop of the
/// group; what users have said and who is online is shared by all links.
package final class DemoServices: Sendable {
    /// Why the services do not start.
    package enum StartError: Error, Sendable {
        /// `start` was called before, or `stop` was.
        case notNew
        /// The listener has no port: it is not a TCP socket.
        case noPort
    }

    private struct State {
        var phase = Phase.new
        var listener: (any Channel)?
        var links: [ObjectIdentifier: any Channel] = [:]
    }

    private enum Phase { case new, running, stopped }

    private let group: any EventLoopGroup
    private let world = World()
    private let state = Mutex(State())

    /// - Parameter group: serves the links; not shut down by `stop`.
    package init(group: any EventLoopGroup) { self.group = group }

    /// Links that are open now.
    package var openLinks: Int { state.withLock { $0.links.count } }

    /// Listens for gateways.
    ///
    /// - Parameter port: 0 lets the kernel choose.
    /// - Returns: the port.
    /// - Throws: `StartError`, or what binding throws.
    package func start(host: String, port: Int) async throws -> Int {
        let isNew = state.withLock { state in
            defer { state.phase = .running }
            return state.phase == .new
        }
        guard isNew else { throw StartError.notNew }
        let listener = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1_024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.maxMessagesPerRead, value: 4)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(LinkServer(world: self.world))
                    self.adopt(channel)
                }
            }
            .bind(host: host, port: port)
            .get()
        let isWanted = state.withLock { state in
            state.listener = listener
            return state.phase == .running
        }
        if !isWanted { await Self.close(listener) }
        guard let port = listener.localAddress?.port else { throw StartError.noPort }
        return port
    }

    /// Closes the listener and every link, and returns when they are closed. Once is for ever.
    package func stop() async {
        let channels = state.withLock { state in
            state.phase = .stopped
            return [state.listener].compactMap(\.self) + Array(state.links.values)
        }
        for channel in channels { await Self.close(channel) }
    }

    private func adopt(_ channel: any Channel) {
        let id = ObjectIdentifier(channel)
        let isStopped = state.withLock { state in
            state.links[id] = channel
            return state.phase == .stopped
        }
        channel.closeFuture.whenComplete { _ in
            self.state.withLock { state in _ = state.links.removeValue(forKey: id) }
        }
        if isStopped { channel.close(promise: nil) }
    }

    private static func close(_ channel: any Channel) async {
        channel.close(promise: nil)
        await withCheckedContinuation { continuation in
            channel.closeFuture.whenComplete { _ in continuation.resume() }
        }
    }
}
