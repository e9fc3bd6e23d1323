import SluiceDocuments

/// Reads the keys of one mapping, with a default for each.
///
/// A value that is wrong is reported and read as the default, so that the checks after it go on.
struct ConfigurationReader {
    let mapping: DocumentMapping
    let sink: DiagnosticSink

    init?(_ value: DocumentValue?, _ sink: DiagnosticSink) {
        guard let mapping = value?.mapping(sink) else { return nil }
        self.mapping = mapping
        self.sink = sink
    }

    /// A mapping below; an empty one where the key is absent or wrong.
    func group(_ key: String) -> Self {
        if let value = mapping.optional(key), let reader = Self(value, sink) { return reader }
        return Self(DocumentMapping([], at: mapping.position, sink: sink), sink)
    }

    private init(_ mapping: DocumentMapping, _ sink: DiagnosticSink) {
        self.mapping = mapping
        self.sink = sink
    }

    /// A text of one line that may be empty.
    func string(_ key: String, default fallback: String) -> String {
        guard let value = mapping.optional(key), let text = value.string(sink) else {
            return fallback
        }
        return text.isEmpty ? "" : value.nonEmptyString(sink) ?? fallback
    }

    func integer(_ key: String, default fallback: Int, in range: ClosedRange<Int64>) -> Int {
        mapping.optional(key)?.integer(sink, in: range).map { Int($0) } ?? fallback
    }

    func bytes(_ key: String, default fallback: Int, in range: ClosedRange<Int64>) -> Int {
        mapping.optional(key)?.byteCount(sink, in: range).map { Int($0) } ?? fallback
    }

    func number(_ key: String, default fallback: Double, in range: ClosedRange<Double>) -> Double {
        mapping.optional(key)?.number(sink, in: range) ?? fallback
    }

    func boolean(_ key: String, default fallback: Bool) -> Bool {
        mapping.optional(key)?.boolean(sink) ?? fallback
    }

    /// A duration, told in milliseconds; shorter ones than one are refused.
    func milliseconds(_ key: String, default fallback: Int64, in range: ClosedRange<Int64>) -> Int64
    {
        let bounds = range.lowerBound * 1_000_000...range.upperBound * 1_000_000
        guard let value = mapping.optional(key), let nanoseconds = value.duration(sink, in: bounds)
        else { return fallback }
        guard nanoseconds % 1_000_000 == 0 else {
            return value.expected("whole milliseconds", sink) ?? fallback
        }
        return nanoseconds / 1_000_000
    }

    /// A duration, told in seconds.
    func seconds(_ key: String, default fallback: Int64, in range: ClosedRange<Int64>) -> Int64 {
        let bounds = range.lowerBound * 1_000_000_000...range.upperBound * 1_000_000_000
        guard let value = mapping.optional(key), let nanoseconds = value.duration(sink, in: bounds)
        else { return fallback }
        guard nanoseconds % 1_000_000_000 == 0 else {
            return value.expected("whole seconds", sink) ?? fallback
        }
        return nanoseconds / 1_000_000_000
    }

    /// The place of a key's value, else of the mapping: where a check across keys reports.
    func place(_ key: String) -> SourcePosition {
        mapping.entries.first { $0.key == key }?.value.position ?? mapping.position
    }

    /// A required name: letters, digits, `.`, `_` and `-`, beginning with a letter or digit.
    ///
    /// Names become metric labels and journal fields, so they stay short and plain.
    func name(_ key: String) -> String? {
        guard let value = mapping.required(key),
            let text = value.nonEmptyString(sink, maxCharacters: 64)
        else { return nil }
        let isPlain = text.utf8.allSatisfy {
            (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
                || [0x2E, 0x5F, 0x2D].contains($0)
        }
        guard isPlain, let first = text.first, first.isLetter || first.isNumber else {
            return value.expected("a name of letters, digits, `.`, `_` and `-`", sink)
        }
        return text
    }
}
