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

    package init(
        user: String, roles: [String], claims: [String: ClaimValue], expiresAtSeconds: Int64?,
        tokenID: String?
    ) {
        self.user = user
        self.roles = roles
        self.claims = claims
        self.expiresAtSeconds = expiresAtSeconds
        self.tokenID = tokenID
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
