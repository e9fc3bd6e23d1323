import SluiceVocabulary

/// One service on one loop: its links and the choice among those that take calls.
final class ServicePool {
    /// Changes when the configuration changes pauses or timeouts.
    var definition: ServiceDefinition
    let meters: ServiceMeters
    /// One per configured instance.
    var links: [Link] = []
    /// Links that take calls, in the order of `links`.
    private(set) var ready: [Link] = []
    private var turn = 0

    init(definition: ServiceDefinition, meters: ServiceMeters) {
        self.definition = definition
        self.meters = meters
    }

    /// What `choose` found.
    enum Choice {
        case link(Link)
        /// Links are there, all of them have too much waiting.
        case overloaded
        /// No link takes calls.
        case unavailable
    }

    /// Recomputes who takes calls; called when a link comes, goes or drains.
    func refresh() {
        ready = links.filter { $0.takesCalls }
        meters.instancesReady.set(Int64(ready.count))
        meters.instancesDown.set(Int64(links.count - ready.count))
    }

    /// The link for a call of `bytes` envelope bytes.
    ///
    /// Ordered calls of one key go to one link and wait for no other: going elsewhere would break
    /// their order. Others go round, past links that are full.
    func choose(isOrdered: Bool, key: UInt64, bytes: Int) -> Choice {
        if ready.isEmpty { return .unavailable }
        if ready.count == 1 { return ready[0].hasRoom(for: bytes) ? .link(ready[0]) : .overloaded }
        if isOrdered {
            let link = ready[Self.place(of: key, among: ready)]
            return link.hasRoom(for: bytes) ? .link(link) : .overloaded
        }
        for _ in ready.indices {
            turn = turn &+ 1 < ready.count ? turn &+ 1 : 0
            if ready[turn].hasRoom(for: bytes) { return .link(ready[turn]) }
        }
        return .overloaded
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
