/// One thing that is wrong with a document, told so that it can be put right without asking.
package struct Diagnostic: Sendable, Hashable {
    /// Whether the document can be used all the same.
    package enum Severity: String, Sendable {
        case error, warning
    }

    package var severity: Severity
    package var position: SourcePosition
    /// What is wrong. Never holds a secret.
    package var message: String
    /// What to write instead, as an imperative or a question.
    package var hint: String?

    package init(severity: Severity, position: SourcePosition, message: String, hint: String? = nil)
    {
        self.severity = severity
        self.position = position
        self.message = message
        self.hint = hint
    }

    /// One line: ``policies/a.yaml:3:7: error: unknown key `burts`; did you mean `burst`?``
    package var text: String {
        "\(position.text): \(severity.rawValue): \(message)" + (hint.map { "; \($0)" } ?? "")
    }
}

/// Everything found in one go, in the order of the text.
package struct DiagnosticList: Error, Sendable, Equatable {
    package var diagnostics: [Diagnostic]

    package init(_ diagnostics: [Diagnostic] = []) { self.diagnostics = diagnostics }

    package var hasErrors: Bool { diagnostics.contains { $0.severity == .error } }
    package var errors: [Diagnostic] { diagnostics.filter { $0.severity == .error } }
    package var warnings: [Diagnostic] { diagnostics.filter { $0.severity == .warning } }

    /// One line per diagnostic.
    package var text: String { diagnostics.map(\.text).joined(separator: "\n") }
}

/// Where checks report to; passed down so that one run finds every error.
package final class DiagnosticSink {
    private var diagnostics: [Diagnostic] = []
    private var known: Set<Diagnostic> = []

    package init() {}

    /// Reports something that must be put right.
    package func error(_ message: String, at position: SourcePosition, hint: String? = nil) {
        add(Diagnostic(severity: .error, position: position, message: message, hint: hint))
    }

    /// Reports something that works but is hardly meant.
    package func warning(_ message: String, at position: SourcePosition, hint: String? = nil) {
        add(Diagnostic(severity: .warning, position: position, message: message, hint: hint))
    }

    /// Takes over a finding; one already there is not repeated.
    package func add(_ diagnostic: Diagnostic) {
        if known.insert(diagnostic).inserted { diagnostics.append(diagnostic) }
    }

    package var hasErrors: Bool { diagnostics.contains { $0.severity == .error } }

    /// All findings so far, sorted by place within each file; files stay in the order first seen.
    package var list: DiagnosticList {
        var ranks: [String: Int] = [:]
        for diagnostic in diagnostics where ranks[diagnostic.position.file] == nil {
            ranks[diagnostic.position.file] = ranks.count
        }
        let sorted = diagnostics.enumerated().sorted { left, right in
            let (a, b) = (left.element.position, right.element.position)
            return (ranks[a.file] ?? 0, a.line, a.column, left.offset)
                < (ranks[b.file] ?? 0, b.line, b.column, right.offset)
        }
        return DiagnosticList(sorted.map(\.element))
    }
}

@available(*, unavailable)
extension DiagnosticSink: Sendable {}
