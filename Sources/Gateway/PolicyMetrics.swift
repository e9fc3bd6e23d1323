import SluicePolicy
import SluiceReload
import SluiceTelemetry
import SluiceVocabulary
import Synchronization

/// The policy in force, as metrics show it.
final class PolicyMetrics: Sendable {
    private let current: Mutex<PolicySnapshot>
    let registry: MetricsRegistry
    private let reloads: ReloadMeters

    init(_ policy: PolicySnapshot, registry: MetricsRegistry, clocks: some Clocks) {
        current = Mutex(policy)
        self.registry = registry
        reloads = ReloadMeters(registry: registry, start: clocks.wall())
        registry.observe(.policyInfo) { [self] in
            let policy = current.withLock { $0 }
            return [([policy.version, policy.revision], 1)]
        }
        registry.observe(.rateLimitKeys) { [self] in
            let policy = current.withLock { $0 }
            return policy.limitFigures.map { ([$0.rule.name], Double($0.liveKeys)) }
        }
        observeOverflow()
        observeBans(clocks)
    }

    private func observeBans(_ clocks: some Clocks) {
        registry.observe(.rateLimitBannedKeys) { [self] in
            let policy = current.withLock { $0 }
            return policy.bans(now: clocks.monotonic()).map { ([$0.key], Double($0.value.keys)) }
        }
    }

    private func observeOverflow() {
        registry.observe(.rateLimitOverflow) { [self] in
            let policy = current.withLock { $0 }
            return policy.limitFigures.map { ([$0.rule.name], Double($0.overflows)) }
        }
    }

    /// A reload ended.
    func record(_ report: ReloadReport, clocks: some Clocks) {
        reloads.record(report, at: clocks.wall())
    }

    /// Another policy is in force.
    func adopt(_ policy: PolicySnapshot) { current.withLock { $0 = policy } }

    /// Forgets buckets that have been full again for a while; nothing is lost by it.
    func forgetUnusedBuckets(now: MonotonicTime, wall: WallTime) {
        let policy = current.withLock { $0 }
        policy.forgetUnusedBuckets(now: now, wall: wall)
    }
}
