/// Which bytes may stand where (RFC 9110 section 5.6, RFC 3986 section 2).
enum HTTPCharacters {
    private static let tokens = set("!#$%&'*+-.^_`|~0123456789", letters: true)
    private static let hosts = set("!$&'()*+;=-._~%0123456789", letters: true)

    private static func set(_ text: StaticString, letters: Bool) -> [256 of Bool] {
        var table = [256 of Bool](repeating: false)
        for byte in "\(text)".utf8 { table[Int(byte)] = true }
        guard letters else { return table }
        for byte in UInt8(ascii: "a")...UInt8(ascii: "z") {
            table[Int(byte)] = true
            table[Int(byte) & 0xDF] = true
        }
        return table
    }

    /// A character of a token: method or field name.
    static func isToken(_ byte: UInt8) -> Bool { tokens[Int(byte)] }

    static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 <= 9 }

    static func hexDigit(_ byte: UInt8) -> Int? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(byte) - 0x30
        case UInt8(ascii: "a")...UInt8(ascii: "f"): Int(byte) - 0x57
        case UInt8(ascii: "A")...UInt8(ascii: "F"): Int(byte) - 0x37
        default: nil
        }
    }

    /// `host [":" port]`, the host a name, an IPv4 address or an IPv6 address in brackets; not empty.
    static func isHost(_ text: Substring) -> Bool {
        var bytes = text.utf8[...]
        if bytes.first == UInt8(ascii: "[") {
            guard let end = bytes.firstIndex(of: UInt8(ascii: "]")) else { return false }
            let inside = bytes[bytes.index(after: bytes.startIndex)..<end]
            guard inside.contains(UInt8(ascii: ":")),
                inside.allSatisfy({
                    hexDigit($0) != nil || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".")
                })
            else { return false }
            bytes = bytes[bytes.index(after: end)...]
        } else {
            let name = bytes.prefix { $0 != UInt8(ascii: ":") }
            guard !name.isEmpty, name.allSatisfy({ hosts[Int($0)] }) else { return false }
            bytes = bytes[name.endIndex...]
        }
        guard let colon = bytes.first else { return true }
        let port = bytes.dropFirst()
        return colon == UInt8(ascii: ":") && port.count <= 5 && port.allSatisfy(isDigit)
            && (UInt32(Substring(port)) ?? 0) <= 65_535
    }
}
