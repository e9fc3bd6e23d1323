/// What the admin interface answers with.
package struct AdminResponse: Sendable, Equatable {
    package var status: Int
    package var contentType: String
    package var body: [UInt8]
    /// Methods allowed, told with a 405 (RFC 9110 section 15.5.6).
    package var allow: String?
    /// How to authenticate, told with a 401 (RFC 9110 section 15.5.2).
    package var challenge: String?
    /// Seconds until the call can succeed, told with a 429 (RFC 9110 section 10.2.3).
    package var retryAfterSeconds: UInt64?
    /// How the body is packed, `gzip`; nil = not at all (RFC 9110 section 8.4).
    package var contentEncoding: String?
    /// Another `Accept` or `Accept-Encoding` would get another body (RFC 9110 section 12.5.5).
    package var varies = false
    /// What was done, for the journal: one line without secrets.
    package var summary: String?

    package init(status: Int, contentType: String, body: [UInt8], allow: String? = nil) {
        self.status = status
        self.contentType = contentType
        self.body = body
        self.allow = allow
    }

    /// - Parameters:
    ///   - text: JSON.
    ///   - summary: what a changing call did, for the journal.
    package static func json(_ text: String, status: Int = 200, summary: String? = nil) -> Self {
        var response = Self(
            status: status, contentType: "application/json", body: Array((text + "\n").utf8))
        response.summary = summary
        return response
    }

    /// A problem document (RFC 9457).
    ///
    /// - Parameters:
    ///   - title: the status in words.
    ///   - detail: what is wrong and what to do about it.
    ///   - name: identifies the kind of problem, for programs.
    package static func problem(
        _ status: Int, _ title: String, _ detail: String, name: String
    ) -> Self {
        let text = """
            {"type":"about:blank","title":"\(escaped(title))","status":\(status),\
            "name":"\(escaped(name))","detail":"\(escaped(detail))"}

            """
        var response = Self(
            status: status, contentType: "application/problem+json", body: Array(text.utf8))
        response.summary = detail
        return response
    }

    /// Text as it stands between the quotes of a JSON string.
    private static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

/// Where the answers come from. Every text is JSON.
package struct AdminRoutes: Sendable {
    /// Whether to take traffic, and details that do not change the status.
    package var ready: @Sendable () -> (isReady: Bool, body: String)
    /// Revision, rules and the last reload.
    package var policy: @Sendable () async -> String
    /// Instances of services and their state.
    package var upstreams: @Sendable () async -> String
    /// Sizes of every map, so that a leak shows.
    package var state: @Sendable () async -> String
    /// Further calls, among them all that change something.
    package var calls: [AdminRoute]

    package init(
        ready: @escaping @Sendable () -> (isReady: Bool, body: String),
        policy: @escaping @Sendable () async -> String,
        upstreams: @escaping @Sendable () async -> String,
        state: @escaping @Sendable () async -> String,
        calls: [AdminRoute] = []
    ) {
        self.ready = ready
        self.policy = policy
        self.upstreams = upstreams
        self.state = state
        self.calls = calls
    }

    var all: [AdminRoute] {
        let (ready, policy, upstreams, state) = (ready, policy, upstreams, state)
        let pages = [
            Self.page("/healthz") { _ in
                AdminResponse(
                    status: 200, contentType: "text/plain; charset=utf-8", body: Array("ok\n".utf8))
            },
            Self.page("/ready") { _ in
                let (isReady, body) = ready()
                return .json(body, status: isReady ? 200 : 503)
            },
            Self.page("/v1/policy") { _ in .json(await policy()) },
            Self.page("/v1/upstreams") { _ in .json(await upstreams()) },
            Self.page("/v1/state") { _ in .json(await state()) },
        ]
        return pages + calls
    }

    private static func page(
        _ path: String, _ answer: @escaping @Sendable (AdminCall) async -> AdminResponse
    ) -> AdminRoute {
        AdminRoute(.get, path, action: "admin.read", answer: answer)
    }
}
