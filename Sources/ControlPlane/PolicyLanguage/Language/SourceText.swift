import SluicePolicy

/// How a policy writes what a call has: `token.plan`, `connection.address/32,/64`, `message.bytes`.
enum SourceText {
    /// Why a text is no source, and what to write instead.
    struct Problem: Error, Equatable {
        var message: String
        var hint: String
    }

    /// Sources that are one word each, in the order of the reference.
    static let plain: [(text: String, fact: Condition.Fact)] =
        [
            KeySource.session, .device, .platform, .app, .transport, .action, .topic, .loginUser,
            .route, .method,
        ]
        .map { ($0.text, .source($0)) } + [
            ("connection.address", .source(.address(bits4: 32, bits6: 64))),
            ("message.bytes", .bytes),
        ]

    private static let byText = Dictionary(
        plain.map { ($0.text, $0.fact) }, uniquingKeysWith: { first, _ in first })

    /// What a hint lists: the plain words, and an example of each family.
    static let examples = ["token.sub"] + plain.map(\.text) + ["http.header.user-agent"]

    private static let families = ["token.", "connection.address/", "http.header."]

    /// Whether a reader would take the text for a source: a descriptor must not be called so.
    static func isSource(_ text: String) -> Bool {
        byText[text] != nil || families.contains { text.hasPrefix($0) }
    }

    /// What the text takes from a call; nil when it is nothing that a call has.
    static func fact(_ text: String) throws(Problem) -> Condition.Fact? {
        if let plain = byText[text] { return plain }
        if text.hasPrefix("token.") {
            return .source(.claim(try claimPath(text.dropFirst("token.".count), in: text)))
        }
        if text.hasPrefix("connection.address/") { return .source(try address(text)) }
        if text.hasPrefix("http.header.") { return .source(try header(text)) }
        return nil
    }

    /// The steps to a claim.
    ///
    /// - Parameter text: what an error shows.
    static func claimPath(_ path: Substring, in text: String) throws(Problem) -> [String] {
        let steps = path.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        let isPlain = path.unicodeScalars.allSatisfy {
            !$0.properties.isWhitespace && $0.properties.generalCategory != .control
        }
        guard isPlain, !steps.contains(""), steps.count <= 8, path.count <= 256 else {
            throw Problem(message: "`\(text)` is no path to a claim", hint: "as in `token.sub`")
        }
        return steps
    }

    /// Bits that count of an IPv4 and of an IPv6 address.
    private static func address(_ text: String) throws(Problem) -> KeySource {
        let parts = text.dropFirst("connection.address".count).split(
            separator: ",", omittingEmptySubsequences: false)
        let bits = parts.map { $0.hasPrefix("/") ? number($0.dropFirst()) : nil }
        let most: [UInt8] = [32, 128]
        let isGood = zip(bits, most).allSatisfy { bits, most in (1...most).contains(bits ?? 0) }
        guard bits.count <= 2, isGood, let bits4 = bits[0] else {
            throw Problem(
                message: "`\(text)` is no address prefix",
                hint: "as in `connection.address/32,/64`: bits of IPv4, then of IPv6")
        }
        return .address(bits4: bits4, bits6: bits.count == 2 ? bits[1] ?? 64 : 64)
    }

    private static func number(_ text: Substring) -> UInt8? {
        text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            ? UInt8(text) : nil
    }

    /// A field name is a token of RFC 9110, section 5.6.2; upper and lower case are one.
    private static func header(_ text: String) throws(Problem) -> KeySource {
        let name = text.dropFirst("http.header.".count)
        let isToken = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
            }
        }
        guard isToken, (1...64).contains(name.utf8.count) else {
            throw Problem(
                message: "`\(text)` is no header field",
                hint: "as in `http.header.user-agent`; up to 64 characters")
        }
        return .header(name.lowercased())
    }
}
