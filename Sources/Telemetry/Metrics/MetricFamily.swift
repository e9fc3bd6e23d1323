/// What a family of series counts.
package enum MetricKind: String, Sendable {
    case counter, gauge, histogram, summary
}

/// One name on the metrics page, with its help text and the names of its labels.
///
/// Values are in base units. A counter, gauge or histogram whose name ends in `_seconds` (before
/// `_total`) is fed in nanoseconds and shown in seconds, a ratio is fed in millionths; what
/// `MetricsRegistry.observe` returns is shown as it is.
package struct MetricFamily: Sendable, Equatable {
    /// The full name, `_total` included where it is a counter.
    package let name: String
    /// One sentence, shown as HELP.
    package let help: String
    package let kind: MetricKind
    /// Names of the labels, in the order in which values are given.
    package let labels: [String]
    /// A gauge from 0 to 1.
    let isRatio: Bool
    /// A histogram whose buckets remember a request each.
    let hasExemplars: Bool

    package init(
        _ name: String, _ kind: MetricKind, _ labels: [String] = [], isRatio: Bool = false,
        hasExemplars: Bool = false, help: String
    ) {
        self.isRatio = isRatio
        self.hasExemplars = hasExemplars
        self.name = name
        self.help = help
        self.kind = kind
        self.labels = labels
    }

    /// The name without a counter's `_total`: what OpenMetrics calls the family.
    var baseName: String {
        kind == .counter && name.hasSuffix("_total") ? String(name.dropLast(6)) : name
    }

    /// The unit OpenMetrics is told; it must be the end of `baseName` (OpenMetrics 1.0, "Unit").
    var unit: String? {
        if baseName.hasSuffix("_seconds") { return "seconds" }
        if baseName.hasSuffix("_bytes") { return "bytes" }
        return nil
    }

    /// What a stored integer is divided by to become base units.
    var divisor: Double { isRatio ? 1_000_000 : unit == "seconds" ? 1_000_000_000 : 1 }
}
