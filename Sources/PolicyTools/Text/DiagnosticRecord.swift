package import SluiceDocuments

/// A diagnostic as `--json` prints it.
package struct DiagnosticRecord: Encodable {
    let severity: String
    let file: String
    let line: Int
    let column: Int
    let message: String
    let hint: String?

    package init(_ diagnostic: Diagnostic) {
        severity = diagnostic.severity.rawValue
        file = diagnostic.position.file
        line = diagnostic.position.line
        column = diagnostic.position.column
        message = diagnostic.message
        hint = diagnostic.hint
    }
}
