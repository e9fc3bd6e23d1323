import SluiceVocabulary

/// The log's own counters on one shard, by class.
struct LogMeters: Sendable {
    let sent: [Counter]
    let sampled: [Counter]
    let droppedFull: [Counter]
    let droppedError: [Counter]
    let dropped: Counter
    /// Entries taken, not shown: what is taken and neither sent nor dropped is still held.
    let accepted: [Counter] = LogClass.allCases.map { _ in Counter() }

    init(registry: MetricsRegistry, shard: Int) {
        func counters(_ result: String) -> [Counter] {
            LogClass.allCases.map {
                registry.counter(.logEntries, [$0.name, result], shard: shard)
            }
        }
        sent = counters("sent")
        sampled = counters("sampled")
        droppedFull = counters("dropped_full")
        droppedError = counters("dropped_error")
        dropped = registry.counter(.logDropped, [], shard: shard)
    }
}
