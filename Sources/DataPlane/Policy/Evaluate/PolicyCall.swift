package import SluiceVocabulary

/// What a policy must know of one call, besides who makes it.
///
/// One is made for every message: what few calls have stands apart, so that it is copied in a moment.
package struct PolicyCall: Sendable {
    package let action: ActionID
    /// The whole message, as it came in.
    package let bytes: Int
    package let transport: Transport
    /// Wall time of the loop's turn.
    package let wall: WallTime
    /// Needed only where `PolicyEvaluator.needs` says so.
    package let topic: String?
    private let rare: RareFacts?

    private final class RareFacts: Sendable {
        let loginUser: String?
        let method: String?
        let headers: [String?]

        init(loginUser: String?, method: String?, headers: [String?]) {
            self.loginUser = loginUser
            self.method = method
            self.headers = headers
        }
    }

    package init(
        action: ActionID, bytes: Int, transport: Transport, wall: WallTime, topic: String? = nil
    ) {
        self.action = action
        self.bytes = bytes
        self.transport = transport
        self.wall = wall
        self.topic = topic
        rare = nil
    }

    package init(
        action: ActionID, bytes: Int, transport: Transport, wall: WallTime, topic: String? = nil,
        loginUser: String?, method: String? = nil, headers: [String?] = []
    ) {
        self.action = action
        self.bytes = bytes
        self.transport = transport
        self.wall = wall
        self.topic = topic
        rare = RareFacts(loginUser: loginUser, method: method, headers: headers)
    }

    /// The account a login names. Needed only where `PolicyEvaluator.needs` says so.
    package var loginUser: String? { rare?.loginUser }
    /// The method of an HTTP request. Needed only where `PolicyEvaluator.needs` says so.
    package var method: String? { rare?.method }
    /// Values of the header fields `PolicySnapshot.headerNames`, in that order. Needed only where
    /// `PolicyEvaluator.needs` says so.
    package var headers: [String?] { rare?.headers ?? [] }
}

/// Where decisions are counted. Asked once per rule and loop, never per message.
package struct PolicyMeters {
    /// The counter of a permission rule (or `default`) and a decision: `allow`, `refuse`,
    /// `shadow_allow`, `shadow_refuse`.
    package var permission: (_ rule: String, _ decision: String) -> Counter
    /// The counter of a limit and a decision: `allow`, `refuse`, `delay`, `drop`, `pause`,
    /// `shadow_refuse`.
    package var limit: (_ rule: String, _ decision: String) -> Counter
    /// The counter of the bans a limit imposed.
    package var ban: (_ rule: String) -> Counter

    package init(
        permission: @escaping (_ rule: String, _ decision: String) -> Counter,
        limit: @escaping (_ rule: String, _ decision: String) -> Counter,
        ban: @escaping (_ rule: String) -> Counter
    ) {
        self.permission = permission
        self.limit = limit
        self.ban = ban
    }
}
