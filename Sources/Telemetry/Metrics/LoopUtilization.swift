package import SluiceVocabulary

/// How busy an event loop is: the CPU time of its thread, held against the time that went by.
package struct LoopUtilization {
    private static let windowNanoseconds: Int64 = 1_000_000_000

    private let gauge: Gauge
    private var last: (time: MonotonicTime, cpuNanoseconds: Int64)?

    package init(registry: MetricsRegistry, loop: Int) {
        gauge = registry.gauge(.loopUtilization, [String(loop)], shard: loop)
    }

    /// Looks at the thread's CPU time once a second; call it more often than that, on the loop.
    ///
    /// - Parameter cpu: CPU time of the calling thread in nanoseconds; asked once a second.
    package mutating func look(at now: MonotonicTime, cpu: () -> Int64) {
        guard let last else {
            self.last = (now, cpu())
            return
        }
        let passed = now.nanoseconds(since: last.time)
        guard passed >= Self.windowNanoseconds else { return }
        let used = cpu()
        let share = Double(used - last.cpuNanoseconds) / Double(passed)
        gauge.set(Int64(min(max(share, 0), 1) * MetricFamily.loopUtilization.divisor))
        self.last = (now, used)
    }
}
