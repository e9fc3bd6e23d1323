import SluiceTelemetry
import Synchronization

/// When the certificates in force expire, as metrics show it.
final class TLSMetrics: Sendable {
    private let current: Mutex<[TLSMaterial.Expiry]>

    init(_ material: TLSMaterial, registry: MetricsRegistry) {
        current = Mutex(material.expiries)
        registry.observe(.tlsCertificateExpiry) { [self] in
            current.withLock { $0 }.map { ([$0.side, $0.name], $0.seconds) }
        }
    }

    /// Other certificates are in force.
    func adopt(_ material: TLSMaterial) { current.withLock { $0 = material.expiries } }
}
