import NIOHTTP1

/// Fields that belong to one connection and are not passed on (RFC 9110 section 7.6.1).
enum HopByHop {
    private static let fields: Set<String> = [
        "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding",
        "upgrade", "http2-settings",
    ]

    static func isConnectionField(_ name: String) -> Bool { fields.contains(name.lowercased()) }

    /// Removes them, those that `Connection` lists too.
    ///
    /// `Host` and `Content-Length` stay even when listed: a client could take them away otherwise,
    /// and with them the end of the body.
    static func strip(_ headers: inout HTTPHeaders) {
        let listed = Set(
            headers[canonicalForm: "connection"].lazy.map { $0.lowercased() }
                .filter { $0 != "host" && $0 != "content-length" && $0 != "authorization" })
        strip(&headers) { fields.contains($0) || listed.contains($0) }
    }

    /// What a route's service must not take for the gateway's word: hop-by-hop fields, `Proxy-*`,
    /// `Sluice-*` and every field about the way the request has come. An underscore counts as a
    /// hyphen, because some services take it for one.
    static func stripRequest(_ headers: inout HTTPHeaders) {
        strip(&headers)
        strip(&headers) { name in
            let name = name.contains("_") ? String(name.map { $0 == "_" ? "-" : $0 }) : name
            return name.hasPrefix("sluice-") || name.hasPrefix("proxy-")
                || name.hasPrefix("x-forwarded-") || name == "forwarded" || name == "x-real-ip"
                || name == "expect" || fields.contains(name)
        }
    }

    private static func strip(_ headers: inout HTTPHeaders, _ goes: (String) -> Bool) {
        guard headers.contains(where: { goes($0.name.lowercased()) }) else { return }
        headers = HTTPHeaders(
            headers.filter { !goes($0.name.lowercased()) }.map { ($0.name, $0.value) })
    }
}
