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
    /// The same keys as `asked`, and places by key, where there are too many to look through.
    private var askedSet: Set<String> = []
    private let places: [String: Int]

    private static let fewKeys = 24
    /// Unknown keys of one mapping for which a hint is looked for.
    private static let maxHints = 100

    package init(_ entries: [DocumentEntry], at position: SourcePosition, sink: DiagnosticSink) {
        self.entries = entries
        self.position = position
        self.sink = sink
        places =
            entries.count > Self.fewKeys
            ? Dictionary(
                zip(entries.map(\.key), entries.indices), uniquingKeysWith: { first, _ in first })
            : [:]
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
        place(of: key).map { entries[$0].keyPosition } ?? position
    }

    /// Whether the key is there, without asking for it.
    package func contains(_ key: String) -> Bool { place(of: key) != nil }

    /// Marks keys as known without reading them: used where a key is explained by another error.
    package func accept(_ keys: String...) {
        for key in keys { note(key) }
    }

    /// Reports every key nobody asked for, with the nearest asked-for key as a hint.
    ///
    /// Call it once, after all keys have been asked for.
    package func finish() {
        let unknown = entries.filter { !isKnown($0.key) }
        let free = unknown.isEmpty ? [] : asked.filter { !contains($0) }
        for (index, entry) in unknown.enumerated() {
            let hint = index < Self.maxHints ? hint(for: entry.key, free: free) : nil
            sink.error("unknown key `\(entry.key)`", at: entry.keyPosition, hint: hint)
        }
    }

    private func hint(for key: String, free: [String]) -> String? {
        let near = nearest(to: key, among: free) ?? nearest(to: key, among: asked)
        return near.map { "did you mean `\($0)`?" } ?? suggestion(for: key, among: asked)
    }

    private func entry(_ key: String) -> DocumentEntry? {
        note(key)
        return place(of: key).map { entries[$0] }
    }

    private func note(_ key: String) {
        if isKnown(key) { return }
        asked.append(key)
        if entries.count > Self.fewKeys { askedSet.insert(key) }
    }

    private func isKnown(_ key: String) -> Bool {
        entries.count > Self.fewKeys ? askedSet.contains(key) : asked.contains(key)
    }

    private func place(of key: String) -> Int? {
        entries.count > Self.fewKeys ? places[key] : entries.firstIndex { $0.key == key }
    }
}

@available(*, unavailable)
extension DocumentMapping: Sendable {}
