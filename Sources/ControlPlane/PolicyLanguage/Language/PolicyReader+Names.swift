import SluiceDocuments
import SluicePolicy
import SluiceVocabulary

extension PolicyReader {
    /// Names go into metric labels, journal fields and answers: short, and of plain letters.
    func isName(_ text: String, what: String, at position: SourcePosition) -> Bool {
        let isPlain = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
                UInt8(ascii: "."):
                true
            default: false
            }
        }
        let startsWell = text.first.map { $0.isLetter || $0.isNumber } ?? false
        if isPlain, startsWell, text.utf8.count <= 64 { return true }
        sink.error(
            "`\(text.prefix(80))` is no \(what) name", at: position,
            hint: "a letter or digit, then up to 63 letters, digits, `-`, `_`, `.`")
        return false
    }

    /// The name of a rule, with its place.
    func ruleName(_ mapping: DocumentMapping) -> (text: String, position: SourcePosition)? {
        guard let value = mapping.required("name"), let text = value.string(sink),
            isName(text, what: "rule", at: value.position)
        else { return nil }
        if ["default", "own"].contains(text) {
            sink.error(
                "`\(text)` is a name of the gateway's own", at: value.position,
                hint: "choose another")
            return nil
        }
        return (text, value.position)
    }

    /// A list of action names and globs; sorted, since their order means nothing.
    func actions(_ value: DocumentValue?) -> [ActionPattern] {
        guard let value, let items = value.list(sink) else { return [] }
        if items.isEmpty {
            sink.error("the list is empty", at: value.position, hint: "`[\"*\"]` means all actions")
        }
        let patterns: [ActionPattern] = items.compactMap { item in
            guard let text = item.nonEmptyString(sink, maxCharacters: 128) else { return nil }
            return actionPattern(text, at: item.position)
        }
        return patterns.count < 2 ? patterns : Set(patterns).sorted { $0.text < $1.text }
    }

    /// An action's name or a glob; a name that is none is an error, a glob without a match doubtful.
    func actionPattern(_ text: String, at position: SourcePosition) -> ActionPattern? {
        let pattern = ActionPattern(text)
        if pattern.isLiteral, catalog.action(named: text) == nil {
            sink.error(
                "there is no action `\(text)`", at: position,
                hint: hint(for: text, among: catalog.names))
            return nil
        }
        if !pattern.isLiteral, actionFinder.indexes(pattern).isEmpty {
            sink.warning(
                "`\(text)` matches no action", at: position,
                hint: nearestHint(for: text, among: actionFinder.families))
        }
        return pattern
    }

    /// A list that must not be empty, of texts whose order means nothing; sorted.
    func texts(_ value: DocumentValue) -> [String]? {
        guard let items = value.list(sink) else { return nil }
        if items.isEmpty {
            sink.error("the list is empty", at: value.position, hint: "name at least one")
            return nil
        }
        let texts = items.map { $0.nonEmptyString(sink, maxCharacters: 256) }
        return texts.contains(nil) ? nil : Set(texts.compactMap(\.self)).sorted()
    }
}
