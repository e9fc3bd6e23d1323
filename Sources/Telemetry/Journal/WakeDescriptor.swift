import Glibc

/// Wakes a thread that waits: a pipe whose bytes mean nothing but "look again".
final class WakeDescriptor: Sendable {
    private let readEnd: Int32
    private let writeEnd: Int32

    init() {
        var ends: [Int32] = [-1, -1]
        let result = unsafe pipe(&ends)
        precondition(result == 0, "no descriptor left for the journal's writer")
        for end in ends {
            precondition(fcntl(end, F_SETFD, FD_CLOEXEC) == 0, "an open pipe takes flags")
            precondition(fcntl(end, F_SETFL, O_NONBLOCK) == 0, "an open pipe takes flags")
        }
        readEnd = ends[0]
        writeEnd = ends[1]
    }

    deinit {
        close(readEnd)
        close(writeEnd)
    }

    /// Never blocks. A full pipe is fine: the reader has enough to wake up for.
    func signal() {
        var byte: UInt8 = 1
        _ = unsafe write(writeEnd, &byte, 1)
    }

    /// Waits for a signal and takes all there are.
    ///
    /// - Parameter milliseconds: how long at most; -1 = for ever.
    /// - Returns: false when the time was up.
    @discardableResult
    func wait(milliseconds: Int32) -> Bool {
        var wanted = pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0)
        guard unsafe poll(&wanted, 1, milliseconds) > 0 else { return false }
        var bytes: (UInt64, UInt64) = (0, 0)
        while unsafe read(readEnd, &bytes, 16) == 16 {}
        return true
    }
}
