/// A value in a document together with its place.
///
/// Each typed accessor reports what it expected and what it found, then returns nil, so that a
/// caller goes on and finds the other errors too.
package struct DocumentValue: Sendable, Hashable {
    /// What the value is, by its form in the text.
    package enum Kind: Sendable, Hashable {
        /// `null`, `~` or nothing at all.
        case null
        case boolean(Bool)
        case integer(Int64)
        case number(Double)
        case string(String)
        case list([DocumentValue])
        case mapping([DocumentEntry])
        /// A text whose type its reader decides, as from an environment variable.
        case untyped(String)
    }

    package var position: SourcePosition
    package var kind: Kind
    /// A scalar as it was written (without quotes); empty for lists and mappings.
    package var text: String

    package init(_ kind: Kind, text: String = "", at position: SourcePosition) {
        self.position = position
        self.kind = kind
        self.text = text
    }

    /// A scalar of no type yet: every accessor reads it as what it needs.
    package static func untyped(_ text: String, at position: SourcePosition) -> Self {
        Self(.untyped(text), text: text, at: position)
    }

    package var isNull: Bool { kind == .null }

    /// What an error calls this value: `a list`, ``the number `12` ``.
    package var description: String {
        switch kind {
        case .null: "nothing"
        case .boolean, .integer, .number: "`\(text)`"
        case .string(let text), .untyped(let text):
            text.isEmpty ? "an empty text" : "`\(shortened(text))`"
        case .list: "a list"
        case .mapping: "a mapping"
        }
    }

    private func shortened(_ text: String) -> String {
        let line = text.prefix { !$0.isNewline }
        return line.count > 40 || line.count < text.count ? line.prefix(40) + "…" : text
    }
}

/// One key of a mapping with its value.
package struct DocumentEntry: Sendable, Hashable {
    package var key: String
    package var keyPosition: SourcePosition
    package var value: DocumentValue

    package init(key: String, keyPosition: SourcePosition, value: DocumentValue) {
        self.key = key
        self.keyPosition = keyPosition
        self.value = value
    }
}
