internal import Yams

/// How much a document may hold. Over a limit it is refused, not cut.
package struct DocumentLimits: Sendable, Equatable {
    package var maxBytes = 1_048_576
    /// Mappings and lists within each other.
    package var maxDepth = 32
    /// Keys, values, lists and mappings together.
    package var maxNodes = 200_000

    package init(maxBytes: Int = 1_048_576, maxDepth: Int = 32, maxNodes: Int = 200_000) {
        self.maxBytes = maxBytes
        self.maxDepth = maxDepth
        self.maxNodes = maxNodes
    }

    /// What an error says of a document nested deeper.
    var tooDeep: String { "nested deeper than \(maxDepth) levels" }
}

/// Strict YAML: one document, no anchors, aliases, tags, merge keys or duplicate keys.
///
/// What is left means the same to every reader. Scalars have the types of YAML 1.2's core schema
/// (section 10.3.2), so `no` is a text and only `true` and `false` are booleans.
package struct Document {
    /// Parses a text; reports every error it can and returns nil when there is one in the syntax.
    ///
    /// An empty text is an empty mapping.
    package static func parse(
        _ text: String, file: String, limits: DocumentLimits = DocumentLimits(),
        into sink: DiagnosticSink
    ) -> DocumentValue? {
        let start = SourcePosition(file: file, line: 1, column: 1)
        guard text.utf8.count <= limits.maxBytes else {
            sink.error(
                "the file is larger than \(limits.maxBytes) bytes", at: start, hint: "split it")
            return nil
        }
        // A byte order mark is not part of the text; left in, it would shift line 1 by a column.
        let text =
            text.unicodeScalars.first == "\u{FEFF}" ? String(text.unicodeScalars.dropFirst()) : text
        guard let cloak = StarCloak(text) else {
            sink.error("the character U+E02A is not allowed", at: start)
            return nil
        }
        do {
            let parser = try Parser(yaml: cloak.text, resolver: .basic, encoding: .utf8)
            guard let root = try parser.nextRoot() else {
                return DocumentValue(.mapping([]), at: start)
            }
            if let second = try parser.nextRoot() {
                sink.error(
                    "a second document begins here", at: position(second.mark, start),
                    hint: "one document a file: remove the `---`")
                return nil
            }
            var builder = DocumentBuilder(file: file, limits: limits, cloak: cloak, sink: sink)
            // Nodes hold their anchors weakly; the parser owns them.
            let value = withExtendedLifetime(parser) { builder.value(of: root, depth: 0) }
            guard builder.isSound else { return nil }
            return value.isNull ? DocumentValue(.mapping([]), at: start) : value
        } catch let error as YamlError {
            sink.add(
                diagnostic(
                    of: error, text: text, cloak: cloak, limits: limits, start: start))
        } catch {
            sink.error("the file cannot be read as YAML", at: start)
        }
        return nil
    }

    /// Parses bytes, which must be UTF-8.
    package static func parse(
        _ bytes: [UInt8], file: String, limits: DocumentLimits = DocumentLimits(),
        into sink: DiagnosticSink
    ) -> DocumentValue? {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            let repaired = String(decoding: bytes, as: UTF8.self)
            let before = repaired.unicodeScalars.prefix { $0 != "\u{FFFD}" }
            let line = before.count { $0 == "\n" } + 1
            let column = before.reversed().prefix { $0 != "\n" }.count + 1
            sink.error(
                "the file is not UTF-8", at: SourcePosition(file: file, line: line, column: column),
                hint: "save it as UTF-8")
            return nil
        }
        return parse(text, file: file, limits: limits, into: sink)
    }

    private static func position(_ mark: Mark?, _ start: SourcePosition) -> SourcePosition {
        guard let mark else { return start }
        return SourcePosition(file: start.file, line: mark.line, column: mark.column)
    }
}
