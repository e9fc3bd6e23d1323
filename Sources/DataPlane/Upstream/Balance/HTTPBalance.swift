/// The instances of one service with HTTP links on one loop, and the choice among those that work.
final class HTTPBalance {
    unowned let service: ServicePool
    /// One per configured instance.
    var instances: [HTTPInstance] = []
    /// Those that take requests, in the order of `instances`.
    private(set) var ready: [HTTPInstance] = []
    private var turn = 0

    init(service: ServicePool) { self.service = service }

    func refresh() { ready = instances.filter { $0.takesRequests } }

    /// For ordered calls of one key: always the same instance as long as `ready` stays as it is
    /// (rendezvous hashing, see `ServicePool`). They wait for no other.
    func place(of key: UInt64, bytes: Int) -> HTTPInstance? {
        var best: HTTPInstance?
        var bestScore: UInt64 = 0
        for instance in ready {
            let score = mixed(key ^ instance.addressHash)
            if best == nil || score > bestScore {
                best = instance
                bestScore = score
            }
        }
        guard let best, best.hasRoom(for: bytes) else { return nil }
        return best
    }

    /// For all others: the instance with the fewest requests under way, in turn among equals.
    func next(bytes: Int) -> HTTPInstance? {
        var best: HTTPInstance?
        turn = turn &+ 1 < ready.count ? turn &+ 1 : 0
        for offset in ready.indices {
            let instance = ready[(turn &+ offset) % ready.count]
            guard instance.hasRoom(for: bytes) else { continue }
            if best.map({ instance.load < $0.load }) ?? true { best = instance }
        }
        return best
    }
}

@available(*, unavailable)
extension HTTPBalance: Sendable {}
