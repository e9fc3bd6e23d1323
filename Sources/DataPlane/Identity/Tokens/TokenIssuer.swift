import Crypto
import JWTKit
package import SluiceVocabulary

/// A pair of tokens fresh from the issuer. Secrets: for the client alone.
package struct IssuedToken: Sendable {
    /// The access token.
    package let token: String
    /// When the access token expires, in seconds since 1970.
    package let expiresAtSeconds: Int64
    /// Buys the next pair; refused as an access token.
    package let refreshToken: String
}

/// What a refresh token grants: another pair for the same user with the same claims.
package struct RefreshGrant: Sendable {
    package let user: String
    /// The claims given to `issue`, without those the issuer sets itself.
    package let claims: [String: ClaimValue]
    /// When the refresh token expires, in seconds since 1970; nil means never.
    package let expiresAtSeconds: Int64?
    /// The refresh token's own `jti`, by which it is revoked.
    package let tokenID: String?
    /// When the refresh token was made, in seconds since 1970.
    package let issuedAtSeconds: Int64?
    /// The refresh token itself, by its hash.
    package let tokenHash: TokenHash

    /// Whose token it is, as far as revocations ask.
    package var principal: Principal {
        Principal(
            user: user, roles: claims["roles"]?.strings ?? [], claims: claims,
            expiresAtSeconds: expiresAtSeconds, tokenID: tokenID,
            issuedAtSeconds: issuedAtSeconds, tokenHash: tokenHash)
    }
}

/// Why no token was made.
package enum IssueError: Error, Sendable, Equatable {
    /// The user id is empty or has control characters.
    case badUser
    /// The claim's name is the issuer's own.
    case reservedClaim(String)
    /// The claim cannot be written as JSON, or `roles` is not text or a list of texts.
    case badClaim(String)
    /// The claims are so many that the gateway would refuse the token it made.
    case tooLarge
    /// The key does not sign.
    case cannotSign

    /// What the operator is told.
    package var text: String {
        switch self {
        case .badUser: "the user id is empty or has control characters"
        case .reservedClaim(let name): "the claim `\(name)` is set by the gateway itself"
        case .badClaim(let name): "the claim `\(name)` has a value that a token cannot hold"
        case .tooLarge: "the claims make the token larger than limits.max_token_bytes"
        case .cannotSign: "the key cannot sign"
        }
    }
}

/// Makes access and refresh tokens, and takes refresh tokens back.
package struct TokenIssuer: Sendable {
    /// Claims that cannot be given to `issue`, for the issuer sets them.
    package static var reservedClaims: Set<String> { RegisteredClaims.names }

    private let keys: KeySet
    private let key: KeySet.Key
    private let rules: TokenRules
    private let ttlSeconds: Int64
    private let refreshTTLSeconds: Int64

    /// - Parameters:
    ///   - keys: verify refresh tokens.
    ///   - kid: the key that signs.
    ///   - leewaySeconds: how far the clocks of gateways that share the keys may differ.
    ///   - maxTokenBytes: what the verifiers take.
    /// - Throws: `KeyError.unknownKid`, `.cannotSign`.
    package init(
        keys: KeySet, kid: String, issuer: String?, audience: String?, ttlSeconds: Int64,
        refreshTTLSeconds: Int64, leewaySeconds: Int64 = 5, maxTokenBytes: Int = 8_192
    ) throws(KeyError) {
        guard let key = keys.key(for: kid) else { throw .unknownKid(kid) }
        guard key.canSign else { throw .cannotSign(kid) }
        self.keys = keys
        self.key = key
        self.rules = TokenRules(
            issuer: issuer, audience: audience, leewaySeconds: leewaySeconds,
            maxTokenBytes: maxTokenBytes)
        self.ttlSeconds = ttlSeconds
        self.refreshTTLSeconds = refreshTTLSeconds
    }

    /// Whether signing and checking take too long for a loop.
    package var isCostly: Bool { key.isCostly }

    /// Makes a pair of tokens for a user who proved who he is.
    ///
    /// - Parameter claims: goes into both tokens as it stands.
    package func issue(
        user: String, claims: [String: ClaimValue], now: WallTime
    ) throws(IssueError) -> IssuedToken {
        try check(claims)
        var members = claims
        members["sub"] = .string(user)
        members["iat"] = .integer(now.seconds)
        members["iss"] = rules.issuer.map(ClaimValue.string)
        members["aud"] = rules.audience.map(ClaimValue.string)
        do { _ = try RegisteredClaims(members) } catch { throw .badUser }

        let expiresAtSeconds = now.seconds + ttlSeconds
        let token = try sign(members, expiresAtSeconds: expiresAtSeconds)
        members["use"] = .string("refresh")
        let refreshToken = try sign(
            members, expiresAtSeconds: now.seconds + refreshTTLSeconds)
        return IssuedToken(
            token: token, expiresAtSeconds: expiresAtSeconds, refreshToken: refreshToken)
    }

    /// Takes a refresh token back.
    ///
    /// - Throws: as `TokenVerifier.verify`; `.wrongUse` for an access token.
    package func verifyRefreshToken(
        _ token: [UInt8], now: WallTime
    ) throws(TokenError) -> RefreshGrant {
        let signed = try SignedToken(token, maxTokenBytes: rules.maxTokenBytes)
        let claims = try signed.claims(signedBy: signed.key(in: keys))
        let registered = try RegisteredClaims(claims)
        try registered.check(rules, use: .refresh, now: now)
        return RefreshGrant(
            user: registered.user,
            claims: claims.filter { !RegisteredClaims.names.contains($0.key) },
            expiresAtSeconds: registered.expiresAtSeconds, tokenID: registered.tokenID,
            issuedAtSeconds: registered.issuedAtSeconds,
            tokenHash: TokenHash(SHA256.hash(data: token)))
    }

    private func check(_ claims: [String: ClaimValue]) throws(IssueError) {
        for (name, value) in claims {
            guard !RegisteredClaims.names.contains(name) else { throw .reservedClaim(name) }
            let isRightType = name != "roles" || value.strings != nil
            guard isRightType, ClaimsWriter.canWrite(value) else { throw .badClaim(name) }
        }
    }

    private func sign(
        _ claims: [String: ClaimValue], expiresAtSeconds: Int64
    ) throws(IssueError) -> String {
        var claims = claims
        claims["exp"] = .integer(expiresAtSeconds)
        claims["jti"] = .string(SessionID.random().text)
        let header: [String: ClaimValue] = [
            "alg": .string(key.algorithmName), "kid": .string(key.kid), "typ": .string("JWT"),
        ]
        var token = Base64URL.encode(ClaimsWriter.write(header))
        token.append(UInt8(ascii: "."))
        token += Base64URL.encode(ClaimsWriter.write(claims))
        let signature: [UInt8]
        do { signature = try key.algorithm.sign(token) } catch { throw .cannotSign }
        token.append(UInt8(ascii: "."))
        token += Base64URL.encode(signature)
        guard token.count <= rules.maxTokenBytes else { throw .tooLarge }
        return String(decoding: token, as: UTF8.self)
    }
}
