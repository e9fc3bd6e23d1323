/// The SHA-256 of a token: names it without being it. 32 bytes.
package struct TokenHash: Sendable, Hashable {
    private let words: [4 of UInt64]

    /// - Parameter digest: 32 bytes; what is missing counts as zero.
    package init(_ digest: some Sequence<UInt8>) {
        var words: [4 of UInt64] = [0, 0, 0, 0]
        var place = 0
        for byte in digest where place < 32 {
            words[place / 8] = words[place / 8] << 8 | UInt64(byte)
            place += 1
        }
        self.words = words
    }

    /// Reads 64 hexadecimal digits, as `sha256sum` prints them; nil when it is anything else.
    package init?(hexadecimal text: String) {
        let digits = text.utf8.compactMap { Character(Unicode.Scalar($0)).hexDigitValue }
        guard text.utf8.count == 64, digits.count == 64 else { return nil }
        self.init((0..<32).map { UInt8(digits[$0 * 2] << 4 | digits[$0 * 2 + 1]) })
    }

    package static func == (left: Self, right: Self) -> Bool {
        left.words[0] == right.words[0] && left.words[1] == right.words[1]
            && left.words[2] == right.words[2] && left.words[3] == right.words[3]
    }

    package func hash(into hasher: inout Hasher) {
        // One word of a cryptographic hash is as good as all of them.
        hasher.combine(words[0])
    }
}
