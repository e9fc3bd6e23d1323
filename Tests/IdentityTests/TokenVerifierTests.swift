import SluiceIdentity
import SluiceVocabulary
import Testing

@Suite("Token verifier")
struct TokenVerifierTests {
    @Test("a good token gives the principal its claims tell of")
    func goodToken() async throws {
        let verifier = try await Forge.verifier()
        let principal = try verifier.verify(
            Forge.adding(#""roles":["member","admin"],"jti":"t-1","plan":"pro","n":3"#),
            now: Forge.now)
        #expect(principal.user == "alice")
        #expect(principal.roles == ["member", "admin"])
        #expect(principal.tokenID == "t-1")
        #expect(principal.expiresAtSeconds == 1_700_003_600)
        #expect(principal.claims["plan"] == .string("pro"))
        #expect(principal.claims["n"] == .integer(3))
    }

    @Test("a token without roles, jti, iat and exp is somebody without roles for ever")
    func sparseToken() async throws {
        let verifier = try await Forge.verifier(TokenRules())
        let principal = try verifier.verify(Forge.token(claims: #"{"sub":"a"}"#), now: Forge.now)
        #expect(principal.roles.isEmpty)
        #expect(principal.tokenID == nil)
        #expect(principal.expiresAtSeconds == nil)
        #expect(refusal(verifier, Forge.token(claims: #"{"sub":"a"}"#), at: Forge.time(1)) == nil)
    }

    static let refusals: [(TokenError, [UInt8])] = [
        (.malformed, Array("no token".utf8)),
        (.tooLarge, [UInt8](repeating: UInt8(ascii: "a"), count: 8_193)),
        (.algorithmNotAllowed, Forge.token(header: #"{"alg":"HS384","kid":"main"}"#)),
        (.unknownKey, Forge.token(header: #"{"alg":"HS256","kid":"other"}"#)),
        (.badSignature, Forge.token(secret: Forge.otherSecret)),
        (.expired, Forge.token(claims: #"{"iss":"sluice","aud":"sluice","sub":"a","exp":1}"#)),
        (.notYetValid, Forge.adding(#""nbf":1700003000"#)),
        (.wrongIssuer, Forge.token(claims: #"{"iss":"x","aud":"sluice","sub":"a"}"#)),
        (.wrongIssuer, Forge.token(claims: #"{"aud":"sluice","sub":"a"}"#)),
        (.wrongAudience, Forge.token(claims: #"{"iss":"sluice","aud":"x","sub":"a"}"#)),
        (.wrongAudience, Forge.token(claims: #"{"iss":"sluice","sub":"a"}"#)),
        (.noSubject, Forge.token(claims: #"{"iss":"sluice","aud":"sluice"}"#)),
        (.wrongUse, Forge.adding(#""use":"refresh""#)),
    ]

    @Test("every reason to refuse a token is given for the token it is meant for")
    func everyReason() async throws {
        let verifier = try await Forge.verifier()
        for (expected, token) in Self.refusals {
            #expect(refusal(verifier, token) == expected)
        }
        // The rest is told by those who ask others about a token whose form is right.
        let elsewhere: Set<TokenError> = [
            .revoked, .reused, .notActive, .userGone, .unavailable, .overloaded,
        ]
        #expect(Set(Self.refusals.map(\.0)) == Set(TokenError.allCases).subtracting(elsewhere))
        #expect(verifier.cachedTokens == 0)
    }

    @Test("the reasons have names fit for a metric label, and answers that tell a guesser nothing")
    func reasonNames() {
        for reason in TokenError.allCases {
            #expect(reason.rawValue.allSatisfy { $0 == "_" || $0.isLowercase })
        }
        for reason in Set(Self.refusals.map(\.0)) where reason != .expired {
            #expect(reason.refusal == .unauthenticated)
            #expect(reason.closeReason == .badToken)
        }
        #expect(TokenError.expired.refusal == .tokenExpired)
        for reason: TokenError in [.revoked, .reused, .userGone] {
            #expect(reason.refusal == .revoked)
            #expect(reason.closeReason.code == 4505)
        }
        for reason: TokenError in [.unavailable, .overloaded] {
            #expect(reason.refusal.status == 503)
            #expect(reason.closeReason.code == 4005)
        }
        #expect(TokenError.notYetValid.rawValue == "not_yet_valid")
    }

    @Test("exp, nbf and iat are good to the second, and the leeway moves each by itself")
    func timeEdges() async throws {
        for leeway: Int64 in [0, 5] {
            let verifier = try await Forge.verifier(TokenRules(leewaySeconds: leeway))
            let expires = Forge.token(claims: #"{"sub":"a","exp":1000}"#)
            #expect(refusal(verifier, expires, at: Forge.time(999 + leeway)) == nil)
            #expect(refusal(verifier, expires, at: Forge.time(1_000 + leeway)) == .expired)
            for name in ["nbf", "iat"] {
                let starts = Forge.token(claims: #"{"sub":"a","\#(name)":1000}"#)
                #expect(refusal(verifier, starts, at: Forge.time(1_000 - leeway)) == nil)
                #expect(refusal(verifier, starts, at: Forge.time(999 - leeway)) == .notYetValid)
            }
            let both = Forge.token(claims: #"{"sub":"a","nbf":900,"iat":1000}"#)
            #expect(refusal(verifier, both, at: Forge.time(950)) == .notYetValid)
        }
    }

    @Test("a leeway out of range is brought into range")
    func leewayRange() {
        #expect(TokenRules(leewaySeconds: -1).leewaySeconds == 0)
        #expect(TokenRules(leewaySeconds: .max).leewaySeconds == 86_400)
    }

    @Test("a fraction of a second never makes a token good for longer")
    func fractions() async throws {
        let verifier = try await Forge.verifier(TokenRules())
        let expires = Forge.token(claims: #"{"sub":"a","exp":1000.9}"#)
        #expect(refusal(verifier, expires, at: Forge.time(999)) == nil)
        #expect(refusal(verifier, expires, at: Forge.time(1_000)) == .expired)
        let starts = Forge.token(claims: #"{"sub":"a","nbf":1e3,"iat":1000.1}"#)
        #expect(refusal(verifier, starts, at: Forge.time(1_000)) == .notYetValid)
        #expect(refusal(verifier, starts, at: Forge.time(1_001)) == nil)
    }

    @Test("an audience may be one of several")
    func audiences() async throws {
        let verifier = try await Forge.verifier(TokenRules(audience: "sluice"))
        func aud(_ value: String) -> [UInt8] {
            Forge.token(claims: #"{"sub":"a","aud":\#(value)}"#)
        }
        #expect(refusal(verifier, aud(#"["x","sluice"]"#)) == nil)
        #expect(refusal(verifier, aud(#"["x"]"#)) == .wrongAudience)
        #expect(refusal(verifier, aud("[]")) == .wrongAudience)
        #expect(refusal(verifier, aud(#""""#)) == .wrongAudience)
        for wrong in ["1", "null", "true", "{}", #"["sluice",1]"#, #"[["sluice"]]"#] {
            #expect(refusal(verifier, aud(wrong)) == .malformed)
        }
    }

    @Test("a token without kid is taken only where there is exactly one key")
    func withoutKid() async throws {
        let token = Forge.token(header: #"{"alg":"HS256"}"#)
        let one = TokenVerifier(
            keys: try await Forge.keys("main"), rules: TokenRules(), maxCachedTokens: 0)
        #expect(refusal(one, token) == nil)
        let two = TokenVerifier(
            keys: try await Forge.keys("main", "next"), rules: TokenRules(), maxCachedTokens: 0)
        #expect(refusal(two, token) == .unknownKey)
        #expect(refusal(two, Forge.token()) == nil)
    }

    @Test("a key verifies only the tokens that name it")
    func keysDoNotStandInForEachOther() async throws {
        let keys = try await Forge.keys("main", "next")
        let verifier = TokenVerifier(keys: keys, rules: TokenRules(), maxCachedTokens: 0)
        let crossed = Forge.token(header: #"{"alg":"HS256","kid":"next"}"#)
        #expect(refusal(verifier, crossed) == .badSignature)
    }
}
