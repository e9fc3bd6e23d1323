import Foundation
import Glibc
import NIOCore

/// Facts about this process, and its voice on a terminal.
enum ThisProcess {
    static var pid: Int32 { getpid() }

    /// The user this process acts as.
    static var userID: UInt32 { geteuid() }

    /// What the machine calls itself.
    static var hostName: String {
        var bytes = [CChar](repeating: 0, count: 256)
        guard unsafe gethostname(&bytes, bytes.count - 1) == 0 else { return "localhost" }
        let name = bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return String(decoding: name, as: UTF8.self)
    }

    /// Processors this process may use.
    static var processors: Int { max(1, System.coreCount) }

    static var environment: [String: String] { ProcessInfo.processInfo.environment }

    /// The system's words for one of its error numbers.
    static func reason(_ number: Int32) -> String { unsafe String(cString: strerror(number)) }

    /// What went wrong, in the system's words where it was the system that refused.
    static func reason(_ error: any Error) -> String {
        (error as? IOError).map { reason($0.errnoCode) } ?? "\(error)"
    }

    /// Writes a line to standard error.
    static func complain(_ text: String) {
        // A closed standard error leaves nobody to tell.
        try? FileHandle.standardError.write(contentsOf: Data((text + "\n").utf8))
    }

    /// Keys and tokens live in this memory: no core file may hold it.
    static func forbidCoreFiles() {
        var limit = rlimit(rlim_cur: 0, rlim_max: 0)
        if unsafe setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit) != 0 {
            complain("sluice: cannot switch core files off; a crash may write secrets to disk")
        }
    }
}
