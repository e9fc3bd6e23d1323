/// The instances of one service with HTTP links on one loop.
final class HTTPBalance {
    unowned let service: ServicePool
    /// One per configured instance.
    var instances: [HTTPInstance] = []
    /// Those that take requests, in the order of `instances`: a choice is a place in it.
    var ready: [HTTPInstance] = []

    init(service: ServicePool) { self.service = service }
}

@available(*, unavailable)
extension HTTPBalance: Sendable {}
