package import SluiceVocabulary

/// How many retries a service may have: a share of its calls of the last ten seconds, and a few more
/// so that a quiet service can have some at all.
///
/// When everything fails, retries are then a few per cent more load and not a multiple of it.
package struct RetryBudget {
    private static let windowMilliseconds: Int64 = 10_000
    /// Allowed within the window whatever the calls are.
    package static let reserve: Int64 = 100

    /// Retries for each call.
    package var share: Double
    private var calls = RollingCount(windowMilliseconds: Self.windowMilliseconds)

    package init(share: Double) { self.share = share }

    /// A call was sent for the first time.
    @inline(__always)
    package mutating func called(now: MonotonicTime) { calls.add(1, now: now) }

    /// Takes one retry.
    /// - Returns: false when none is left.
    package mutating func withdraw(now: MonotonicTime) -> Bool {
        calls.advance(to: now)
        let allowed = Int64(share * Double(calls.total)) + (share > 0 ? Self.reserve : 0)
        guard calls.marked < allowed else { return false }
        calls.add(0, marked: 1, now: now)
        return true
    }
}
