import NIOHTTP1
import SluiceFraming
import SluiceVocabulary

/// Which web pages may use the gateway, and how their browsers are told (Fetch standard, CORS).
extension HTTPEntry {
    /// Whether the page that asks may; one that is no page may always.
    func allowsOrigin(_ head: HTTPRequestHead) -> Bool {
        let origins = head.headers["origin"]
        guard let origin = origins.first else { return true }
        return origins.count == 1 && edge.snapshot.http.origins.contains(origin)
    }

    /// Says no to a page of another origin.
    func refuseOrigin(_ action: ActionID) {
        let refusal = Refusal(
            .permissionDenied, message: "Pages of this origin may not use the gateway.")
        edge.accountHTTP(self, action, edge.tick.now, 0, 0, refusal)
        answer(.problem(refusal), closing: true)
    }

    /// The fields for the browser, on every answer of the HTTP API.
    var crossOriginFields: [(String, String)] {
        guard let head, Self.isAPI(head.uri) else { return [] }
        let settings = edge.snapshot.http
        let isOpen = settings.origins.isAny && !settings.allowsCredentials
        var fields = isOpen ? [] : [("Vary", "Origin")]
        guard let origin = head.headers.first(name: "origin"), allowsOrigin(head) else {
            return fields
        }
        fields.append(("Access-Control-Allow-Origin", isOpen ? "*" : origin))
        if settings.allowsCredentials {
            fields.append(("Access-Control-Allow-Credentials", "true"))
        }
        fields.append(
            (
                "Access-Control-Expose-Headers",
                "RateLimit, RateLimit-Policy, Retry-After, Sluice-Status"
            ))
        return fields
    }

    static func isAPI(_ uri: String) -> Bool { uri.hasPrefix("/v1/") }

    /// `OPTIONS` on the HTTP API: a browser asks before it sends what a form could not.
    func preflight(_ head: HTTPRequestHead) {
        guard head.headers.contains(name: "access-control-request-method") else {
            var answer = HTTPAnswer(status: 204)
            answer.headers.append(("Allow", "POST, OPTIONS"))
            return self.answer(answer)
        }
        guard allowsOrigin(head), head.headers.contains(name: "origin") else {
            return refuseOrigin(.unknown)
        }
        var answer = HTTPAnswer(status: 204)
        answer.headers = [
            ("Access-Control-Allow-Methods", "POST"),
            (
                "Access-Control-Allow-Headers",
                "Authorization, Content-Type, Idempotency-Key, Traceparent"
            ),
            ("Access-Control-Max-Age", String(edge.snapshot.http.preflightSeconds)),
        ]
        self.answer(answer)
    }
}
