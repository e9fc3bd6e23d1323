import SluiceVocabulary

/// A label as it stands on the page.
struct LabelPair: Sendable, Hashable, Comparable {
    let name: String
    let value: String

    static func pairs(_ names: [String], _ values: [String]) -> [LabelPair] {
        zip(names, values).map { LabelPair(name: $0, value: $1) }
    }

    static func < (left: Self, right: Self) -> Bool {
        (left.name, left.value) < (right.name, right.value)
    }
}

/// The added-up value of one label set.
enum SeriesValue: Sendable {
    case integer(Int64)
    case number(Double)
    /// Counts per bucket, not cumulative, and the sum in nanoseconds.
    case buckets(counts: [UInt64], sumNanoseconds: UInt64, exemplars: [Exemplar?])
    case summary(count: UInt64, sum: Double)

    static func + (left: Self, right: Self) -> Self {
        switch (left, right) {
        case (.integer(let one), .integer(let other)):
            .integer(one &+ other)
        case (
            .buckets(let counts, let sum, let exemplars),
            .buckets(let others, let otherSum, let otherExemplars)
        ):
            .buckets(
                counts: zip(counts, others).map { $0 &+ $1 }, sumNanoseconds: sum &+ otherSum,
                exemplars: zip(exemplars, otherExemplars).map(later))
        case (.summary(let count, let sum), .summary(let otherCount, let otherSum)):
            .summary(count: count &+ otherCount, sum: sum + otherSum)
        default:
            .number(left.double + right.double)
        }
    }

    private static func later(_ left: Exemplar?, _ right: Exemplar?) -> Exemplar? {
        guard let left, let right else { return left ?? right }
        return left.time < right.time ? right : left
    }

    private var double: Double {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        case .buckets(_, let sum, _): Double(sum)
        case .summary(_, let sum): sum
        }
    }
}

/// One family at the time of a scrape.
struct FamilySnapshot: Sendable {
    let family: MetricFamily
    private(set) var series: [[LabelPair]: SeriesValue] = [:]

    init(family: MetricFamily) { self.family = family }

    var seriesCount: Int { series.count * family.seriesPerLabelSet }

    /// Adds the shards of one label set up.
    mutating func add(labels: [LabelPair], cells: some Sequence<MetricCell>) {
        for cell in cells { merge(labels, value(of: cell)) }
    }

    /// Adds an observed value; over the budget it goes to the overflow label set.
    mutating func add(labels: [String], value: Double, left: inout Int) {
        invariant(labels.count == family.labels.count, "a value for each label")
        let pairs = LabelPair.pairs(family.labels, labels)
        if series[pairs] == nil, !labels.isEmpty {
            if left <= 0 {
                let overflow = labels.map { _ in MetricsRegistry.overflowLabel }
                return merge(LabelPair.pairs(family.labels, overflow), .number(value))
            }
            left -= 1
        }
        merge(pairs, .number(value))
    }

    private mutating func merge(_ labels: [LabelPair], _ value: SeriesValue) {
        series[labels] = series[labels].map { $0 + value } ?? value
    }

    private func value(of cell: MetricCell) -> SeriesValue {
        switch cell {
        case .counter(let counter):
            family.divisor == 1
                ? .integer(Int64(truncatingIfNeeded: counter.value))
                : .number(Double(counter.value) / family.divisor)
        case .gauge(let gauge):
            family.divisor == 1
                ? .integer(gauge.value) : .number(Double(gauge.value) / family.divisor)
        case .histogram(let histogram):
            .buckets(
                counts: histogram.counts, sumNanoseconds: histogram.sumNanoseconds,
                exemplars: histogram.exemplars)
        case .meter(let meter):
            .number(meter.value)
        case .summary(let summary):
            .summary(count: summary.current.count, sum: summary.current.sum)
        }
    }
}

extension MetricFamily {
    /// Lines one label set takes on the page.
    var seriesPerLabelSet: Int {
        switch kind {
        case .counter, .gauge: 1
        case .histogram: DurationHistogram.boundsNanoseconds.count + 3
        case .summary: 2
        }
    }
}
