package import SluiceTelemetry
package import SluiceVocabulary

/// The counters of one loop's sessions.
package final class SessionMeters {
    let sessions: Gauge
    let online: Counter
    let offline: Counter
    let presenceFolded: Counter
    let presenceGivenUp: Counter
    private let pushes: [Counter]

    /// - Parameters:
    ///   - registry: where the counters are shown.
    ///   - shard: index of the loop.
    package init(registry: MetricsRegistry, shard: Int) {
        sessions = registry.gauge(.sessions, [], shard: shard)
        online = registry.counter(.presenceEvents, ["online"], shard: shard)
        offline = registry.counter(.presenceEvents, ["offline"], shard: shard)
        presenceFolded = registry.counter(
            .limitExceeded, ["max_waiting_presence"], shard: shard)
        presenceGivenUp = registry.counter(.presenceEvents, ["given_up"], shard: shard)
        pushes = DeliveryClass.allCases.flatMap { deliveryClass in
            PushFate.allCases.map { fate in
                registry.counter(.pushes, [deliveryClass.name, fate.rawValue], shard: shard)
            }
        }
    }

    /// Counts the fate of a push for one connection or absent user.
    package func push(_ deliveryClass: DeliveryClass, _ fate: PushFate) {
        pushes[Int(deliveryClass.rawValue) * PushFate.allCases.count + fate.index].add()
    }
}

@available(*, unavailable)
extension SessionMeters: Sendable {}

/// What became of a push: label `result` of `sluice_push_total`.
package enum PushFate: String, CaseIterable {
    case delivered, offline, dropped

    var index: Int {
        switch self {
        case .delivered: 0
        case .offline: 1
        case .dropped: 2
        }
    }
}
