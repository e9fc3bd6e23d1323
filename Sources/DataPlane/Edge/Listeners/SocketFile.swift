import Glibc
import NIOCore
import NIOPosix

/// The file of a Unix socket: found free, given its mode, and removed at the end if it is still ours.
struct SocketFile: Sendable {
    private let path: String
    private let identity: Identity

    /// What tells a file from another of the same name.
    private struct Identity: Equatable {
        let device: UInt64
        let inode: UInt64
        /// A file of the same name may get the same inode again.
        let changedAt: [Int]
        let isSocket: Bool
    }

    /// Where a socket is bound until it has its mode: nobody gets in before that, and SwiftNIO removes
    /// what stands under this name at the end, whoever put it there.
    static func draft(of path: String) -> String { path + ".new" }

    /// Gives a socket that has just been bound as a draft its mode, then its name.
    ///
    /// - Parameter mode: permission bits; connecting takes the right to write.
    init(path: String, mode: UInt16) throws(SocketFileError) {
        let draft = Self.draft(of: path)
        guard unsafe chmod(draft, mode_t(mode)) == 0, unsafe rename(draft, path) == 0,
            let identity = Self.identity(path)
        else { throw SocketFileError(path: path, problem: Self.reason()) }
        self.path = path
        self.identity = identity
    }

    /// Removes the file, unless somebody else has put theirs in its place.
    func remove() {
        if Self.identity(path) == identity { unsafe _ = unlink(path) }
    }

    /// Removes a socket that nobody listens on, left by a process that was killed.
    ///
    /// - Throws: when somebody listens there, or the file is something else.
    static func clear(_ path: String, on loop: any EventLoop) async throws {
        guard let found = identity(path) else { return }
        guard found.isSocket else {
            throw SocketFileError(path: path, problem: "this is no socket; nothing was removed")
        }
        do {
            let channel = try await ClientBootstrap(group: loop).connectTimeout(.seconds(1))
                .connect(unixDomainSocketPath: path).get()
            try await channel.close()
        } catch let error as IOError where error.errnoCode == ECONNREFUSED {
            guard unsafe unlink(path) == 0 else {
                throw SocketFileError(path: path, problem: reason())
            }
            return
        }
        throw SocketFileError(path: path, problem: "somebody listens there")
    }

    private static func identity(_ path: String) -> Identity? {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return nil }
        return Identity(
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino),
            changedAt: [status.st_ctim.tv_sec, status.st_ctim.tv_nsec],
            isSocket: status.st_mode & S_IFMT == S_IFSOCK)
    }

    private static func reason() -> String { unsafe String(cString: strerror(errno)) }
}

/// Why a socket file cannot be used.
package struct SocketFileError: Error, CustomStringConvertible {
    let path: String
    let problem: String

    package var description: String { problem }
}
