import NIOHTTP1

/// The request target and Host (RFC 9112 section 3.2).
enum HTTPTarget {
    /// Checks both and returns the target in origin form: path and query.
    ///
    /// Dot segments are refused: a client resolves them before it asks (RFC 3986 section 5.2.4),
    /// and left alone they would walk out of a route's prefix.
    static func check(
        _ target: String, method: HTTPMethod, _ headers: inout HTTPHeaders, _ version: HTTPVersion
    ) throws(HTTPViolation) -> String {
        if method == .CONNECT || method == .TRACE { throw .method }
        let hosts = headers["host"]
        guard hosts.count == 1 || (hosts.isEmpty && version == .http1_0) else { throw .host }
        if let host = hosts.first, !HTTPCharacters.isHost(host[...]) { throw .host }
        if target == "*" {
            guard method == .OPTIONS else { throw .target }
            return target
        }
        var path = target[...]
        if !target.hasPrefix("/") {
            guard let rest = afterScheme(target) else { throw .target }
            let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
            guard HTTPCharacters.isHost(authority),
                hosts.first.map({ $0.lowercased() == authority.lowercased() }) ?? true
            else { throw .host }
            path = rest[authority.endIndex...]
            if path.first != "/" { path = "/" + path }
        }
        try checkPath(path)
        return String(path)
    }

    private static func afterScheme(_ target: String) -> Substring? {
        for scheme in ["http://", "https://"]
        where target.utf8.count > scheme.utf8.count
            && target.prefix(scheme.utf8.count).lowercased() == scheme
        {
            return target.dropFirst(scheme.utf8.count)
        }
        return nil
    }

    /// No fragment, no backslash, every `%` with two digits, no `.` or `..` as a segment, not
    /// even where its ends are percent-encoded.
    private static func checkPath(_ path: Substring) throws(HTTPViolation) {
        var rest = path.utf8[...]
        var dots = 0
        var others = 0
        func endSegment() throws(HTTPViolation) {
            if others == 0, dots == 1 || dots == 2 { throw .target }
            dots = 0
            others = 0
        }
        if rest.contains(UInt8(ascii: "#")) { throw .target }
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "?"): return try endSegment()
            case UInt8(ascii: "/"): try endSegment()
            case UInt8(ascii: "\\"): throw .target
            case UInt8(ascii: "."): dots += 1
            case UInt8(ascii: "%"):
                guard let high = rest.popFirst().flatMap(HTTPCharacters.hexDigit),
                    let low = rest.popFirst().flatMap(HTTPCharacters.hexDigit)
                else { throw .target }
                switch high << 4 | low {
                case 0x2E: dots += 1
                case 0x2F, 0x5C: try endSegment()
                case 0: throw .target
                default: others += 1
                }
            default: others += 1
            }
        }
        try endSegment()
    }
}
