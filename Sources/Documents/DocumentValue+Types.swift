extension DocumentValue {
    /// The entries of a mapping.
    package func mapping(_ sink: DiagnosticSink) -> DocumentMapping? {
        guard case .mapping(let entries) = kind else {
            return expected("a mapping (`key: value`)", sink)
        }
        return DocumentMapping(entries, at: position, sink: sink)
    }

    /// The items of a list. An untyped text is split at its commas.
    package func list(_ sink: DiagnosticSink) -> [DocumentValue]? {
        switch kind {
        case .list(let items): return items
        case .untyped(let text):
            return text.split(separator: ",").map {
                .untyped(trimmed($0), at: position)
            }
        default: return expected("a list", sink)
        }
    }

    /// The items of a list of texts; reports each that is not a text.
    package func strings(_ sink: DiagnosticSink) -> [String]? {
        guard let items = list(sink) else { return nil }
        let texts = items.map { $0.string(sink) }
        return texts.contains(nil) ? nil : texts.compactMap(\.self)
    }

    /// A text. A number or boolean without quotes is refused: nobody can tell `1.10` from `1.1` then.
    package func string(_ sink: DiagnosticSink) -> String? {
        switch kind {
        case .string(let text), .untyped(let text): return text
        case .boolean, .integer, .number:
            return expected("a text", sink, hint: "put it in quotes: \"\(text)\"")
        default: return expected("a text", sink)
        }
    }

    /// A text of one line that is not empty and no longer than `maxCharacters`.
    package func nonEmptyString(_ sink: DiagnosticSink, maxCharacters: Int = 1_024) -> String? {
        guard let text = string(sink) else { return nil }
        guard !text.isEmpty else { return expected("a text that is not empty", sink) }
        guard !text.contains(where: \.isNewline) else {
            return expected("a text of one line", sink)
        }
        guard text.count <= maxCharacters else {
            sink.error("the text is longer than \(maxCharacters) characters", at: position)
            return nil
        }
        return text
    }

    /// `true` or `false`, nothing else.
    package func boolean(_ sink: DiagnosticSink) -> Bool? {
        switch kind {
        case .boolean(let value): return value
        case .untyped("true"): return true
        case .untyped("false"): return false
        case .string, .untyped, .integer:
            let yes = ["yes", "on", "1", "y"].contains(text.lowercased())
            let no = ["no", "off", "0", "n"].contains(text.lowercased())
            let hint = yes ? "write `true`" : no ? "write `false`" : nil
            return expected("true or false", sink, hint: hint)
        default: return expected("true or false", sink)
        }
    }

    /// A whole number within `range`.
    package func integer(
        _ sink: DiagnosticSink, in range: ClosedRange<Int64> = .min ... .max
    ) -> Int64? {
        let value: Int64
        switch kind {
        case .integer(let integer): value = integer
        case .untyped(let text):
            guard let integer = Int64(text) else { return expected("a whole number", sink) }
            value = integer
        case .string(let text):
            let digits = text.filter { $0 != "_" && $0 != "," && $0 != "'" }
            let hint = Int64(digits).map {
                "write \($0)" + (digits == text ? " without quotes" : "")
            }
            return expected("a whole number", sink, hint: hint)
        default: return expected("a whole number", sink)
        }
        guard range.contains(value) else {
            return expected("a whole number \(bounds(range))", sink)
        }
        return value
    }

    /// A number within `range`, whole or not.
    package func number(
        _ sink: DiagnosticSink,
        in range: ClosedRange<Double> = -.greatestFiniteMagnitude ... .greatestFiniteMagnitude
    ) -> Double? {
        let value: Double
        switch kind {
        case .integer(let integer): value = Double(integer)
        case .number(let number): value = number
        case .untyped(let text):
            guard let number = Double(text), number.isFinite else {
                return expected("a number", sink)
            }
            value = number
        default: return expected("a number", sink)
        }
        guard range.contains(value) else {
            return expected("a number from \(range.lowerBound) to \(range.upperBound)", sink)
        }
        return value
    }

    /// One of a few words; the hint names the nearest.
    package func choice<T>(_ sink: DiagnosticSink, of choices: KeyValuePairs<String, T>) -> T? {
        choice(sink, of: choices.map { ($0.key, $0.value) })
    }

    /// One of a few words; the hint names the nearest.
    package func choice<T>(_ sink: DiagnosticSink, of choices: [String: T]) -> T? {
        choice(sink, of: choices.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
    }

    private func choice<T>(_ sink: DiagnosticSink, of choices: [(String, T)]) -> T? {
        let names = choices.map(\.0)
        let all = names.map { "`\($0)`" }.joined(separator: ", ")
        switch kind {
        case .null, .list, .mapping: return expected("one of \(all)", sink)
        case .boolean, .integer, .number, .string, .untyped: break
        }
        if let match = choices.first(where: { $0.0 == text }) { return match.1 }
        return expected(
            "one of \(all)", sink,
            hint: nearest(to: text, among: names).map { "did you mean `\($0)`?" })
    }

    /// Reports `expected X, found Y` here and returns nil.
    package func expected<T>(_ what: String, _ sink: DiagnosticSink, hint: String? = nil) -> T? {
        sink.error("expected \(what), found \(description)", at: position, hint: hint)
        return nil
    }

    private func bounds(_ range: ClosedRange<Int64>) -> String {
        if range.upperBound == .max { return "of at least \(range.lowerBound)" }
        if range.lowerBound == .min { return "of at most \(range.upperBound)" }
        return "from \(range.lowerBound) to \(range.upperBound)"
    }

    private func trimmed(_ text: Substring) -> String {
        var rest = text
        while rest.first?.isWhitespace == true { rest.removeFirst() }
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return String(rest)
    }
}
