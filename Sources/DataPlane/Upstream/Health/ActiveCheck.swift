import SluiceVocabulary

/// Decides from the outcomes of checks whether an instance is healthy, and when to check next.
///
/// An instance is taken for healthy until checks fail. Our bug: none, every order of events is
/// answered. Ignored on purpose: an outcome that comes after the next check has begun.
package struct ActiveCheck {
    package private(set) var isHealthy = true
    private var succeeded = 0
    private var failed = 0
    /// Of the check under way; nil = none is.
    package private(set) var running: UInt64?
    private var number: UInt64 = 0

    package init() {}

    /// A check begins.
    /// - Returns: its number, to be given back with its outcome.
    package mutating func begin() -> UInt64 {
        number &+= 1
        running = number
        return number
    }

    /// A check has ended.
    /// - Returns: whether the instance is healthy now, where that is news; else nil.
    package mutating func end(_ check: UInt64, ok: Bool, settings: CheckSettings) -> Bool? {
        guard running == check else { return nil }
        running = nil
        if ok {
            failed = 0
            succeeded += 1
            guard !isHealthy, succeeded >= settings.healthyAfter else { return nil }
            isHealthy = true
            return true
        }
        succeeded = 0
        failed += 1
        guard isHealthy, failed >= settings.unhealthyAfter else { return nil }
        isHealthy = false
        return false
    }

    /// The next pause: the interval, a tenth more or less, so that checks of many loops and gateways
    /// do not come in one moment. The first check comes anywhere within the interval.
    package static func pauseMilliseconds(
        _ settings: CheckSettings, isFirst: Bool, random: inout SeededRandom
    ) -> Int64 {
        let interval = settings.intervalMilliseconds
        if isFirst { return Int64.random(in: 0...interval, using: &random) }
        let jitter = interval / 10
        return interval - jitter + Int64.random(in: 0...max(1, 2 * jitter), using: &random)
    }
}
