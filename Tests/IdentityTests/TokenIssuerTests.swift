import SluiceIdentity
import SluiceVocabulary
import Testing

@Suite("Token issuer")
struct TokenIssuerTests {
    private static let claims: [String: ClaimValue] = [
        "roles": .array([.string("member")]), "plan": .string("pro"), "limit": .integer(-3),
        "factor": .number(0.25), "nested": .object(["a": .array([.null, .bool(true)])]),
        "text": .string("quote \" slash \\ line\n tab\t nul\0 é 😀"),
    ]

    private func issuer(_ keys: KeySet, maxTokenBytes: Int = 8_192) throws -> TokenIssuer {
        try TokenIssuer(
            keys: keys, kid: "main", issuer: "sluice", audience: "sluice", ttlSeconds: 900,
            refreshTTLSeconds: 86_400, maxTokenBytes: maxTokenBytes)
    }

    @Test("a token it makes is accepted and says what it was given, to the byte")
    func roundTrip() async throws {
        let issued = try issuer(await Forge.keys("main", "next"))
            .issue(user: "alice", claims: Self.claims, now: Forge.now)
        #expect(issued.expiresAtSeconds == Forge.now.seconds + 900)

        let verifier = TokenVerifier(
            keys: try await Forge.keys("main", "next"),
            rules: TokenRules(issuer: "sluice", audience: "sluice"), maxCachedTokens: 10)
        let principal = try verifier.verify(Array(issued.token.utf8), now: Forge.now)
        #expect(principal.user == "alice")
        #expect(principal.roles == ["member"])
        #expect(principal.expiresAtSeconds == issued.expiresAtSeconds)
        #expect(principal.tokenID?.count == 32)
        for (name, value) in Self.claims { #expect(principal.claims[name] == value) }
        #expect(
            refusal(
                verifier, Array(issued.token.utf8), at: Forge.time(issued.expiresAtSeconds))
                == .expired)
    }

    @Test("no two tokens have the same id")
    func tokenIDs() async throws {
        let issuer = try issuer(await Forge.keys("main"))
        var ids: Set<String> = []
        for _ in 0..<50 {
            let issued = try issuer.issue(user: "a", claims: [:], now: Forge.now)
            for token in [issued.token, issued.refreshToken] {
                let claims = try TokenInspection(Array(token.utf8)).claims
                ids.insert(try #require(claims["jti"]?.string))
            }
        }
        #expect(ids.count == 100)
    }

    @Test("a refresh token buys the same user and claims again, and is no access token")
    func refresh() async throws {
        let keys = try await Forge.keys("main")
        let issuer = try issuer(keys)
        let issued = try issuer.issue(user: "alice", claims: Self.claims, now: Forge.now)
        let refreshToken = Array(issued.refreshToken.utf8)

        let verifier = try await Forge.verifier()
        #expect(refusal(verifier, refreshToken) == .wrongUse)
        #expect(throws: TokenError.wrongUse) {
            try issuer.verifyRefreshToken(Array(issued.token.utf8), now: Forge.now)
        }

        let later = Forge.time(Forge.now.seconds + 3_600)
        let grant = try issuer.verifyRefreshToken(refreshToken, now: later)
        #expect(grant.user == "alice")
        #expect(grant.claims == Self.claims)
        #expect(grant.expiresAtSeconds == Forge.now.seconds + 86_400)
        let again = try issuer.issue(user: grant.user, claims: grant.claims, now: later)
        #expect(refusal(verifier, Array(again.token.utf8), at: later) == nil)

        let tooLate = Forge.time(Forge.now.seconds + 86_400 + 5)
        #expect(throws: TokenError.expired) {
            try issuer.verifyRefreshToken(refreshToken, now: tooLate)
        }
    }

    @Test("a refresh token of another issuer, audience or key is refused")
    func foreignRefreshTokens() async throws {
        let issued = try issuer(await Forge.keys("main"))
            .issue(user: "alice", claims: [:], now: Forge.now)
        let token = Array(issued.refreshToken.utf8)
        func error(_ issuer: TokenIssuer) -> TokenError? {
            do {
                _ = try issuer.verifyRefreshToken(token, now: Forge.now)
                return nil
            } catch { return error }
        }
        let keys = try await Forge.keys("main")
        let other = try TokenIssuer(
            keys: keys, kid: "main", issuer: "other", audience: nil, ttlSeconds: 1,
            refreshTTLSeconds: 1)
        #expect(error(other) == .wrongIssuer)
        let elsewhere = try TokenIssuer(
            keys: keys, kid: "main", issuer: nil, audience: "x", ttlSeconds: 1,
            refreshTTLSeconds: 1)
        #expect(error(elsewhere) == .wrongAudience)
        let rotated = try TokenIssuer(
            keys: await Forge.keys("next"), kid: "next", issuer: nil, audience: nil, ttlSeconds: 1,
            refreshTTLSeconds: 1)
        #expect(error(rotated) == .unknownKey)
    }

    @Test("what cannot be issued is named")
    func refusals() async throws {
        let keys = try await Forge.keys("main")
        let issuer = try issuer(keys)
        func error(user: String = "a", _ claims: [String: ClaimValue]) -> IssueError? {
            do {
                _ = try issuer.issue(user: user, claims: claims, now: Forge.now)
                return nil
            } catch { return error }
        }
        for name in ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "use"] {
            #expect(error([name: .string("x")]) == .reservedClaim(name))
            #expect(TokenIssuer.reservedClaims.contains(name))
        }
        #expect(error(["x": .number(.infinity)]) == .badClaim("x"))
        #expect(error(["x": .array([.object(["y": .number(.nan)])])]) == .badClaim("x"))
        #expect(error(["roles": .integer(1)]) == .badClaim("roles"))
        #expect(error(user: "", [:]) == .badUser)
        #expect(error(user: "a\nb", [:]) == .badUser)
        #expect(error(["x": .string(String(repeating: "x", count: 8_000))]) == .tooLarge)
        #expect(throws: KeyError.unknownKid("next")) {
            try TokenIssuer(
                keys: keys, kid: "next", issuer: nil, audience: nil, ttlSeconds: 1,
                refreshTTLSeconds: 1)
        }
    }
}
