/// A point on the monotonic clock, in whole nanoseconds since the machine started.
///
/// Never compare it with a wall clock and never let it leave the process. 2^63 ns are 292 years.
package struct MonotonicTime: Sendable, Hashable, Comparable {
    package var nanoseconds: Int64

    @inlinable
    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    @inlinable
    package static func < (left: Self, right: Self) -> Bool { left.nanoseconds < right.nanoseconds }

    /// Nanoseconds from `earlier` to this point; negative when `earlier` is later.
    @inlinable
    package func nanoseconds(since earlier: Self) -> Int64 { nanoseconds &- earlier.nanoseconds }

    /// Whole milliseconds from `earlier` to this point.
    @inlinable
    package func milliseconds(since earlier: Self) -> Int64 {
        nanoseconds(since: earlier) / 1_000_000
    }

    @inlinable
    package func advanced(byMilliseconds milliseconds: Int64) -> Self {
        Self(nanoseconds: nanoseconds &+ milliseconds &* 1_000_000)
    }
}

/// A point on the wall clock, in whole microseconds since 1970-01-01T00:00:00Z.
package struct WallTime: Sendable, Hashable, Comparable {
    package var microseconds: Int64

    @inlinable
    package init(microseconds: Int64) { self.microseconds = microseconds }

    /// Whole seconds since 1970, as JWT's `exp` and `nbf` count them (RFC 7519 section 2).
    @inlinable
    package var seconds: Int64 { microseconds / 1_000_000 }

    @inlinable
    package static func < (left: Self, right: Self) -> Bool {
        left.microseconds < right.microseconds
    }
}

/// Where time comes from. Stations take times as arguments; only the loop tick reads clocks.
package protocol Clocks: Sendable {
    /// Nanoseconds on the monotonic clock.
    func monotonic() -> MonotonicTime
    /// Microseconds on the wall clock.
    func wall() -> WallTime
    /// CPU time of the calling thread, in nanoseconds.
    func threadCPU() -> Int64
}

extension Clocks {
    /// Clocks that are moved by hand spend no CPU time.
    package func threadCPU() -> Int64 { 0 }
}
