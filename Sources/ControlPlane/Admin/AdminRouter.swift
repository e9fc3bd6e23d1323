import SluiceTelemetry

/// A request as far as the admin interface looks at it.
struct AdminRequest: Sendable {
    var method: String
    /// The request target, query included.
    var target: String
    /// All `Host` headers.
    var hosts: [String]
    var accept: String?
}

/// Finds the answer to a request. Knows no socket.
struct AdminRouter: Sendable {
    let registry: MetricsRegistry
    let routes: AdminRoutes

    func respond(to request: AdminRequest) async -> AdminResponse {
        if let refusal = checkHost(request.hosts) { return refusal }
        let path = request.target.prefix { $0 != "?" }
        guard Self.paths.contains(String(path)) else {
            return .problem(404, "Not Found", "There is \(Self.paths.joined(separator: ", ")).")
        }
        guard request.method == "GET" || request.method == "HEAD" else {
            var answer = AdminResponse.problem(
                405, "Method Not Allowed", "Only GET and HEAD are understood here.")
            answer.allow = "GET, HEAD"
            return answer
        }
        return await read(path, accept: request.accept)
    }

    private static let paths = [
        "/metrics", "/healthz", "/ready", "/v1/policy", "/v1/upstreams", "/v1/state",
    ]

    private func read(_ path: Substring, accept: String?) async -> AdminResponse {
        switch path {
        case "/metrics":
            let format = MetricsRegistry.negotiate(accept: accept)
            return AdminResponse(
                status: 200, contentType: format.contentType, body: registry.render(format))
        case "/ready":
            let (isReady, body) = routes.ready()
            return .json(body, status: isReady ? 200 : 503)
        case "/v1/policy": return .json(await routes.policy())
        case "/v1/upstreams": return .json(await routes.upstreams())
        case "/v1/state": return .json(await routes.state())
        default:
            return AdminResponse(
                status: 200, contentType: "text/plain; charset=utf-8", body: Array("ok\n".utf8))
        }
    }

    /// A web page that makes its own name point here (DNS rebinding) must not read what we tell.
    private func checkHost(_ hosts: [String]) -> AdminResponse? {
        guard hosts.count == 1, let host = hosts.first else {
            return .problem(400, "Bad Request", "Exactly one Host header is needed.")
        }
        guard Loopback.isName(Self.name(of: host)) else {
            return .problem(
                421, "Misdirected Request", "Use localhost or a loopback address as host.")
        }
        return nil
    }

    /// The host without its port (RFC 9110 section 7.2).
    private static func name(of host: String) -> String {
        if host.hasPrefix("[") {
            guard let close = host.firstIndex(of: "]") else { return "" }
            return String(host[host.index(after: host.startIndex)..<close])
        }
        return String(host.prefix { $0 != ":" })
    }
}

/// Which names and addresses stay on this machine.
enum Loopback {
    /// `localhost`, 127.0.0.0/8 or ::1.
    static func isName(_ name: String) -> Bool {
        if name.lowercased() == "localhost" || name == "::1" { return true }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0] == "127" else { return false }
        return parts.allSatisfy { part in
            (1...3).contains(part.utf8.count) && part.utf8.allSatisfy { (48...57).contains($0) }
                && UInt8(part) != nil
        }
    }
}
