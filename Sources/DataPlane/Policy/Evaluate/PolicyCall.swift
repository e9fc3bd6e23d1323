package import SluiceVocabulary

/// What a policy must know of one call, besides who makes it.
package struct PolicyCall: Sendable {
    package var action: ActionID
    /// The whole message, as it came in.
    package var bytes: Int
    package var transport: Transport
    /// Needed only where `PolicyEvaluator.needs` says so.
    package var topic: String?
    /// The account a login names. Needed only where `PolicyEvaluator.needs` says so.
    package var loginUser: String?

    package init(
        action: ActionID, bytes: Int, transport: Transport, topic: String? = nil,
        loginUser: String? = nil
    ) {
        self.action = action
        self.bytes = bytes
        self.transport = transport
        self.topic = topic
        self.loginUser = loginUser
    }
}

/// Where decisions are counted. Asked once per rule and loop, never per message.
package struct PolicyMeters {
    /// The counter of a permission rule (or `default`) and a decision: `allow`, `refuse`,
    /// `shadow_allow`, `shadow_refuse`.
    package var permission: (_ rule: String, _ decision: String) -> Counter
    /// The counter of a limit and a decision: `allow`, `refuse`, `shadow_refuse`.
    package var limit: (_ rule: String, _ decision: String) -> Counter

    package init(
        permission: @escaping (_ rule: String, _ decision: String) -> Counter,
        limit: @escaping (_ rule: String, _ decision: String) -> Counter
    ) {
        self.permission = permission
        self.limit = limit
    }
}
