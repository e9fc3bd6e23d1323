import SluicePolicy
import SluiceReload
import SluiceTelemetry
import SluiceVocabulary
import Synchronization

/// The policy in force, as metrics show it.
final class PolicyMetrics: Sendable {
    private let current: Mutex<PolicySnapshot>
    private let registry: MetricsRegistry
    private let lastSuccess: Gauge

    init(_ policy: PolicySnapshot, registry: MetricsRegistry, clocks: some Clocks) {
        current = Mutex(policy)
        self.registry = registry
        lastSuccess = registry.gauge(.policyLastReload, [], shard: 0)
        lastSuccess.set(clocks.wall().microseconds * 1_000)
        for result in ["ok", "unchanged", "rejected"] {
            _ = registry.counter(.policyReloads, [result], shard: 0)
        }
        registry.observe(.policyInfo) { [self] in
            let policy = current.withLock { $0 }
            return [([policy.version, policy.revision], 1)]
        }
        registry.observe(.rateLimitKeys) { [self] in
            let policy = current.withLock { $0 }
            return policy.limitNames.map { ([$0], Double(policy.liveKeys($0))) }
        }
        observeOverflow()
    }

    private func observeOverflow() {
        registry.observe(.rateLimitOverflow) { [self] in
            let policy = current.withLock { $0 }
            return policy.limitNames.map { ([$0], Double(policy.overflows($0))) }
        }
    }

    /// A reload ended.
    func record(_ report: ReloadReport, clocks: some Clocks) {
        registry.counter(.policyReloads, [report.result.rawValue], shard: 0).addShared()
        if report.result != .rejected { lastSuccess.set(clocks.wall().microseconds * 1_000) }
    }

    /// Another policy is in force.
    func adopt(_ policy: PolicySnapshot) { current.withLock { $0 = policy } }

    /// Forgets buckets that are full again; nothing is lost by it.
    func forgetFullBuckets(now: MonotonicTime) {
        let policy = current.withLock { $0 }
        policy.forgetFullBuckets(now: now)
    }
}
