package import SluiceDocuments

/// How a command prints.
package struct OutputStyle: Sendable, Equatable {
    /// One JSON document instead of text.
    package var isJSON: Bool
    /// Somebody looks at it: signs and lines that a program reading the text would stumble over.
    package var isTerminal: Bool

    package init(isJSON: Bool = false, isTerminal: Bool = false) {
        self.isJSON = isJSON
        self.isTerminal = isTerminal
    }

    /// Files that cannot be used: every finding, exit code 64.
    package func wrong(_ list: DiagnosticList) throws -> ToolResult {
        guard isJSON else { return .wrong(list) }
        return ToolResult(output: try jsonText(Wrong(list)), exitCode: 64)
    }

    private struct Wrong: Encodable {
        let ok = false
        let diagnostics: [DiagnosticRecord]

        init(_ list: DiagnosticList) { diagnostics = list.diagnostics.map(DiagnosticRecord.init) }
    }
}

/// `1 test`, `2 tests`.
func counted(_ count: some BinaryInteger, _ word: String) -> String {
    count == 1 ? "1 \(word)" : "\(count) \(word)s"
}

/// `1 entry`, `2 entries`.
func counted(_ count: some BinaryInteger, _ one: String, _ many: String) -> String {
    count == 1 ? "1 \(one)" : "\(count) \(many)"
}
