package import SluiceVocabulary

/// One entry of `routes:`: which requests go to which service, and on what conditions.
package struct Route: Sendable, Equatable {
    /// Whose requests are taken.
    package enum Authentication: String, Sendable, CaseIterable {
        /// A valid token is needed.
        case required
        /// Without a token nobody's; with one it must be valid.
        case optional
        /// Tokens are not looked at.
        case none
    }

    /// A header that a request must have.
    package struct HeaderCondition: Sendable, Equatable {
        package var name: String
        /// Exactly this; nil = any.
        package var value: String?

        package init(name: String, value: String?) {
            self.name = name
            self.value = value
        }
    }

    /// `http.<name>` is the action that policies decide about.
    package var name: String
    /// Of the path, in the form of `RoutePath`. Ends at a `/` of the path, or with its own.
    package var prefix: String
    /// Nil = all.
    package var methods: [String]?
    package var headers: [HeaderCondition]
    /// A service with HTTP links.
    package var service: String
    /// Takes the place of the prefix; nil = the path goes on as it is.
    package var rewrite: String?
    package var authentication: Authentication
    /// WebSocket upgrades pass through.
    package var webSocket: Bool
    /// Longest time without a byte from or to the service.
    package var timeoutMilliseconds: Int64
    package var maxBodyBytes: Int
    /// The client's own `Authorization` goes on to the service.
    package var forwardsAuthorization: Bool
    package var action: ActionID

    package init(
        name: String, prefix: String, methods: [String]? = nil, headers: [HeaderCondition] = [],
        service: String, rewrite: String? = nil, authentication: Authentication = .required,
        webSocket: Bool = false, timeoutMilliseconds: Int64 = 30_000,
        maxBodyBytes: Int = 104_857_600, forwardsAuthorization: Bool = false, action: ActionID
    ) {
        self.name = name
        self.prefix = prefix
        self.methods = methods
        self.headers = headers
        self.service = service
        self.rewrite = rewrite
        self.authentication = authentication
        self.webSocket = webSocket
        self.timeoutMilliseconds = timeoutMilliseconds
        self.maxBodyBytes = maxBodyBytes
        self.forwardsAuthorization = forwardsAuthorization
        self.action = action
    }

    /// What a policy calls the route `name`.
    package static func actionName(_ name: String) -> String { "http." + name }

    /// Whether a normal path lies under the prefix: `/media` holds `/media` and `/media/x`, not
    /// `/mediation`.
    func holds(_ path: String) -> Bool {
        guard path.hasPrefix(prefix) else { return false }
        return prefix.hasSuffix("/") || path.utf8.count == prefix.utf8.count
            || path.utf8[path.utf8.index(path.startIndex, offsetBy: prefix.utf8.count)]
                == UInt8(ascii: "/")
    }

    /// The path for the service.
    func forwarded(_ path: String) -> String {
        guard let rewrite else { return path }
        let rest = path.dropFirst(prefix.count)
        if rewrite.hasSuffix("/"), rest.hasPrefix("/") { return rewrite + rest.dropFirst() }
        if !rewrite.hasSuffix("/"), !rest.isEmpty, !rest.hasPrefix("/") {
            return rewrite + "/" + rest
        }
        return rewrite + rest
    }
}
