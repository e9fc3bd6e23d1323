/// Somebody whose token was verified. Immutable; shared by everything that speaks of them.
package final class Principal: Sendable {
    /// The user id: the claim `sub`.
    package let user: String
    /// The claim `roles`.
    package let roles: [String]
    /// All claims of the token.
    package let claims: [String: ClaimValue]
    /// When the token stops being good, in seconds since 1970; nil means never.
    package let expiresAtSeconds: Int64?
    /// The claim `jti`, by which a token is revoked.
    package let tokenID: String?
    /// When the token was made, in seconds since 1970; nil when it does not say.
    package let issuedAtSeconds: Int64?
    /// The token itself, by its hash; nil when there is none.
    package let tokenHash: TokenHash?

    package init(
        user: String, roles: [String], claims: [String: ClaimValue], expiresAtSeconds: Int64?,
        tokenID: String?, issuedAtSeconds: Int64? = nil, tokenHash: TokenHash? = nil
    ) {
        self.user = user
        self.roles = roles
        self.claims = claims
        self.expiresAtSeconds = expiresAtSeconds
        self.tokenID = tokenID
        self.issuedAtSeconds = issuedAtSeconds
        self.tokenHash = tokenHash
    }
}

/// What a client says of the device it runs on. Absent values are empty.
package struct Device: Sendable, Hashable {
    /// The client's own id of the device; empty means a device of its own.
    package var id: String
    /// `ios`, `android`, `windows`, `mac`, `linux`, `web` or anything else.
    package var platform: String
    /// Name and version of the program.
    package var app: String

    package init(id: String = "", platform: String = "", app: String = "") {
        self.id = id
        self.platform = platform
        self.app = app
    }
}
