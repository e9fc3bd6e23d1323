/// A request's path in the one form in which it is matched and forwarded.
package enum RoutePath {
    /// The path with needless percent-encoding taken off (RFC 3986 section 6.2.2.2), so that gateway
    /// and service read the same: `/%6dedia/` is `/media/`.
    ///
    /// - Returns: nil for a path that a service could read otherwise than the gateway: dot segments
    ///   (with parameters too, `..;x`), empty segments, encoded slashes and backslashes, encoded or
    ///   raw control characters, broken encoding.
    package static func normal(_ path: some StringProtocol) -> String? {
        var rest = path.utf8[...]
        guard rest.first == UInt8(ascii: "/") else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(rest.count)
        while let byte = rest.popFirst() {
            guard (0x21...0x7E).contains(byte) else { return nil }
            switch byte {
            case UInt8(ascii: "\\"), UInt8(ascii: "?"), UInt8(ascii: "#"): return nil
            case UInt8(ascii: "/") where bytes.last == UInt8(ascii: "/"): return nil
            case UInt8(ascii: "%"):
                guard let high = rest.popFirst().flatMap(HTTPCharacters.hexDigit),
                    let low = rest.popFirst().flatMap(HTTPCharacters.hexDigit)
                else { return nil }
                let value = UInt8(high << 4 | low)
                switch value {
                case 0...0x1F, 0x7F, UInt8(ascii: "/"), UInt8(ascii: "\\"): return nil
                case _ where isUnreserved(value): bytes.append(value)
                default: bytes += [byte, digit(value >> 4), digit(value & 15)]
                }
            default: bytes.append(byte)
            }
        }
        guard !hasDotSegment(bytes) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func hasDotSegment(_ path: [UInt8]) -> Bool {
        path.split(separator: UInt8(ascii: "/")).contains { segment in
            let name = segment.prefix { $0 != UInt8(ascii: ";") }
            return !name.isEmpty && name.count <= 2
                && name.allSatisfy { $0 == UInt8(ascii: ".") }
        }
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "_"), UInt8(ascii: "~"):
            true
        default: false
        }
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
    }

    /// The query without the items named `token`, whose value is a secret; empty without a query.
    static func query(of uri: String) -> String {
        guard let mark = uri.firstIndex(of: "?") else { return "" }
        let kept = uri[uri.index(after: mark)...].split(
            separator: "&", omittingEmptySubsequences: false
        ).filter { item in
            let name = item.prefix { $0 != "=" }
            return QueryItems.decode(name) != "token"
        }
        return kept.isEmpty ? "" : "?" + kept.joined(separator: "&")
    }
}
