import Glibc
package import SluiceVocabulary

/// The machine's clocks.
package struct SystemClocks: Clocks {
    package init() {}

    package func monotonic() -> MonotonicTime {
        MonotonicTime(nanoseconds: Self.read(CLOCK_MONOTONIC))
    }

    package func wall() -> WallTime { WallTime(microseconds: Self.read(CLOCK_REALTIME) / 1_000) }

    package func threadCPU() -> Int64 { Self.read(CLOCK_THREAD_CPUTIME_ID) }

    /// The wall clock as certificates count, for work off the loops.
    package static var secondsSince1970: Double { Double(read(CLOCK_REALTIME)) / 1_000_000_000 }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        unsafe clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
