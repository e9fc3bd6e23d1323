/// One call of the admin interface: how it is reached, and who answers it.
///
/// The interface checks the caller before the answer is asked for; what changes something must not
/// hide behind `get`.
package struct AdminRoute: Sendable {
    /// How a call is made. Whatever is not `get` changes something, and is guarded.
    package enum Method: String, Sendable, CaseIterable {
        case get = "GET"
        case post = "POST"
        case delete = "DELETE"
    }

    package let method: Method
    /// A path of which one segment may be a parameter: `/v1/users/{id}/connections`.
    package let pattern: String
    /// What journal and metrics call it: `admin.push`. A name of our own, never a caller's.
    package let action: String
    /// The largest body taken; over it the call is refused with 413.
    package let maxBodyBytes: Int
    let answer: @Sendable (AdminCall) async -> AdminResponse
    private let segments: [Substring]

    /// - Parameters:
    ///   - pattern: an absolute path; a segment in braces matches any one segment.
    ///   - maxBodyBytes: 0 = the call takes no body.
    ///   - answer: runs off the event loops, after the caller was checked.
    package init(
        _ method: Method, _ pattern: String, action: String, maxBodyBytes: Int = 0,
        answer: @escaping @Sendable (AdminCall) async -> AdminResponse
    ) {
        self.method = method
        self.pattern = pattern
        self.action = action
        self.maxBodyBytes = maxBodyBytes
        self.answer = answer
        segments = pattern.split(separator: "/", omittingEmptySubsequences: false)
    }

    /// Whether the call changes something, and so needs a caller who is known.
    package var isChanging: Bool { method != .get }

    /// The same call, handed to `around` first, who lets it be answered or answers himself.
    package func within(
        _ around:
            @escaping @Sendable (
                AdminCall, _ answer: @Sendable (AdminCall) async -> AdminResponse
            ) async -> AdminResponse
    ) -> AdminRoute {
        let answer = answer
        return AdminRoute(method, pattern, action: action, maxBodyBytes: maxBodyBytes) { call in
            await around(call, answer)
        }
    }

    /// The parameter's raw segment, empty for a path without one; nil when the path is another.
    func match(_ path: some StringProtocol) -> String? {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == segments.count else { return nil }
        var parameter = ""
        for (part, segment) in zip(parts, segments) {
            if segment.hasPrefix("{") {
                guard !part.isEmpty else { return nil }
                parameter = String(part)
            } else if part != segment {
                return nil
            }
        }
        return parameter
    }
}

/// A call as its route sees it: checked, decoded and bounded.
package struct AdminCall: Sendable {
    /// The path's parameter, percent-decoded; empty where the route has none.
    package var parameter: String
    /// The query's pairs in their order, percent-decoded.
    package var query: [(name: String, value: String)]
    package var body: [UInt8]
    package var caller: AdminCaller

    package init(
        parameter: String = "", query: [(name: String, value: String)] = [], body: [UInt8] = [],
        caller: AdminCaller = .anybody
    ) {
        self.parameter = parameter
        self.query = query
        self.body = body
        self.caller = caller
    }
}

/// Who makes a call, as far as it is proven.
package enum AdminCaller: Sendable, Equatable {
    /// Whoever reaches the port: may read.
    case anybody
    /// A process of this user at the other end of the Unix socket; the kernel vouches for it.
    case user(UInt32)
    /// Whoever holds the bearer token.
    case token

    /// The journal's word: `uid 1000`, `token` or `anybody`. Never the token itself.
    package var text: String {
        switch self {
        case .anybody: "anybody"
        case .user(let id): "uid \(id)"
        case .token: "token"
        }
    }
}

/// What happened to a call: for the journal. Holds no token, no header and no body.
package struct AdminAudit: Sendable, Equatable {
    package var action: String
    package var caller: AdminCaller
    package var status: Int
    /// What was done, in the words of the route; else what the caller was told.
    package var summary: String
    /// Why the interface did not let it through; nil when the route answered.
    package var refusal: AdminRefusal?

    package init(
        action: String, caller: AdminCaller, status: Int, summary: String,
        refusal: AdminRefusal? = nil
    ) {
        self.action = action
        self.caller = caller
        self.status = status
        self.summary = summary
        self.refusal = refusal
    }
}
