import SluiceTelemetry
import SluiceVocabulary
import Synchronization

/// Breakers of all loops: the page shows the worst of each service, where adding up says nothing.
final class BreakerGauges: Sendable {
    private let gauges = Mutex<[String: [Gauge]]>([:])

    init(registry: MetricsRegistry) {
        registry.observe(.upstreamBreakerState) { [self] in
            gauges.withLock { all in
                all.map { service, gauges in
                    ([service], Double(gauges.map(\.value).max() ?? 0))
                }
            }
        }
    }

    /// One more loop's gauge of a service.
    func gauge(service: String) -> Gauge {
        let gauge = Gauge()
        gauges.withLock { $0[service, default: []].append(gauge) }
        return gauge
    }
}
