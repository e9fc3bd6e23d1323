import SluiceIdentity
import SluiceVocabulary
import Testing

@Suite("Cache of verified tokens")
struct TokenCacheTests {
    private func token(_ number: Int) -> [UInt8] {
        Forge.token(claims: #"{"sub":"user-\#(number)","exp":1700003600}"#)
    }

    @Test("the same token gives the same principal and costs one signature check")
    func hit() async throws {
        let verifier = try await Forge.verifier()
        let first = try verifier.verify(Forge.token(), now: Forge.now)
        for _ in 0..<100 {
            #expect(try verifier.verify(Forge.token(), now: Forge.now) === first)
        }
        #expect(verifier.signatureChecks == 1)
        #expect(verifier.cachedTokens == 1)
    }

    @Test("a refused token is not remembered")
    func refusedTokensAreNotKept() async throws {
        let verifier = try await Forge.verifier()
        let token = Forge.token(secret: Forge.otherSecret)
        for _ in 0..<3 { #expect(refusal(verifier, token) == .badSignature) }
        #expect(verifier.signatureChecks == 3)
        #expect(verifier.cachedTokens == 0)
    }

    @Test("a remembered token dies at its expiry, leeway included, as one never seen would")
    func expiry() async throws {
        for leeway: Int64 in [0, 5] {
            let verifier = try await Forge.verifier(TokenRules(leewaySeconds: leeway))
            #expect(refusal(verifier, Forge.token()) == nil)
            let last = Forge.time(1_700_003_599 + leeway)
            #expect(refusal(verifier, Forge.token(), at: last) == nil)
            #expect(verifier.signatureChecks == 1)
            let end = Forge.time(1_700_003_600 + leeway)
            #expect(refusal(verifier, Forge.token(), at: end) == .expired)
            #expect(verifier.cachedTokens == 0)
            #expect(refusal(verifier, Forge.token(), at: end) == .expired)
        }
    }

    @Test("a clock that is set back makes a remembered token wait for its nbf again")
    func clockSetBack() async throws {
        let verifier = try await Forge.verifier(TokenRules())
        let token = Forge.token(claims: #"{"sub":"a","nbf":1000}"#)
        #expect(refusal(verifier, token, at: Forge.time(1_000)) == nil)
        #expect(refusal(verifier, token, at: Forge.time(999)) == .notYetValid)
        #expect(refusal(verifier, token, at: Forge.time(1_000)) == nil)
    }

    @Test("other keys or rules empty the cache, equal ones keep it")
    func adoption() async throws {
        let rules = TokenRules(issuer: "sluice")
        let verifier = try await Forge.verifier(rules)
        let first = try verifier.verify(Forge.token(), now: Forge.now)
        verifier.adopt(keys: try await Forge.keys("main"), rules: rules)
        #expect(try verifier.verify(Forge.token(), now: Forge.now) === first)

        verifier.adopt(keys: try await Forge.keys("next"), rules: rules)
        #expect(verifier.cachedTokens == 0)
        #expect(refusal(verifier, Forge.token()) == .unknownKey)

        verifier.adopt(keys: try await Forge.keys("main", "next"), rules: rules)
        #expect(refusal(verifier, Forge.token()) == nil)
        verifier.adopt(
            keys: try await Forge.keys("main", "next"), rules: TokenRules(issuer: "other"))
        #expect(refusal(verifier, Forge.token()) == .wrongIssuer)
    }

    @Test("the cache never holds more than it may, and every token stays good without it")
    func bound() async throws {
        for capacity in [0, 1, 2, 50] {
            let verifier = try await Forge.verifier(TokenRules(), maxCachedTokens: capacity)
            for number in 0..<200 {
                #expect(refusal(verifier, token(number)) == nil)
                #expect(verifier.cachedTokens <= capacity)
            }
            #expect(verifier.cachedTokens == capacity)
            for number in 0..<200 { #expect(refusal(verifier, token(number)) == nil) }
            #expect(verifier.cachedTokens == capacity)
        }
    }

    @Test("a token in use outlives a flood of tokens used once")
    func floodOfNewTokens() async throws {
        let verifier = try await Forge.verifier(TokenRules(), maxCachedTokens: 32)
        for number in 0..<500 {
            #expect(refusal(verifier, token(number)) == nil)
            #expect(refusal(verifier, Forge.token()) == nil)
        }
        #expect(verifier.signatureChecks == 501)
    }

    @Test("random use leaves the cache in step with what it says it holds")
    func randomUse() async throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var state = seed
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        let verifier = try await Forge.verifier(TokenRules(), maxCachedTokens: 16)
        // User n's token expires at 1000 + n; time runs past all of them and back.
        for _ in 0..<3_000 {
            let number = next(40)
            let now = 980 + next(80)
            let token = Forge.token(claims: #"{"sub":"\#(number)","exp":\#(1_000 + number)}"#)
            let expected: TokenError? = now < 1_000 + number ? nil : .expired
            #expect(
                refusal(verifier, token, at: Forge.time(Int64(now))) == expected, "seed \(seed)")
            #expect(verifier.cachedTokens <= 16, "seed \(seed)")
        }
    }
}
