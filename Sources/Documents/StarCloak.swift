/// Hides every `*` from the YAML parser, so that it sees no aliases.
///
/// The parser follows aliases while it composes: a few lines that name each other make it hash
/// values without end before anybody can refuse them. With another character in place of each `*`
/// an alias is a plain text that begins with that character, which nothing else can be. Lines and
/// columns stay the same, and the texts get their `*` back.
struct StarCloak {
    /// Of the private use area, and not in the text.
    private let stand: Unicode.Scalar?

    /// The text to parse.
    let text: String

    /// - Returns: nil when the text uses the character that would stand for `*`.
    init?(_ text: String) {
        let bytes = text.utf8
        // Without an anchor there is nothing an alias could repeat.
        guard bytes.contains(UInt8(ascii: "&")), bytes.contains(UInt8(ascii: "*")) else {
            stand = nil
            self.text = text
            return
        }
        let stand: Unicode.Scalar = "\u{E02A}"
        if text.unicodeScalars.contains(stand) { return nil }
        self.stand = stand
        self.text = Self.replace("*", with: stand, in: text)
    }

    /// A text of the document as it was written.
    func uncovered(_ text: String) -> String {
        guard let stand, text.unicodeScalars.contains(stand) else { return text }
        return Self.replace(stand, with: "*", in: text)
    }

    /// Whether a scalar without quotes is an alias.
    func isAlias(_ plain: String) -> Bool {
        stand != nil && plain.unicodeScalars.first == stand
    }

    private static func replace(
        _ old: Unicode.Scalar, with new: Unicode.Scalar, in text: String
    ) -> String {
        var replaced = String.UnicodeScalarView()
        for scalar in text.unicodeScalars { replaced.append(scalar == old ? new : scalar) }
        return String(replaced)
    }
}
