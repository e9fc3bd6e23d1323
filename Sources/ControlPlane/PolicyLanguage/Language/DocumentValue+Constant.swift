import SluiceDocuments

extension DocumentValue {
    /// A constant as the text that claims and other values of a call are compared as: a number or
    /// boolean in the form a claim of that value has, however it was written.
    func constant(_ sink: DiagnosticSink) -> String? {
        switch kind {
        case .string, .untyped: nonEmptyString(sink, maxCharacters: 256)
        case .integer(let value): String(value)
        case .number(let value): String(value)
        case .boolean(let value): value ? "true" : "false"
        case .null, .list, .mapping: expected("a text, a number or a boolean", sink)
        }
    }
}
