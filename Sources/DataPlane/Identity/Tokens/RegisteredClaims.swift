import SluiceVocabulary

/// The claims with a meaning to the gateway, of the right types (RFC 7519 section 4.1).
struct RegisteredClaims {
    /// What a token is good for: the claim `use`, absent means access.
    enum Use: Equatable { case access, refresh, other }

    /// Names that the gateway sets itself in a token it makes.
    static let names: Set<String> = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "use"]
    /// Dates beyond 2^53 seconds are no dates; the bound keeps all sums below in range.
    private static let maxSeconds: Int64 = 1 << 53

    let user: String
    let roles: [String]
    /// The last second is the one before; nil never ends.
    let expiresAtSeconds: Int64?
    /// The later of `nbf` and `iat`.
    let validFromSeconds: Int64?
    let tokenID: String?
    /// `iat`, rounded down: the older a token says it is, the sooner it is revoked.
    let issuedAtSeconds: Int64?
    private let issuer: String?
    private let audiences: [String]
    private let use: Use

    /// - Throws: `.malformed` for a type RFC 7519 does not allow, `.noSubject`.
    init(_ claims: [String: ClaimValue]) throws(TokenError) {
        issuer = try Self.text(claims["iss"])
        tokenID = try Self.text(claims["jti"])
        audiences = try Self.texts(claims["aud"])
        roles = try Self.texts(claims["roles"])
        // Rounded so that a fraction never makes a token good for longer.
        expiresAtSeconds = try Self.seconds(claims["exp"], rounded: .down)
        let notBefore = try Self.seconds(claims["nbf"], rounded: .up)
        let issuedAt = try Self.seconds(claims["iat"], rounded: .up)
        issuedAtSeconds = try Self.seconds(claims["iat"], rounded: .down)
        validFromSeconds = [notBefore, issuedAt].compactMap(\.self).max()
        use = Self.use(claims["use"])
        guard let user = claims["sub"]?.string, !user.isEmpty else { throw .noSubject }
        // User ids go into journal fields and headers, where a line break would begin another.
        guard user.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control }) else {
            throw .malformed
        }
        self.user = user
    }

    /// Compares with the rules. Time comes last: an expired token of somebody else is not expired
    /// but somebody else's, and its owner need not refresh it here.
    func check(_ rules: TokenRules, use: Use, now: WallTime) throws(TokenError) {
        if let issuer = rules.issuer, self.issuer != issuer { throw .wrongIssuer }
        if let audience = rules.audience, !audiences.contains(audience) { throw .wrongAudience }
        guard self.use == use else { throw .wrongUse }
        try Self.checkTime(
            from: validFromSeconds ?? .min, until: expiresAtSeconds ?? .max, rules, now: now)
    }

    /// RFC 7519 sections 4.1.4 and 4.1.5: before `exp`, not before `nbf`, give or take the leeway.
    static func checkTime(
        from: Int64, until: Int64, _ rules: TokenRules, now: WallTime
    ) throws(TokenError) {
        guard now.seconds - rules.leewaySeconds < until else { throw .expired }
        guard now.seconds + rules.leewaySeconds >= from else { throw .notYetValid }
    }

    private static func text(_ value: ClaimValue?) throws(TokenError) -> String? {
        guard let value else { return nil }
        guard let text = value.string else { throw .malformed }
        return text
    }

    private static func texts(_ value: ClaimValue?) throws(TokenError) -> [String] {
        guard let value else { return [] }
        guard let texts = value.strings else { throw .malformed }
        return texts
    }

    private static func seconds(
        _ value: ClaimValue?, rounded rule: FloatingPointRoundingRule
    ) throws(TokenError) -> Int64? {
        switch value {
        case nil: return nil
        case .integer(let seconds)? where (-maxSeconds...maxSeconds).contains(seconds):
            return seconds
        case .number(let seconds)? where abs(seconds) <= Double(maxSeconds):
            return Int64(seconds.rounded(rule))
        default: throw .malformed
        }
    }

    private static func use(_ value: ClaimValue?) -> Use {
        switch value {
        case nil, .string("access")?: .access
        case .string("refresh")?: .refresh
        default: .other
        }
    }
}
