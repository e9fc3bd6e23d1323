import NIOHTTP1

/// A request's head as far as the admin interface looks at it.
struct AdminRequest: Sendable {
    var method: String
    var path: String
    /// Raw, without the `?`; nil when there is none.
    var query: String?
    /// All `Host` headers.
    var hosts: [String]
    var accept: String?
    var acceptEncoding: String?
    var hasOrigin = false
    var hasBody = false
    /// `Content-Type` is JSON, with or without parameters.
    var isJSON = false
    /// The token of `Authorization: Bearer`.
    var bearer: [UInt8]?

    init(_ head: HTTPRequestHead) {
        method = head.method.rawValue
        let parts = head.uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        path = parts.first.map(String.init) ?? ""
        query = parts.count > 1 ? String(parts[1]) : nil
        hosts = head.headers["host"]
        accept = Self.list("accept", of: head)
        acceptEncoding = Self.list("accept-encoding", of: head)
        hasOrigin = head.headers.contains(name: "origin")
        hasBody =
            head.headers.contains(name: "transfer-encoding")
            || head.headers["content-length"].contains { $0 != "0" }
        let types = head.headers["content-type"]
        isJSON = types.count == 1 && types.allSatisfy(Self.isJSON)
        let credentials = head.headers["authorization"]
        bearer = credentials.count == 1 ? credentials.first.flatMap(Self.bearer) : nil
    }

    /// Name and port of the one `Host`; nil when there is not exactly one (RFC 9112 section 3.2).
    var authority: (name: String, port: Int?)? {
        guard hosts.count == 1, let host = hosts.first else { return nil }
        var rest = host[...]
        let name: Substring
        if host.hasPrefix("[") {
            guard let close = host.firstIndex(of: "]") else { return ("", nil) }
            name = host[host.index(after: host.startIndex)..<close]
            rest = host[host.index(after: close)...]
        } else {
            name = host.prefix { $0 != ":" }
            rest = host[name.endIndex...]
        }
        if rest.isEmpty { return (String(name), nil) }
        guard rest.first == ":", let port = UInt16(rest.dropFirst()) else { return ("", nil) }
        return (String(name), Int(port))
    }

    /// A field that may come in several lines, as one list (RFC 9110 section 5.3).
    private static func list(_ name: String, of head: HTTPRequestHead) -> String? {
        let lines = head.headers[name]
        return lines.isEmpty ? nil : lines.joined(separator: ",")
    }

    private static func isJSON(_ type: String) -> Bool {
        type.prefix { $0 != ";" }.filter { $0 != " " && $0 != "\t" }.lowercased()
            == "application/json"
    }

    private static func bearer(_ value: String) -> [UInt8]? {
        let parts = value.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
        return Array(parts[1].utf8)
    }
}

/// Percent-encoding (RFC 3986 section 2.1).
enum PercentEncoding {
    /// The bytes meant, as text; nil when a `%` leads nowhere or the bytes are not UTF-8.
    static func decode(_ text: some StringProtocol) -> String? {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(digit),
                let low = rest.popFirst().flatMap(digit)
            else { return nil }
            bytes.append(high << 4 | low)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    /// `a=1&b` as pairs; nil when one of them cannot be decoded.
    static func pairs(_ query: String?) -> [(name: String, value: String)]? {
        var pairs: [(name: String, value: String)] = []
        for item in (query ?? "").split(separator: "&") {
            let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = parts.first.flatMap({ decode($0) }),
                let value = decode(parts.count > 1 ? parts[1] : "")
            else { return nil }
            pairs.append((name, value))
        }
        return pairs
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
