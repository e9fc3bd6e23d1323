import SluiceTelemetry
import SluiceVocabulary

/// The counters of one loop's identity caches.
final class IdentityMeters {
    /// The counters of one cache.
    struct Cache {
        let hit: Counter
        let miss: Counter
        let negative: Counter
        let stale: Counter
        let entries: Gauge
    }

    let token: Cache
    let opaque: Cache
    let user: Cache
    let revocations: Gauge
    let waiting: Gauge

    init(registry: MetricsRegistry, shard: Int) {
        func cache(_ name: String) -> Cache {
            func counter(_ result: String) -> Counter {
                registry.counter(.identityLookups, [name, result], shard: shard)
            }
            return Cache(
                hit: counter("hit"), miss: counter("miss"), negative: counter("negative"),
                stale: counter("stale"),
                entries: registry.gauge(.identityEntries, [name], shard: shard))
        }
        token = cache("token")
        opaque = cache("opaque")
        user = cache("user")
        revocations = registry.gauge(.identityEntries, ["revocation"], shard: shard)
        waiting = registry.gauge(.identityWaiting, [], shard: shard)
    }
}

@available(*, unavailable)
extension IdentityMeters: Sendable {}
