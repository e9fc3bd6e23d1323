import NIOCore
import SluicePolicy
import SluiceVocabulary

/// A call that waits because the policy says so: a delay, or a pause until it fits.
///
/// Fills the one slot of its connection or HTTP request, and ends once: when its time has come, or
/// when the client has gone. Our bug: a wait in a slot that is taken. Loop-bound.
final class PolicyWait {
    /// How a wait ends.
    enum End { case timeHasCome, clientGone }

    /// Whose call waits, and with it what comes behind it.
    enum Place {
        /// A long connection is not read meanwhile.
        case connection(ClientConnection)
        /// What follows a request is not read before it is answered, anyway.
        case request(HTTPEntry)
    }

    /// Decided again when it is over; nothing is charged and nothing held.
    let isPause: Bool
    /// Grows from wait to wait of one loop.
    let number: UInt64
    private unowned let edge: EdgeLoop
    private let place: Place
    private let lease: Lease
    private var timer: Scheduled<Void>?
    private var completion: ((End) -> Void)?

    /// A pause may be as long as a quota's year; it is decided again now and then.
    private static let maxNanoseconds: Int64 = 3_600_000_000_000
    /// No pause is so short that its connection keeps the loop busy.
    private static let minNanoseconds: Int64 = 100_000

    init(
        _ edge: EdgeLoop, at place: Place, holding lease: Lease, isPause: Bool, nanoseconds: Int64,
        _ completion: @escaping (End) -> Void
    ) {
        self.edge = edge
        self.place = place
        self.lease = lease
        self.isPause = isPause
        self.completion = completion
        number = edge.waits.enter()
        edge.waits[number] = self
        place.take(self)
        let pause = max(Self.minNanoseconds, min(nanoseconds, Self.maxNanoseconds))
        timer = edge.loop.assumeIsolated().scheduleTask(in: .nanoseconds(pause)) { [self] in
            timer = nil
            goOn()
        }
    }

    /// Its time has come, by the clock or because a reload may have changed what it waits for.
    func goOn() {
        edge.tick.begin()
        end(.timeHasCome)
        place.readOn()
    }

    /// The client has gone: what it held is free again.
    func cancel() { end(.clientGone) }

    private func end(_ end: End) {
        guard let completion else { return }
        self.completion = nil
        timer?.cancel()
        timer = nil
        edge.waits[number] = nil
        place.leave()
        // Whoever goes on takes the lease along.
        if end == .clientGone { edge.callIsOver(lease) }
        completion(end)
    }
}

@available(*, unavailable)
extension PolicyWait: Sendable {}

extension PolicyWait.Place {
    fileprivate func take(_ wait: PolicyWait) {
        switch self {
        case .connection(let client):
            invariant(client.waiting == nil, "one call of a connection waits at a time")
            client.waiting = wait
            client.pause(.policy)
        case .request(let entry):
            invariant(entry.waiting == nil, "one call of a request waits at a time")
            entry.waiting = wait
        }
    }

    fileprivate func leave() {
        switch self {
        case .connection(let client): client.waiting = nil
        case .request(let entry): entry.waiting = nil
        }
    }

    /// Reads on behind a call that went on, unless it waits again.
    fileprivate func readOn() {
        guard case .connection(let client) = self, client.waiting == nil,
            client.pauses.contains(.policy)
        else { return }
        // The heartbeat was suspended: silence is measured from here.
        client.sawLife()
        client.resume(.policy)
    }
}

/// The calls of one loop that wait by the policy's word, by their number.
struct PolicyWaits {
    private var waits: [UInt64: PolicyWait] = [:]
    private var last: UInt64 = 0
    /// Pauses up to this number began under another policy and are to be decided again.
    private var outdated: UInt64?

    /// Pauses that one sweep decides again at most.
    private static let maxPerSweep = 1_000

    var count: Int { waits.count }

    /// A number for a new wait.
    mutating func enter() -> UInt64 {
        last &+= 1
        return last
    }

    subscript(_ number: UInt64) -> PolicyWait? {
        get { waits[number] }
        set { waits[number] = newValue }
    }

    /// Another policy is in force: who is paused may fit now.
    mutating func policyChanged() { outdated = waits.isEmpty ? nil : last }

    /// Some of the pauses that began under another policy; empty when all were decided again.
    mutating func takeOutdated() -> [PolicyWait] {
        guard let outdated else { return [] }
        let found = waits.values.lazy.filter { $0.isPause && $0.number <= outdated }
            .prefix(Self.maxPerSweep)
        let some = Array(found)
        if some.isEmpty { self.outdated = nil }
        return some
    }
}

@available(*, unavailable)
extension PolicyWaits: Sendable {}
