import SluiceVocabulary

/// An instance of a service as the balance sees it: how much it takes and how well it does.
///
/// `Link` and `HTTPInstance` are what it really is; both live on one loop.
class PoolMember {
    let address: InstanceAddress
    /// `host:port`.
    let instance: String
    /// Of the address; the same on every loop and node.
    let addressHash: UInt64
    /// Names this member in the table of pending calls; never used twice.
    let number: Int32
    let pool: ServicePool
    /// Calls under way whose answer is awaited by somebody.
    final var live = 0
    /// As configured or discovered.
    final var weight = 1
    /// How it has answered.
    final var outlier = OutlierRecord()
    /// What active checks say; healthy where there are none.
    final var check = ActiveCheck()
    final var prober: HealthProber?
    /// Nil where the service has none.
    final var breaker: CircuitBreaker?
    /// Its breaker lets no further probe pass at the moment.
    final var isHeldBack = false
    /// Calls may be sent to it; set by the pool.
    final var isInBalance = false
    /// When it came (back) into the balance beside others; nil = long ago.
    final var slowStartBegan: MonotonicTime?

    init(address: InstanceAddress, number: Int32, pool: ServicePool) {
        self.address = address
        self.number = number
        self.pool = pool
        instance = address.text
        addressHash = stableHash(address.text)
    }

    /// It can be reached: a link stands, or connections come up.
    var isReachable: Bool { false }

    /// Where its connections stand, for operators.
    var linkState: LinkState { .stopped }

    /// Whether one more call of `bytes` fits what may wait on it.
    func hasRoom(for bytes: Int) -> Bool { false }

    /// Asks it for a sign of life over its own link; the answer goes to `prober`.
    ///
    /// - Returns: false where nothing could be asked.
    func ping(_ check: UInt64) -> Bool { false }

    /// Why it gets no calls although it can be reached; nil = it may get them.
    final var exclusion: EjectionReason? {
        if !check.isHealthy { return .check }
        if outlier.ejectedUntil != nil { return .consecutiveErrors }
        if breaker?.state == .open { return .breaker }
        return nil
    }

    final var state: InstanceState {
        guard isReachable else { return .down }
        switch exclusion {
        case .none: return .ready
        case .check: return .unhealthy
        default: return .ejected
        }
    }
}

@available(*, unavailable)
extension PoolMember: Sendable {}

/// Where an instance stands: the label `state` of `sluice_upstream_instances`.
package enum InstanceState: String, Sendable, CaseIterable, Comparable {
    case ready
    /// Active checks fail.
    case unhealthy
    /// It answered badly, or its breaker is open; it comes back by itself.
    case ejected
    /// It cannot be reached.
    case down

    /// From well to worst.
    package static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}
