internal import Yams

/// What the YAML parser says, as a diagnostic.
extension Document {
    static let aliasRefusal = (
        message: "aliases (`*name`) are not allowed",
        hint: "write the value out, or put a text that begins with `*` in quotes"
    )

    static func diagnostic(
        of error: YamlError, text: String, cloak: StarCloak, limits: DocumentLimits,
        start: SourcePosition
    ) -> Diagnostic {
        switch error {
        case .scanner(let context, let problem, let mark, _),
            .parser(let context, let problem, let mark, _):
            // Far deeper than the builder gets to see.
            if problem.hasPrefix("Maximum nesting level") {
                return Diagnostic(
                    severity: .error, position: position(mark, start), message: limits.tooDeep)
            }
            let message = context.map { "\(problem) \($0.text)" } ?? problem
            let begin = context.map { position($0.mark, start) }
            return syntaxError(message, at: position(mark, start), begin: begin, text: text)
        case .composer(_, let problem, let mark, _):
            if problem.contains("alias") {
                return Diagnostic(
                    severity: .error, position: position(mark, start),
                    message: aliasRefusal.message, hint: aliasRefusal.hint)
            }
            return syntaxError(problem, at: position(mark, start), text: text)
        case .reader(let problem, let offset, _, _):
            return syntaxError(problem, at: position(ofCharacter: offset, text, start), text: text)
        case .duplicatedKeysInMapping(let duplicates, let context):
            let keys = duplicates.map(cloak.uncovered)
            return duplicateKey(keys, first: context.mark, text: text, start: start)
        case .no, .memory, .writer, .emitter, .representer, .dataCouldNotBeDecoded:
            return Diagnostic(
                severity: .error, position: start, message: "the file cannot be read as YAML")
        }
    }

    private static func position(_ mark: Mark, _ start: SourcePosition) -> SourcePosition {
        SourcePosition(file: start.file, line: max(1, mark.line), column: max(1, mark.column))
    }

    private static func syntaxError(
        _ message: String, at position: SourcePosition, begin: SourcePosition? = nil, text: String
    ) -> Diagnostic {
        let lines = lines(of: text)
        let line = lines.dropFirst(position.line - 1).first ?? ""
        let isTab = line.unicodeScalars.dropFirst(position.column - 1).first == "\t"
        var place = position
        // The parser puts the end of the text on a line of its own; no editor can go there.
        if place.line > lines.count {
            place.line = max(1, lines.count)
            place.column = (lines.last?.unicodeScalars.count ?? 0) + 1
        }
        var hint = isTab || message.contains("tab") ? "indent with spaces" : nil
        if hint == nil, let begin, begin != place {
            hint = "it begins at \(begin.line):\(begin.column)"
        }
        return Diagnostic(
            severity: .error, position: place, message: "not YAML: \(message)", hint: hint)
    }

    private static func position(
        ofCharacter offset: Int?, _ text: String, _ start: SourcePosition
    ) -> SourcePosition {
        guard let offset else { return start }
        let before = text.prefix(offset)
        let column = before.reversed().prefix { !$0.isNewline }.count + 1
        return SourcePosition(
            file: start.file, line: before.count(where: \.isNewline) + 1, column: column)
    }

    /// The parser tells only where the first of the equal keys stands; the user wants the second.
    private static func duplicateKey(
        _ duplicates: [String], first: Mark, text: String, start: SourcePosition
    ) -> Diagnostic {
        let key = duplicates.first ?? ""
        var place = position(first, start)
        var hint: String?
        for (offset, line) in lines(of: text).enumerated().dropFirst(first.line) {
            let scalars = line.unicodeScalars
            let indent = scalars.prefix { $0 == " " || $0 == "-" }.count
            guard indent < scalars.count, scalars.first(where: { $0 != " " }) != "#" else {
                continue
            }
            if indent < first.column - 1 { break }
            let rest = String(scalars.dropFirst(indent))
            if indent == first.column - 1,
                [key, "\"\(key)\"", "'\(key)'"].contains(where: { rest.hasPrefix($0 + ":") })
            {
                place = SourcePosition(file: start.file, line: offset + 1, column: indent + 1)
                hint = "it is at line \(first.line) already"
                break
            }
        }
        return Diagnostic(
            severity: .error, position: place, message: "key `\(key)` appears twice", hint: hint)
    }

    private static func lines(of text: String) -> [Substring] {
        text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    }
}
