/// Pauses between attempts: doubling, bounded, spread so that gateways do not come back together.
package struct Backoff: Sendable {
    private let first: Int64
    private let longest: Int64
    private var failures = 0

    /// - Parameters:
    ///   - firstMilliseconds: the first pause is at most this.
    ///   - longestMilliseconds: no pause is longer.
    package init(firstMilliseconds: Int64 = 100, longestMilliseconds: Int64 = 10_000) {
        first = firstMilliseconds
        longest = longestMilliseconds
    }

    package mutating func succeeded() { failures = 0 }

    /// The pause after one more failure: from half of what is due to all of it.
    package mutating func failed(
        using random: inout some RandomNumberGenerator
    ) -> Duration {
        let due = min(longest, first << Int64(min(failures, 20)))
        failures += 1
        return .milliseconds(Int64.random(in: (due + 1) / 2...due, using: &random))
    }
}
