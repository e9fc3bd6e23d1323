/// What a token must say to be accepted, beside being signed.
package struct TokenRules: Sendable, Equatable {
    /// The `iss` a token must carry; nil takes any and none.
    package var issuer: String?
    /// What `aud` must hold; nil takes any and none.
    package var audience: String?
    /// How far the clocks of issuer and gateway may differ, 0...86,400 seconds.
    package let leewaySeconds: Int64
    /// Longer tokens are refused unread.
    package var maxTokenBytes: Int

    /// - Parameter leewaySeconds: brought into 0...86,400.
    package init(
        issuer: String? = nil, audience: String? = nil, leewaySeconds: Int64 = 0,
        maxTokenBytes: Int = 8_192
    ) {
        self.issuer = issuer
        self.audience = audience
        self.leewaySeconds = min(max(leewaySeconds, 0), 86_400)
        self.maxTokenBytes = maxTokenBytes
    }
}
