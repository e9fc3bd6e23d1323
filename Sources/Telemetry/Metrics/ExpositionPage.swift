import SluiceVocabulary

/// Writes families as text. Differences between the two forms are all in here.
struct ExpositionPage {
    private let format: ExpositionFormat
    private var text: [UInt8] = []

    init(format: ExpositionFormat) {
        self.format = format
        text.reserveCapacity(65_536)
    }

    /// The page; OpenMetrics ends with `# EOF` and nothing after it.
    consuming func finish() -> [UInt8] {
        if format == .openMetrics { text.append(contentsOf: "# EOF\n".utf8) }
        return text
    }

    mutating func append(_ snapshot: FamilySnapshot) {
        let family = snapshot.family
        let name = format == .openMetrics ? family.baseName : family.name
        append("# HELP ", name, " ")
        appendEscaped(family.help, quotes: format == .openMetrics)
        append("\n# TYPE ", name, " ", family.kind.rawValue, "\n")
        if format == .openMetrics, let unit = family.unit {
            append("# UNIT ", name, " ", unit, "\n")
        }
        let series = snapshot.series.sorted { $0.key.lexicographicallyPrecedes($1.key) }
        for (labels, value) in series { append(family, labels, value) }
    }

    private mutating func append(
        _ family: MetricFamily, _ labels: [LabelPair], _ value: SeriesValue
    ) {
        switch value {
        case .integer(let number):
            sample(family.name, labels, String(number))
        case .number(let number):
            sample(family.name, labels, Self.text(number))
        case .buckets(let counts, let sum, let exemplars):
            appendHistogram(family, labels, counts, sum, exemplars)
        case .summary(let count, let sum):
            sample(family.name + "_sum", labels, Self.text(sum))
            sample(family.name + "_count", labels, String(count))
        }
    }

    private mutating func appendHistogram(
        _ family: MetricFamily, _ labels: [LabelPair], _ counts: [UInt64], _ sum: UInt64,
        _ exemplars: [Exemplar?]
    ) {
        var total: UInt64 = 0
        for (index, count) in counts.enumerated() {
            total &+= count
            let bounds = DurationHistogram.boundsNanoseconds
            let bound =
                index < bounds.count ? Self.text(Double(bounds[index]) / family.divisor) : "+Inf"
            sample(
                family.name + "_bucket", labels + [LabelPair(name: "le", value: bound)],
                String(total),
                index < exemplars.count ? exemplars[index].map { text(of: $0, family) } : nil)
        }
        sample(family.name + "_sum", labels, Self.text(Double(sum) / family.divisor))
        sample(family.name + "_count", labels, String(total))
    }

    /// ` # {request_id="..."} value time`, nothing in 0.0.4, which knows no exemplars. Names and
    /// values of the labels have at most 106 of the 128 characters OpenMetrics allows.
    private func text(of exemplar: Exemplar, _ family: MetricFamily) -> String {
        guard format == .openMetrics else { return "" }
        let trace = exemplar.trace.map { ",trace_id=\"\($0.text)\"" } ?? ""
        let value = Double(exemplar.nanoseconds) / family.divisor
        let time = Double(exemplar.time.microseconds) / 1_000_000
        return " # {request_id=\"\(exemplar.requestID)\"\(trace)} "
            + "\(Self.text(value)) \(Self.text(time))"
    }

    private mutating func sample(
        _ name: String, _ labels: [LabelPair], _ value: String, _ exemplar: String? = nil
    ) {
        append(name)
        for (index, label) in labels.enumerated() {
            append(index == 0 ? "{" : ",", label.name, "=\"")
            appendEscaped(label.value, quotes: true)
            append("\"")
        }
        append(labels.isEmpty ? " " : "} ", value, exemplar ?? "", "\n")
    }

    /// Numbers as both forms read them: whole ones without a fraction would be legal in 0.0.4 only
    /// as a bucket's bound, so a fraction is always written.
    private static func text(_ number: Double) -> String {
        if number.isNaN { return "NaN" }
        if number.isInfinite { return number > 0 ? "+Inf" : "-Inf" }
        return number.description
    }

    private mutating func append(_ parts: String...) {
        for part in parts { text.append(contentsOf: part.utf8) }
    }

    private mutating func appendEscaped(_ value: String, quotes: Bool) {
        for byte in value.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): append("\\\\")
            case UInt8(ascii: "\n"): append("\\n")
            case UInt8(ascii: "\"") where quotes: append("\\\"")
            default: text.append(byte)
            }
        }
    }
}
