import NIOCore
import NIOHTTP1
import SluicePolicy
import SluiceUpstream
import SluiceVocabulary

/// Requests that are not the gateway's own: route, identity, policy, then the service.
extension HTTPEntry {
    /// Paths of the gateway itself: no route reaches a service under them.
    private static func isOurs(_ path: String) -> Bool {
        path == "/ws" || path == "/v1" || path.hasPrefix("/v1/")
    }

    /// Serves a request by a route.
    /// - Returns: false when no route holds its path.
    func routed(_ head: HTTPRequestHead) -> Bool {
        let table = edge.snapshot.routes
        guard !table.isEmpty else { return false }
        guard let path = RoutePath.normal(head.uri.prefix { $0 != "?" }) else {
            violated(.ambiguousPath)
            return true
        }
        guard !Self.isOurs(path) else { return false }
        switch table.find(path, head) {
        case .none: return false
        case .wrongMethod(let allowed):
            let refusal = Refusal(.badRequest, message: "Wrong method.")
            edge.accountHTTP(self, .unknown, edge.tick.now, 0, 0, refusal)
            var answer = HTTPAnswer.problem(refusal, status: 405)
            answer.headers.append(("Allow", allowed.joined(separator: ", ")))
            self.answer(answer)
        case .route(let route): take(head, route, path)
        }
        return true
    }

    private func take(_ head: HTTPRequestHead, _ route: Route, _ path: String) {
        let call = RouteCall(self, head, route: route, path: path)
        if let length = call.contentLength, length > route.maxBodyBytes {
            edge.meters.limitExceeded("route_max_body_bytes")
            return call.refuse(Refusal(.tooLarge))
        }
        if call.isUpgrade {
            if !route.webSocket || http2 != nil {
                let text = "This path is not for WebSockets."
                return call.refuse(Refusal(.badRequest, message: text))
            }
            if reader.expectsBody { return violated(.upgradeWithBody) }
            if !allowsOrigin(head) { return refuseOrigin(route.action) }
        }
        guard route.authentication != .none, let (token, method) = routeToken(head) else {
            if route.authentication == .required { return call.refuse(Refusal(.unauthenticated)) }
            return permit(call, nil)
        }
        edge.authenticate(Array(token.utf8), method: method) { [self] result in
            guard !isClosed else {
                return call.refuse(.clientGone)
            }
            switch result {
            case .success(let principal): permit(call, principal)
            case .failure(let failure): call.refuse(failure.refusal)
            }
        }
    }

    /// Asks the policy. Nothing of the body is read before the service is asked.
    private func permit(_ call: RouteCall, _ principal: Principal?) {
        subject.identify(principal: principal, session: nil, device: Device())
        call.user = principal?.user
        let bytes = call.policyBytes
        let name = Route.actionName(call.route.name)
        let question = PolicyQuestion(
            place: .request(self), subject: subject, principal: principal,
            call: { [self] in
                edge.snapshot.policy.catalog.action(named: name).map {
                    policyCall($0, bytes: bytes)
                }
            })
        edge.ask(question) { [self] answer in
            call.asked = asked
            switch answer {
            case .no(let refusal, let closes): call.refuse(refusal, closes: closes)
            case .go(let permit, _): call.start(permit)
            }
        }
    }

    /// Where a client can put its token: the header, a WebSocket's sub-protocol, the query.
    private func routeToken(_ head: HTTPRequestHead) -> (token: String, method: String)? {
        if let value = head.headers.first(name: "authorization") {
            let isBearer = value.prefix(7).lowercased() == "bearer "
            return (isBearer ? String(value.dropFirst(7)) : "", "header")
        }
        let offered = head.headers[canonicalForm: "sec-websocket-protocol"]
        if let bearer = offered.first(where: { $0.hasPrefix(RouteRequest.bearerProtocol) }) {
            return (String(bearer.dropFirst(RouteRequest.bearerProtocol.count)), "subprotocol")
        }
        return QueryItems(head.uri)["token"].map { ($0, "query") }
    }
}
