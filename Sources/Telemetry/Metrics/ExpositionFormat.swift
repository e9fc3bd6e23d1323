/// The two text forms of the metrics page.
package enum ExpositionFormat: Sendable, CaseIterable {
    /// Prometheus' text format 0.0.4.
    case text004
    /// OpenMetrics 1.0.
    case openMetrics

    /// The content type. Prometheus 3 refuses a page without a known one.
    package var contentType: String {
        switch self {
        case .text004: "text/plain; version=0.0.4; charset=utf-8"
        case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
        }
    }
}

extension MetricsRegistry {
    /// Picks the form the scraper likes best (RFC 9110 section 12.5.1): the highest `q` wins, the
    /// first named among equals, 0.0.4 when nothing fits.
    package static func negotiate(accept: String?) -> ExpositionFormat {
        var best: (format: ExpositionFormat, quality: Double)?
        for range in (accept ?? "").split(separator: ",") {
            guard let (format, quality) = offer(range), quality > 0 else { continue }
            if quality > best?.quality ?? 0 { best = (format, quality) }
        }
        return best?.format ?? .text004
    }

    /// Whether the scraper takes `gzip` (RFC 9110 section 12.5.3): named with a `q` above 0, or by
    /// `*` where it is not named.
    package static func acceptsGzip(_ acceptEncoding: String?) -> Bool {
        var byStar = false
        for coding in (acceptEncoding ?? "").split(separator: ",") {
            var parts = coding.split(separator: ";").map { trimmed($0).lowercased() }
            guard !parts.isEmpty else { continue }
            let name = parts.removeFirst()
            let quality =
                parts.first { $0.hasPrefix("q=") }.map { Double($0.dropFirst(2)) ?? 0 } ?? 1
            if name == "gzip" || name == "x-gzip" { return quality > 0 }
            if name == "*" { byStar = quality > 0 }
        }
        return byStar
    }

    private static func offer(_ range: Substring) -> (ExpositionFormat, Double)? {
        var parts = range.split(separator: ";").map { trimmed($0).lowercased() }
        guard !parts.isEmpty else { return nil }
        let type = parts.removeFirst()
        var version: String?
        var quality = 1.0
        for part in parts {
            if part.hasPrefix("version=") { version = String(part.dropFirst(8)) }
            if part.hasPrefix("q=") { quality = Double(part.dropFirst(2)) ?? 0 }
        }
        switch type {
        case "application/openmetrics-text":
            return version == nil || version == "1.0.0" ? (.openMetrics, quality) : nil
        case "text/plain":
            return version == nil || version == "0.0.4" ? (.text004, quality) : nil
        case "text/*", "*/*":
            return (.text004, quality)
        default:
            return nil
        }
    }

    private static func trimmed(_ text: Substring) -> Substring {
        let isBlank = { (character: Character) in character == " " || character == "\t" }
        var text = text.drop(while: isBlank)
        while let last = text.last, isBlank(last) { text.removeLast() }
        return text
    }
}
