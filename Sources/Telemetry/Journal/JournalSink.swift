import CSystemd
import Glibc

/// Where journald listens; `sd_journal_sendv` has the same path built in.
let journaldSocketPath = "/run/systemd/journal/socket"

/// Hands an entry to journald.
///
/// `@safe`: the vectors point into the entry only during `send` and are never read outside it.
@safe
struct JournaldSink {
    private var vectors: [iovec] = unsafe []

    /// Blocks while journald does not read: only the writer's thread may call it.
    ///
    /// - Returns: false when journald refused the entry or is not there.
    mutating func send(_ entry: EntryBuffer) -> Bool {
        unsafe vectors.removeAll(keepingCapacity: true)
        return unsafe entry.bytes.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return false }
            // libsystemd only reads; `iovec` just has no constant form.
            let start = unsafe UnsafeMutableRawPointer(mutating: base)
            var offset = 0
            for end in entry.ends {
                unsafe vectors.append(iovec(iov_base: start + offset, iov_len: end - offset))
                offset = end
            }
            return unsafe sd_journal_sendv(vectors, Int32(vectors.count)) == 0
        }
    }
}

/// Writes lines to a descriptor, normally standard error.
struct LineSink {
    let descriptor: Int32

    /// Blocks while the reader of a pipe does not read: only the writer's thread may call it.
    ///
    /// - Returns: false when not everything could be written.
    func write(_ bytes: [UInt8]) -> Bool {
        unsafe bytes.withUnsafeBytes { bytes in
            var done = 0
            while done < bytes.count {
                let count = unsafe Glibc.write(
                    descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done)
                if count > 0 {
                    done += count
                } else if errno == EAGAIN {
                    // Somebody made the descriptor non-blocking; waiting is this thread's job.
                    var wanted = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    _ = unsafe poll(&wanted, 1, -1)
                } else if errno != EINTR {
                    return false
                }
            }
            return true
        }
    }
}
