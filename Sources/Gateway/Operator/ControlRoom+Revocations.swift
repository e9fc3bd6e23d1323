import NIOCore
import SluiceAdmin
import SluiceEdge
import SluiceFraming
import SluiceIdentity
import SluiceVocabulary

/// `POST /v1/revocations` and `DELETE /v1/users/{id}/check`: the end of tokens and users.
extension ControlRoom {
    private static let example =
        "Give one of `jti`, `token_sha256` (64 hexadecimal digits) and `user` with "
        + "`issued_before`, and `expires_at` in seconds since 1970."

    var revokeCall: AdminRoute {
        AdminRoute(.post, "/v1/revocations", action: "admin.revoke", maxBodyBytes: 8_192) {
            [self] call in
            guard let body = try? JSONValue(parsing: call.body),
                let (revocation, what) = Self.revocation(body),
                let expiresAt = body["expires_at"]?.integer
            else { return .problem(400, "Bad Request", Self.example, name: "bad_revocation") }
            switch await gateway.revoke(revocation, untilSeconds: expiresAt) {
            case true?: return .json(#"{"revoked":true}"#, status: 201, summary: what)
            case false?:
                return .problem(
                    503, "Service Unavailable",
                    "The list is full (limits.max_revocations); raise the limit or wait for "
                        + "revocations to expire.", name: "overloaded")
            case nil: return .stopping
            }
        }
    }

    private static func revocation(_ body: JSONValue) -> (Revocation, String)? {
        let names = ["jti", "token_sha256", "user"].filter { body[$0] != nil }
        guard names.count == 1, (body["issued_before"] != nil) == (names == ["user"]) else {
            return nil
        }
        if let id = body["jti"]?.string, !id.isEmpty { return (.tokenID(id), "one token, by jti") }
        if let hash = body["token_sha256"]?.string.flatMap(TokenHash.init(hexadecimal:)) {
            return (.token(hash), "one token, by hash")
        }
        guard let user = body["user"]?.string, !user.isEmpty,
            let before = body["issued_before"]?.integer
        else { return nil }
        return (
            .user(user, issuedBeforeSeconds: before),
            "tokens of user \(user) issued before \(before)"
        )
    }

    var invalidateCall: AdminRoute {
        AdminRoute(.delete, "/v1/users/{id}/check", action: "admin.invalidate", maxBodyBytes: 1_024)
        { [self] call in
            guard await gateway.invalidate(user: call.parameter) else { return .stopping }
            return .json(
                #"{"invalidated":true}"#, summary: "what is known of user \(call.parameter)")
        }
    }
}

extension RunningGateway {
    /// Revokes on every loop; false when the list is full, nil when the loops are stopping.
    func revoke(_ revocation: Revocation, untilSeconds: Int64) async -> Bool? {
        var isHeld = true
        for unit in units {
            guard
                let held = try? await unit.loop.submit({
                    unit.edge.value.revoke(revocation, untilSeconds: untilSeconds)
                }).get()
            else { return nil }
            isHeld = isHeld && held
        }
        return isHeld
    }

    /// Forgets what every loop knows of a user; false when the loops are stopping.
    func invalidate(user: String) async -> Bool {
        for unit in units {
            let done: Void? = try? await unit.loop.submit {
                unit.edge.value.invalidate(user: user)
            }.get()
            if done == nil { return false }
        }
        return true
    }
}
