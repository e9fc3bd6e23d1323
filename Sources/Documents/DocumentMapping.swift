/// A mapping being read: remembers which keys it was asked for, so that all others are errors.
///
/// ```
/// let rule = value.mapping(sink)
/// let name = rule?.required("name")?.string(sink)
/// rule?.finish()
/// ```
package final class DocumentMapping {
    /// Where the mapping begins.
    package let position: SourcePosition
    package let entries: [DocumentEntry]
    private let sink: DiagnosticSink
    private var asked: [String] = []

    package init(_ entries: [DocumentEntry], at position: SourcePosition, sink: DiagnosticSink) {
        self.entries = entries
        self.position = position
        self.sink = sink
    }

    /// Keys in the order of the text.
    package var keys: [String] { entries.map(\.key) }

    /// The value of a key that must be there; reports its absence. An empty value counts as absent.
    package func required(_ key: String) -> DocumentValue? {
        guard let entry = entry(key) else {
            sink.error("missing key `\(key)`", at: position)
            return nil
        }
        guard !entry.value.isNull else {
            sink.error("`\(key)` has no value", at: entry.keyPosition)
            return nil
        }
        return entry.value
    }

    /// The value of a key that may be there. An empty value is an error: leave the key out instead.
    package func optional(_ key: String) -> DocumentValue? {
        guard let entry = entry(key) else { return nil }
        guard !entry.value.isNull else {
            sink.error(
                "`\(key)` has no value", at: entry.keyPosition,
                hint: "give one or leave the key out")
            return nil
        }
        return entry.value
    }

    /// Where the key stands; the mapping's own place when it is absent.
    package func keyPosition(_ key: String) -> SourcePosition {
        entries.first { $0.key == key }?.keyPosition ?? position
    }

    /// Whether the key is there, without asking for it.
    package func contains(_ key: String) -> Bool { entries.contains { $0.key == key } }

    /// Marks keys as known without reading them: used where a key is explained by another error.
    package func accept(_ keys: String...) { asked += keys }

    /// Reports every key nobody asked for, with the nearest asked-for key as a hint.
    ///
    /// Call it once, after all keys have been asked for.
    package func finish() {
        for entry in entries where !asked.contains(entry.key) {
            let free = asked.filter { !contains($0) }
            let near = nearest(to: entry.key, among: free) ?? nearest(to: entry.key, among: asked)
            let hint =
                near.map { "did you mean `\($0)`?" } ?? suggestion(for: entry.key, among: asked)
            sink.error("unknown key `\(entry.key)`", at: entry.keyPosition, hint: hint)
        }
    }

    private func entry(_ key: String) -> DocumentEntry? {
        if !asked.contains(key) { asked.append(key) }
        return entries.first { $0.key == key }
    }
}

@available(*, unavailable)
extension DocumentMapping: Sendable {}
