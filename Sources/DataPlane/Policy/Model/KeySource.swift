/// A value taken from a call: what a bucket's key is made of, or what a condition looks at.
///
/// docs/policy.md, "Keys", lists how a policy writes them.
package enum KeySource: Sendable, Hashable {
    /// A claim of the token, by its path: `token.plan` is `["plan"]`.
    case claim([String])
    /// The session.
    case session
    /// The client's own id of its device.
    case device
    /// What the client says it runs on.
    case platform
    /// Name and version of the client's program.
    case app
    /// The peer's address, cut to so many leading bits.
    case address(bits4: UInt8, bits6: UInt8)
    /// `websocket`, `tcp` or `http`.
    case transport
    /// The action's name.
    case action
    /// The topic of the message.
    case topic
    /// The account a login names.
    case loginUser
    /// The route of an HTTP request: its action without `http.`.
    case route
    /// The method of an HTTP request.
    case method
    /// A header field of an HTTP request, by its name in lower case.
    case header(String)

    /// False where the value can differ between two messages of one action on one connection.
    package var isConstantPerConnection: Bool {
        switch self {
        case .claim, .session, .device, .platform, .app, .address, .transport, .action, .route: true
        case .topic, .loginUser, .method, .header: false
        }
    }

    /// What the call must bring along for this source.
    package var needs: NeededFacts {
        switch self {
        case .topic: .topic
        case .loginUser: .loginUser
        case .method, .header: .http
        case .claim, .session, .device, .platform, .app, .address, .transport, .action, .route: []
        }
    }
}

/// Facts of a call that cost something to find and are looked at by few policies.
package struct NeededFacts: OptionSet, Sendable, Hashable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// `PolicyCall.topic` is looked at.
    package static let topic = Self(rawValue: 1)
    /// `PolicyCall.loginUser` is looked at.
    package static let loginUser = Self(rawValue: 2)
    /// `PolicyCall.method` and `PolicyCall.headers` are looked at.
    package static let http = Self(rawValue: 4)
}
