/// Decides for an instance with HTTP links: whether requests go there, and when to try again.
///
/// An instance is taken for good until a connection fails while none stands. The peer's fault: a
/// failed connect. Ignored on purpose: failures while others stand, a pause that ends after `stop`.
struct HTTPHealth {
    /// Where an instance stands.
    enum State: Equatable {
        /// Made, not started.
        case idle
        case ready
        /// Waits before it is tried again.
        case waiting
        /// Tried with one connection.
        case probing
        /// Takes no new requests, finishes the old ones.
        case draining
        case stopped
    }

    private(set) var state = State.idle
    private var failures = 0
    /// What the operator was last told; nil before the first connection.
    private var announcedUp: Bool?

    var takesRequests: Bool { state == .ready }

    mutating func start() { if state == .idle { state = .ready } }

    /// A connection came up.
    /// - Returns: whether that is news.
    mutating func connected() -> Bool {
        guard state == .ready || state == .probing else { return false }
        state = .ready
        failures = 0
        defer { announcedUp = true }
        return announcedUp != true
    }

    /// A connection did not come up, and none stands: out of the balance.
    /// - Returns: whether that is news; nil when it changes nothing.
    mutating func failed() -> Bool? {
        guard state == .ready || state == .probing else { return nil }
        state = .waiting
        failures += 1
        defer { announcedUp = false }
        return announcedUp != false
    }

    /// The pause is over.
    /// - Returns: whether to try a connection now.
    mutating func pauseEnded() -> Bool {
        guard state == .waiting else { return false }
        state = .probing
        return true
    }

    /// The configuration no longer names the instance.
    mutating func remove() { if state != .stopped { state = .draining } }

    mutating func stop() { state = .stopped }

    /// How long to wait after the latest failure: exponential with full jitter, as for native links.
    func pauseMilliseconds(
        minimum: Int64, maximum: Int64, random: inout SeededRandom
    ) -> Int64 {
        let ceiling = min(maximum, minimum << min(max(failures - 1, 0), 20))
        return Int64.random(in: 1...max(1, ceiling), using: &random)
    }
}
