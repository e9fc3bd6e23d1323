import SluiceDocuments
import Testing

/// A JSON document in which tests look up values by path. JSON is YAML, so our own parser reads it.
struct JSONObject {
    private let root: DocumentValue

    init(_ text: String) throws {
        let sink = DiagnosticSink()
        let value = Document.parse(text, file: "json", into: sink)
        root = try #require(value, "\(sink.list.text)")
    }

    /// The value behind keys and places in lists, one after another; nil where there is nothing.
    subscript(_ path: any PathStep...) -> DocumentValue.Kind? { value(path)?.kind }

    /// The same with its place.
    func value(_ path: [any PathStep]) -> DocumentValue? {
        path.reduce(root as DocumentValue?) { value, step in value.flatMap(step.value(in:)) }
    }
}

protocol PathStep {
    func value(in value: DocumentValue) -> DocumentValue?
}

extension String: PathStep {
    func value(in value: DocumentValue) -> DocumentValue? {
        guard case .mapping(let entries) = value.kind else { return nil }
        return entries.first { $0.key == self }?.value
    }
}

extension Int: PathStep {
    func value(in value: DocumentValue) -> DocumentValue? {
        guard case .list(let items) = value.kind, items.indices.contains(self) else { return nil }
        return items[self]
    }
}
