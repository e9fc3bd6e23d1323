package import CoreMetrics
import SluiceVocabulary
import Synchronization

/// swift-metrics' backend: what libraries count ends on the same page.
///
/// Names are made to fit (`a.b-c` becomes `a_b_c`); counters get `_total`, timers `_seconds`. A name
/// already taken by a family of another kind gets the kind as a suffix.
package struct SluiceMetricsFactory: MetricsFactory {
    private let registry: MetricsRegistry

    package init(registry: MetricsRegistry) { self.registry = registry }

    package func makeCounter(
        label: String, dimensions: [(String, String)]
    ) -> any CounterHandler {
        let cell = cell(label, "_total", .counter, dimensions) {
            .counter(SluiceVocabulary.Counter())
        }
        guard case .counter(let counter) = cell else { return NOOPMetricsHandler.instance }
        return ForeignCounter(counter: counter)
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        let cell = cell(label, "", .gauge, dimensions) { .meter(MeterCell()) }
        guard case .meter(let meter) = cell else { return NOOPMetricsHandler.instance }
        return meter
    }

    package func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        if !aggregate {
            let cell = cell(label, "", .gauge, dimensions) { .meter(MeterCell()) }
            guard case .meter(let meter) = cell else { return NOOPMetricsHandler.instance }
            return meter
        }
        let cell = cell(label, "", .summary, dimensions) { .summary(SummaryCell()) }
        guard case .summary(let summary) = cell else { return NOOPMetricsHandler.instance }
        return summary
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        let cell = cell(label, "_seconds", .histogram, dimensions) {
            .histogram(DurationHistogram())
        }
        guard case .histogram(let histogram) = cell else { return NOOPMetricsHandler.instance }
        return ForeignTimer(histogram: histogram)
    }

    /// Series stay for the life of the process: a counter that vanishes and returns reads as a reset.
    package func destroyCounter(_ handler: any CounterHandler) {}
    package func destroyMeter(_ handler: any MeterHandler) {}
    package func destroyRecorder(_ handler: any RecorderHandler) {}
    package func destroyTimer(_ handler: any TimerHandler) {}

    private func cell(
        _ label: String, _ suffix: String, _ kind: MetricKind, _ dimensions: [(String, String)],
        make: @Sendable () -> MetricCell
    ) -> MetricCell {
        let dimensions = dimensions.sorted { $0.0 < $1.0 }
        let family = MetricFamily(
            name(label, suffix, kind), kind, dimensions.map { Self.identifier($0.0) },
            help: "Counted by a library as \(label).")
        return registry.cell(family, dimensions.map(\.1), shard: 0, make: make)
    }

    private func name(_ label: String, _ suffix: String, _ kind: MetricKind) -> String {
        let base = Self.identifier(label)
        let name = base.hasSuffix(suffix) ? base : base + suffix
        let isOurs = MetricFamily.catalogue.contains { $0.name == name }
        let isFree = registry.kind(ofFamily: name).map { $0 == kind } ?? true
        return isFree && !isOurs ? name : base + "_" + kind.rawValue + suffix
    }

    /// Letters, digits and underscores, not starting with a digit.
    private static func identifier(_ text: String) -> String {
        var name = ""
        for character in text.unicodeScalars {
            let isLetter = ("a"..."z").contains(character) || ("A"..."Z").contains(character)
            let isDigit = ("0"..."9").contains(character)
            if isDigit, name.isEmpty { name.append("_") }
            name.unicodeScalars.append(isLetter || isDigit ? character : "_")
        }
        return name.isEmpty ? "_" : name
    }
}

private final class ForeignCounter: CounterHandler {
    private let counter: SluiceVocabulary.Counter

    init(counter: SluiceVocabulary.Counter) { self.counter = counter }

    func increment(by amount: Int64) {
        if amount > 0 { counter.addShared(UInt64(amount)) }
    }

    /// A Prometheus counter only grows.
    func reset() {}
}

/// `DurationHistogram` has one writer; a library's timer has many, so they take turns.
private final class ForeignTimer: TimerHandler {
    private let histogram: Mutex<DurationHistogram>

    init(histogram: DurationHistogram) { self.histogram = Mutex(histogram) }

    func recordNanoseconds(_ duration: Int64) {
        histogram.withLock { $0.record(nanoseconds: duration) }
    }
}

/// A gauge with a fraction that any thread may set.
final class MeterCell: MeterHandler, RecorderHandler {
    private let number = Mutex(0.0)

    var value: Double { number.withLock { $0 } }

    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { number.withLock { $0 = value } }
    func increment(by amount: Double) { number.withLock { $0 += amount } }
    func decrement(by amount: Double) { increment(by: -amount) }
    func record(_ value: Int64) { set(value) }
    func record(_ value: Double) { set(value) }
}

/// Count and sum of recorded values, from any thread.
final class SummaryCell: RecorderHandler {
    private let state = Mutex((count: UInt64(0), sum: 0.0))

    var current: (count: UInt64, sum: Double) { state.withLock { $0 } }

    func record(_ value: Int64) { record(Double(value)) }
    func record(_ value: Double) {
        state.withLock {
            $0.count += 1
            $0.sum += value
        }
    }
}
