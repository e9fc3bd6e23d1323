import SluiceIdentity
import SluiceVocabulary
import Testing

@Suite("Tokens of another implementation")
struct PyJWTTests {
    static let verdicts: [(String, TokenError?)] = [
        (PyJWTVectors.accepted, nil),
        (PyJWTVectors.withoutKid, nil),
        (PyJWTVectors.audienceList, nil),
        (PyJWTVectors.fractionalTimes, nil),
        (PyJWTVectors.unicodeClaims, nil),
        (PyJWTVectors.withoutExpiry, nil),
        (PyJWTVectors.otherSecret, .badSignature),
        (PyJWTVectors.otherKid, .unknownKey),
        (PyJWTVectors.hs384, .algorithmNotAllowed),
        (PyJWTVectors.hs512, .algorithmNotAllowed),
        (PyJWTVectors.unsigned, .algorithmNotAllowed),
        (PyJWTVectors.rs256, .algorithmNotAllowed),
        (PyJWTVectors.es256, .algorithmNotAllowed),
        (PyJWTVectors.refresh, .wrongUse),
        (PyJWTVectors.wrongAudience, .wrongAudience),
        (PyJWTVectors.wrongIssuer, .wrongIssuer),
        (PyJWTVectors.notYetValid, .notYetValid),
        (PyJWTVectors.withoutSubject, .noSubject),
    ]

    @Test("tokens made by PyJWT are judged as their claims deserve")
    func judged() async throws {
        let verifier = try await Forge.verifier()
        for (token, expected) in Self.verdicts {
            #expect(refusal(verifier, Array(token.utf8)) == expected, "\(token)")
        }
        let accepted = Array(PyJWTVectors.accepted.utf8)
        #expect(refusal(verifier, accepted, at: Forge.time(1_700_003_600)) == .expired)
    }

    @Test("a changed byte anywhere in a good token makes it a bad one")
    func everyByteCounts() async throws {
        let verifier = try await Forge.verifier(maxCachedTokens: 1_000)
        let token = Array(PyJWTVectors.accepted.utf8)
        for index in token.indices {
            var changed = token
            changed[index] =
                token[index] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
            #expect(refusal(verifier, changed) != nil, "byte \(index)")
        }
        #expect(verifier.cachedTokens == 0)
    }

    @Test("claims beyond ASCII arrive as they were written")
    func unicode() async throws {
        let principal = try await Forge.verifier()
            .verify(Array(PyJWTVectors.unicodeClaims.utf8), now: Forge.now)
        #expect(principal.user == "zoë")
        #expect(principal.claims["name"] == .string("日本 😀"))
        let nested: [ClaimValue] = [.integer(1), .number(2.5), .null, .bool(true)]
        #expect(principal.claims["nested"] == .object(["a": .array(nested)]))
    }
}
