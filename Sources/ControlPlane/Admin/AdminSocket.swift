import Glibc
import NIOCore
import NIOPosix

/// The admin interface's Unix socket: a file only the gateway's own user may open.
///
/// The kernel names the user at the other end of each connection (SO_PEERCRED, unix(7)), so that
/// nobody needs to hold a token.
struct AdminSocket {
    /// `sun_path` has 108 bytes, one of them the end (unix(7)).
    static let maxPathBytes = 107

    let path: String
    let group: any EventLoopGroup

    /// Takes a file away that no process serves any more, then binds.
    ///
    /// - Throws: `AdminError`, or the error of the bind.
    func bind(_ setUp: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>) async throws
        -> any Channel
    {
        guard (1...Self.maxPathBytes).contains(path.utf8.count) else {
            throw AdminError.socketPath(path)
        }
        let isServed = try await isServed()
        if isServed { throw AdminError.socketInUse(path) }
        let listener = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 64)
            .childChannelInitializer(setUp)
            .bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get()
        // Whoever came before this line met the check of the user all the same.
        guard unsafe chmod(path, 0o600) == 0 else {
            let problem = IOError(errnoCode: errno, reason: "chmod")
            try await listener.close()
            throw problem
        }
        return listener
    }

    /// The user id of the process at the other end; nil where the kernel does not say.
    static func peer(of channel: any Channel) -> EventLoopFuture<UInt32?> {
        guard let provider = channel as? any SocketOptionProvider else {
            return channel.eventLoop.makeSucceededFuture(nil)
        }
        let credentials: EventLoopFuture<PeerCredentials> = provider.unsafeGetSocketOption(
            level: .socket, name: NIOBSDSocket.Option(rawValue: SO_PEERCRED))
        return credentials.map { $0.userID }
    }

    private func isServed() async throws -> Bool {
        do {
            let probe = try await ClientBootstrap(group: group)
                .connectTimeout(.seconds(2))
                .connect(unixDomainSocketPath: path).get()
            try await probe.close()
            return true
        } catch let error as IOError where [ENOENT, ECONNREFUSED].contains(error.errnoCode) {
            return false
        }
    }
}

/// `struct ucred` of <sys/socket.h>.
private struct PeerCredentials: Sendable {
    var processID: Int32 = 0
    var userID: UInt32 = 0
    var groupID: UInt32 = 0
}
