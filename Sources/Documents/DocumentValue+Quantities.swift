/// Quantities with units: a number alone says neither seconds nor bytes, so it is refused.
extension DocumentValue {
    /// A duration such as `250ms`, `10s`, `5m`, `2h`, `30d`, in nanoseconds, within `range`.
    package func duration(
        _ sink: DiagnosticSink, in range: ClosedRange<Int64> = 0 ... .max
    ) -> Int64? {
        let units: [(name: String, factor: Int64)] = [
            ("ns", 1), ("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000),
            ("m", 60_000_000_000),
            ("h", 3_600_000_000_000), ("d", 86_400_000_000_000),
        ]
        let what = "a duration like 10s"
        guard let text = quantityText(what, unit: "s", sink) else { return nil }
        guard let (count, unit) = split(text),
            let factor = units.first(where: { $0.name == unit })?.factor
        else {
            return expected(what, sink, hint: "a whole number with one unit: ms, s, m, h, d")
        }
        let (nanoseconds, overflow) = count.multipliedReportingOverflow(by: factor)
        guard !overflow else { return expected("a duration of at most 292 years", sink) }
        guard range.contains(nanoseconds) else {
            return expected("a duration \(Self.bounds(range))", sink)
        }
        return nanoseconds
    }

    /// A number of bytes: `65536`, `64KiB`, `1MiB`, `2GiB`, within `range`.
    package func byteCount(
        _ sink: DiagnosticSink, in range: ClosedRange<Int64> = 0 ... .max
    ) -> Int64? {
        let units: [(name: String, factor: Int64)] = [
            ("", 1), ("B", 1), ("KiB", 1_024), ("MiB", 1_048_576), ("GiB", 1_073_741_824),
        ]
        let what = "a number of bytes like 65536 or 64KiB"
        switch kind {
        case .integer, .string, .untyped: break
        case .null, .boolean, .number, .list, .mapping: return expected(what, sink)
        }
        guard let (count, unit) = split(text),
            let factor = units.first(where: { $0.name == unit })?.factor
        else {
            return expected(what, sink, hint: "a whole number, alone or with KiB, MiB or GiB")
        }
        let (bytes, overflow) = count.multipliedReportingOverflow(by: factor)
        guard !overflow, range.contains(bytes) else {
            let limits =
                range.upperBound == .max
                ? "\(range.lowerBound) or more" : "\(range.lowerBound) to \(range.upperBound)"
            return expected("\(limits) bytes", sink)
        }
        return bytes
    }

    private func quantityText(_ what: String, unit: String, _ sink: DiagnosticSink) -> String? {
        switch kind {
        case .string(let text): text
        case .untyped(let text):
            Int64(text) == nil ? text : expected(what, sink, hint: "add a unit: \(text)\(unit)")
        case .integer: expected(what, sink, hint: "add a unit: \(text)\(unit)")
        case .null, .boolean, .number, .list, .mapping: expected(what, sink)
        }
    }

    /// Digits and the letters after them; nil when there is anything else.
    private func split(_ text: String) -> (Int64, String)? {
        let digits = text.utf8.prefix { (0x30...0x39).contains($0) }
        guard let count = Int64(String(Substring(digits))) else { return nil }
        return (count, String(text.dropFirst(digits.count)))
    }

    private static func bounds(_ range: ClosedRange<Int64>) -> String {
        let low = durationText(nanoseconds: range.lowerBound)
        if range.upperBound == .max { return "of at least \(low)" }
        return "from \(low) to \(durationText(nanoseconds: range.upperBound))"
    }
}

/// A duration as a document writes it, in the largest unit that holds it exactly.
package func durationText(nanoseconds: Int64) -> String {
    let units: [(String, Int64)] = [
        ("d", 86_400_000_000_000), ("h", 3_600_000_000_000), ("m", 60_000_000_000),
        ("s", 1_000_000_000),
        ("ms", 1_000_000), ("us", 1_000),
    ]
    if nanoseconds == 0 { return "0s" }
    for (name, factor) in units where nanoseconds % factor == 0 {
        return "\(nanoseconds / factor)\(name)"
    }
    return "\(nanoseconds)ns"
}
