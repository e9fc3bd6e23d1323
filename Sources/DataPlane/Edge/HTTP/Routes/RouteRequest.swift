import NIOHTTP1
import SluiceUpstream
import SluiceVocabulary

/// The head of a client's request as a service gets it: `docs/routes.md`.
enum RouteRequest {
    /// A WebSocket's sub-protocol that holds a token; it never goes on.
    static let bearerProtocol = "bearer."

    static func head(
        _ head: HTTPRequestHead, _ route: Route, path: String, user: String?, entry: HTTPEntry,
        isUpgrade: Bool, hasBody: Bool
    ) -> HTTPRequestHead {
        var headers = head.headers
        HopByHop.stripRequest(&headers)
        // The token is for the gateway. Other credentials are not either, unless it is said.
        if !route.forwardsAuthorization { headers.remove(name: "authorization") }
        if !headers.contains(name: "host") {
            headers.add(name: "Host", value: route.service)
        }
        entry.addForwarded(to: &headers, of: head)
        if let user { headers.add(name: "Sluice-User", value: HeaderText.escaped(user)) }
        headers.add(name: "Sluice-Client", value: HeaderText.escaped(entry.peer.text))
        headers.add(name: "Sluice-Route", value: route.name)
        if hasBody, !headers.contains(name: "content-length") {
            headers.add(name: "Transfer-Encoding", value: "chunked")
        }
        if isUpgrade {
            headers.add(name: "Connection", value: "Upgrade")
            headers.add(name: "Upgrade", value: "websocket")
            stripBearer(&headers)
        }
        return HTTPRequestHead(
            version: .http1_1, method: head.method,
            uri: route.forwarded(path) + RoutePath.query(of: head.uri), headers: headers)
    }

    private static func stripBearer(_ headers: inout HTTPHeaders) {
        let offered = headers[canonicalForm: "sec-websocket-protocol"]
        let kept = offered.filter { !$0.hasPrefix(bearerProtocol) }
        guard kept.count < offered.count else { return }
        headers.remove(name: "sec-websocket-protocol")
        if !kept.isEmpty {
            headers.add(name: "Sec-WebSocket-Protocol", value: kept.joined(separator: ", "))
        }
    }

    /// Sending these twice does no harm (RFC 9110 section 9.2.2).
    static func isRepeatable(_ method: HTTPMethod) -> Bool {
        switch method {
        case .GET, .HEAD, .OPTIONS, .PUT, .DELETE: true
        default: false
        }
    }
}
