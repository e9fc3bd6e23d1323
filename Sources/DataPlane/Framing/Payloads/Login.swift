import SwiftProtobuf

/// Payload of cmd 5 `login`, from the client, and the body of `POST /v1/login`.
package struct LoginRequest: TypedPayload {
    package var user: String
    package var password: String

    package init(user: String, password: String) {
        self.user = user
        self.password = password
    }

    package init(_ body: Sluice_V1_LoginRequest) {
        self.init(user: body.user, password: body.password)
    }

    package init(json: JSONValue) throws(EnvelopeError) {
        self.init(user: try json.text("user"), password: try json.text("password"))
    }

    package var body: Sluice_V1_LoginRequest {
        .with {
            $0.user = user
            $0.password = password
        }
    }

    package var json: JSONValue {
        .object([("user", .string(user)), ("password", .string(password))])
    }
}

/// The gateway's reply to `login`.
package struct LoginReply: TypedPayload {
    package var token: String
    /// Seconds since 1970.
    package var expiresAtSeconds: Int64
    package var refreshToken: String
    package var userID: String

    package init(token: String, expiresAtSeconds: Int64, refreshToken: String, userID: String) {
        self.token = token
        self.expiresAtSeconds = expiresAtSeconds
        self.refreshToken = refreshToken
        self.userID = userID
    }

    package init(_ body: Sluice_V1_LoginReply) {
        self.init(
            token: body.token, expiresAtSeconds: body.expiresAt, refreshToken: body.refreshToken,
            userID: body.userID)
    }

    package init(json: JSONValue) throws(EnvelopeError) {
        self.init(
            token: try json.text("token"), expiresAtSeconds: try json.whole("expires_at"),
            refreshToken: try json.text("refresh_token"), userID: try json.text("user_id"))
    }

    package var body: Sluice_V1_LoginReply {
        .with {
            $0.token = token
            $0.expiresAt = expiresAtSeconds
            $0.refreshToken = refreshToken
            $0.userID = userID
        }
    }

    package var json: JSONValue {
        .object([
            ("token", .string(token)), ("expires_at", .integer(expiresAtSeconds)),
            ("refresh_token", .string(refreshToken)), ("user_id", .string(userID)),
        ])
    }
}

/// Payload of cmd 4 `refresh`, from the client: a new token for the connection.
package struct RefreshRequest: TypedPayload {
    package var token: String

    package init(token: String) { self.token = token }

    package init(_ body: Sluice_V1_RefreshRequest) { self.init(token: body.token) }

    package init(json: JSONValue) throws(EnvelopeError) { self.init(token: try json.text("token")) }

    package var body: Sluice_V1_RefreshRequest { .with { $0.token = token } }

    package var json: JSONValue { .object([("token", .string(token))]) }
}

/// The gateway's reply to `refresh`.
package struct RefreshReply: TypedPayload {
    /// Seconds since 1970; 0 = never.
    package var expiresAtSeconds: Int64

    package init(expiresAtSeconds: Int64) { self.expiresAtSeconds = expiresAtSeconds }

    package init(_ body: Sluice_V1_RefreshReply) { self.init(expiresAtSeconds: body.expiresAt) }

    package init(json: JSONValue) throws(EnvelopeError) {
        self.init(expiresAtSeconds: try json.whole("expires_at"))
    }

    package var body: Sluice_V1_RefreshReply { .with { $0.expiresAt = expiresAtSeconds } }

    package var json: JSONValue { .object([("expires_at", .integer(expiresAtSeconds))]) }
}
