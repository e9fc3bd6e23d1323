/// What the admin interface answers with.
package struct AdminResponse: Sendable, Equatable {
    package var status: Int
    package var contentType: String
    package var body: [UInt8]
    /// Methods allowed, told with a 405 (RFC 9110 section 15.5.6).
    package var allow: String?

    package init(status: Int, contentType: String, body: [UInt8], allow: String? = nil) {
        self.status = status
        self.contentType = contentType
        self.body = body
        self.allow = allow
    }

    static func json(_ text: String, status: Int = 200) -> Self {
        Self(status: status, contentType: "application/json", body: Array((text + "\n").utf8))
    }

    /// A problem document (RFC 9457). Title and detail are our own words, never a client's.
    static func problem(_ status: Int, _ title: String, _ detail: String) -> Self {
        let text = """
            {"type":"about:blank","title":"\(title)","status":\(status),"detail":"\(detail)"}

            """
        return Self(
            status: status, contentType: "application/problem+json", body: Array(text.utf8))
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

    package init(
        ready: @escaping @Sendable () -> (isReady: Bool, body: String),
        policy: @escaping @Sendable () async -> String,
        upstreams: @escaping @Sendable () async -> String,
        state: @escaping @Sendable () async -> String
    ) {
        self.ready = ready
        self.policy = policy
        self.upstreams = upstreams
        self.state = state
    }
}
