package import SluiceTelemetry
package import SluiceVocabulary

/// What metrics tell of reloads: how many there were, how the last one ended, and when one last
/// succeeded.
///
/// The files a gateway starts with were read without an error, so a start counts as a success.
package struct ReloadMeters: Sendable {
    private let registry: MetricsRegistry
    private let lastSuccessful: Gauge
    private let lastSuccess: Gauge

    /// - Parameter start: when the policy in force was read.
    package init(registry: MetricsRegistry, start: WallTime) {
        self.registry = registry
        lastSuccessful = registry.gauge(.policyLastReloadSuccessful, [], shard: 0)
        lastSuccess = registry.gauge(.policyLastReload, [], shard: 0)
        for result in ReloadReport.Result.allCases {
            _ = registry.counter(.policyReloads, [result.rawValue], shard: 0)
        }
        succeeded(at: start)
    }

    /// A reload ended. One that changed nothing is a success: what is on disk is in force.
    package func record(_ report: ReloadReport, at now: WallTime) {
        switch report.result {
        case .ok, .unchanged: succeeded(at: now)
        case .rejected: lastSuccessful.set(0)
        }
        // Last: whoever waits for the count finds the rest in place.
        registry.counter(.policyReloads, [report.result.rawValue], shard: 0).addShared()
    }

    private func succeeded(at now: WallTime) {
        lastSuccessful.set(1)
        lastSuccess.set(now.microseconds * 1_000)
    }
}
