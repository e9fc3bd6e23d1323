import Glibc

/// Facts about this process.
enum ProcessInfo {
    static var pid: Int32 { getpid() }

    /// Processors this process may use: what the affinity mask allows, not what the machine has.
    static var processors: Int {
        var set = cpu_set_t()
        guard unsafe sched_getaffinity(0, MemoryLayout<cpu_set_t>.size, &set) == 0 else { return 1 }
        return max(1, withUnsafeBytes(of: &set) { unsafe $0.reduce(0) { $0 + $1.nonzeroBitCount } })
    }

    /// Writes a line to standard error.
    static func complain(_ text: String) {
        var line = Array((text + "\n").utf8)
        unsafe line.withUnsafeMutableBytes { bytes in
            _ = unsafe write(STDERR_FILENO, bytes.baseAddress, bytes.count)
        }
    }
}
