package import SluiceVocabulary
import Synchronization

/// One label set with its value, read when the page is made.
package typealias ObservedSeries = (labels: [String], value: Double)

/// Holds every counter, gauge and histogram and writes them as one page.
///
/// Loops ask for their cells once and keep them; counting then touches no lock. A scrape copies the
/// table of cells under a lock and reads them without.
package final class MetricsRegistry: Sendable {
    /// The label value that stands for all label sets the budget left no room for.
    package static let overflowLabel = "_overflow"

    /// Series the page may have.
    package let seriesBudget: Int
    private let state = Mutex(State())

    /// - Parameter seriesBudget: series the page may have; a histogram counts as 17.
    package init(seriesBudget: Int) { self.seriesBudget = seriesBudget }

    /// The counter of a label set on one shard; the same arguments give the same object.
    ///
    /// - Parameters:
    ///   - family: a family of kind counter.
    ///   - labels: one value for each of the family's labels.
    ///   - shard: who writes it, normally a loop's index; a scrape adds the shards up.
    package func counter(_ family: MetricFamily, _ labels: [String], shard: Int) -> Counter {
        let cell = cell(family, labels, shard: shard) { .counter(Counter()) }
        guard case .counter(let counter) = cell else { Self.wrongKind(family) }
        return counter
    }

    /// The gauge of a label set on one shard; the same arguments give the same object.
    package func gauge(_ family: MetricFamily, _ labels: [String], shard: Int) -> Gauge {
        let cell = cell(family, labels, shard: shard) { .gauge(Gauge()) }
        guard case .gauge(let gauge) = cell else { Self.wrongKind(family) }
        return gauge
    }

    /// The histogram of a label set on one shard; the same arguments give the same object.
    package func histogram(
        _ family: MetricFamily, _ labels: [String], shard: Int
    ) -> DurationHistogram {
        let cell = cell(family, labels, shard: shard) {
            .histogram(DurationHistogram(hasExemplars: family.hasExemplars))
        }
        guard case .histogram(let histogram) = cell else { Self.wrongKind(family) }
        return histogram
    }

    /// Adds series that are read when the page is made. Equal label sets are added up.
    ///
    /// `read` is called on the thread that makes the page; it may be called by several at once.
    package func observe(
        _ family: MetricFamily, read: @escaping @Sendable () -> [ObservedSeries]
    ) {
        state.withLock { $0.observers.append(Observer(family: family, read: read)) }
    }

    /// The page.
    package func render(_ format: ExpositionFormat) -> [UInt8] {
        var page = ExpositionPage(format: format)
        for family in snapshot() { page.append(family) }
        return page.finish()
    }

    /// Series on the page now, of those label sets that `isCounted` says yes to.
    ///
    /// - Parameter isCounted: told the family and the values of its labels.
    package func seriesCount(where isCounted: (MetricFamily, [String]) -> Bool) -> Int {
        snapshot().reduce(0) { sum, snapshot in
            let sets = snapshot.series.keys.count { isCounted(snapshot.family, $0.map(\.value)) }
            return sum + sets * snapshot.family.seriesPerLabelSet
        }
    }

    /// Kind of the family called `name`, or nil when there is none yet.
    func kind(ofFamily name: String) -> MetricKind? {
        state.withLock { $0.families[name]?.family.kind }
    }

    /// The cell of a label set, made with `make` at the first call.
    func cell(
        _ family: MetricFamily, _ labels: [String], shard: Int, make: @Sendable () -> MetricCell
    ) -> MetricCell {
        invariant(labels.count == family.labels.count, "a value for each label")
        return state.withLock { state in
            state.cell(family, labels, shard: shard, budget: seriesBudget, make: make)
        }
    }

    private static func wrongKind(_ family: MetricFamily) -> Never {
        preconditionFailure("invariant broken: \(family.name) has one kind")
    }

    private func snapshot() -> [FamilySnapshot] {
        let (families, observers) = state.withLock { ($0.families, $0.observers) }
        var snapshots: [String: FamilySnapshot] = [:]
        for (name, table) in families { snapshots[name] = table.snapshot() }
        var left = seriesBudget
        for snapshot in snapshots.values { left -= snapshot.seriesCount }
        for observer in observers {
            let family = observer.family
            var snapshot = snapshots[family.name] ?? FamilySnapshot(family: family)
            for (labels, value) in observer.read() {
                snapshot.add(labels: labels, value: value, left: &left)
            }
            snapshots[family.name] = snapshot
        }
        appendOwn(to: &snapshots)
        return snapshots.values.filter { $0.seriesCount > 0 }.sorted {
            $0.family.name < $1.family.name
        }
    }

    private func appendOwn(to snapshots: inout [String: FamilySnapshot]) {
        let count = snapshots.values.reduce(1) { $0 + $1.seriesCount }
        var own = FamilySnapshot(family: .metricsSeries)
        var room = 1
        own.add(labels: [], value: Double(count), left: &room)
        snapshots[own.family.name] = own
    }
}

/// A place where one shard counts one label set.
enum MetricCell: Sendable {
    case counter(Counter)
    case gauge(Gauge)
    case histogram(DurationHistogram)
    /// A gauge with a fraction, from swift-metrics.
    case meter(MeterCell)
    /// Count and sum of anything, from swift-metrics.
    case summary(SummaryCell)
}

private struct Observer: Sendable {
    let family: MetricFamily
    let read: @Sendable () -> [ObservedSeries]
}

/// All label sets of one family, each with its cells by shard.
private struct FamilyTable: Sendable {
    let family: MetricFamily
    var series: [[LabelPair]: [Int: MetricCell]] = [:]

    func snapshot() -> FamilySnapshot {
        var snapshot = FamilySnapshot(family: family)
        for (labels, cells) in series { snapshot.add(labels: labels, cells: cells.values) }
        return snapshot
    }
}

private struct State: Sendable {
    var families: [String: FamilyTable] = [:]
    var observers: [Observer] = []
    var seriesCount = 0

    mutating func cell(
        _ family: MetricFamily, _ values: [String], shard: Int, budget: Int,
        make: () -> MetricCell
    ) -> MetricCell {
        let labels = LabelPair.pairs(family.labels, values)
        if let cell = families[family.name]?.series[labels]?[shard] { return cell }
        let isNew = families[family.name]?.series[labels] == nil
        if isNew, !values.isEmpty, !isOverflow(values) {
            if seriesCount + family.seriesPerLabelSet > budget {
                countOverflow(of: family, shard: shard, budget: budget)
                let overflow = values.map { _ in MetricsRegistry.overflowLabel }
                return cell(family, overflow, shard: shard, budget: budget, make: make)
            }
            seriesCount += family.seriesPerLabelSet
        }
        let cell = make()
        families[family.name, default: FamilyTable(family: family)]
            .series[labels, default: [:]][shard] = cell
        return cell
    }

    private func isOverflow(_ values: [String]) -> Bool {
        values.allSatisfy { $0 == MetricsRegistry.overflowLabel }
    }

    /// The lock is held, so one cell for all shards is safe to write.
    private mutating func countOverflow(of family: MetricFamily, shard: Int, budget: Int) {
        let labels = LabelPair.pairs(MetricFamily.metricsOverflow.labels, [family.name])
        let name = MetricFamily.metricsOverflow.name
        var table = families[name] ?? FamilyTable(family: .metricsOverflow)
        if case .counter(let counter) = table.series[labels]?[0] { return counter.add() }
        let counter = Counter()
        counter.add()
        table.series[labels] = [0: .counter(counter)]
        families[name] = table
    }
}
