import SluiceVocabulary

/// One service on one loop: its links and the choice among those that take calls.
final class ServicePool {
    /// Changes when the configuration changes pauses or timeouts.
    var definition: ServiceDefinition
    let meters: ServiceMeters
    /// One per configured instance.
    var links: [Link] = []
    /// The service's instances where it has HTTP links; `links` is empty then.
    private(set) var http: HTTPBalance?
    /// Links that take calls, in the order of `links`.
    private(set) var ready: [Link] = []
    private var turn = 0

    init(definition: ServiceDefinition, meters: ServiceMeters) {
        self.definition = definition
        self.meters = meters
        if definition.http != nil { http = HTTPBalance(service: self) }
    }

    /// Recomputes who takes calls; called when a link comes, goes or drains.
    func refresh() {
        ready = links.filter { $0.takesCalls }
        http?.refresh()
        let readyCount = ready.count + (http?.ready.count ?? 0)
        let count = links.count + (http?.instances.count ?? 0)
        meters.instancesReady.set(Int64(readyCount))
        meters.instancesDown.set(Int64(count - readyCount))
    }

    /// The link for a call of `bytes` envelope bytes.
    ///
    /// Ordered calls of one key go to one link and wait for no other: going elsewhere would break
    /// their order. Others go round, past links that are full.
    /// - Returns: nil when none takes calls (`ready` is empty) or too much is waiting.
    func choose(isOrdered: Bool, key: UInt64, bytes: Int) -> Link? {
        if ready.isEmpty { return nil }
        if isOrdered || ready.count == 1 {
            let link = ready[ready.count == 1 ? 0 : Self.place(of: key, among: ready)]
            return link.hasRoom(for: bytes) ? link : nil
        }
        for _ in ready.indices {
            turn = turn &+ 1 < ready.count ? turn &+ 1 : 0
            if ready[turn].hasRoom(for: bytes) { return ready[turn] }
        }
        return nil
    }

    /// Rendezvous hashing (Thaler and Ravishankar, 1998): the link with the greatest mixed hash.
    ///
    /// When a link comes or goes only the keys it wins or held move.
    private static func place(of key: UInt64, among links: [Link]) -> Int {
        var best = 0
        var bestScore: UInt64 = 0
        for place in links.indices {
            let score = mixed(key ^ links[place].addressHash)
            if score >= bestScore {
                best = place
                bestScore = score
            }
        }
        return best
    }
}

@available(*, unavailable)
extension ServicePool: Sendable {}
