import SluiceIdentity
import SluiceVocabulary
import Testing

@Suite("Tokens made to deceive")
struct TokenAttackTests {
    @Test(
        "a token that says it is not signed is refused in every spelling",
        arguments: ["none", "None", "NONE", "nOnE", "none ", "", "null", "unsecured"])
    func unsigned(algorithm: String) async throws {
        let verifier = try await Forge.verifier()
        for kid in [#","kid":"main""#, #","kid":"other""#, ""] {
            let header = #"{"alg":"\#(algorithm)"\#(kid)}"#
            let part = Forge.base64(Array(header.utf8))
            let claims = Forge.base64(Array(Forge.claims.utf8))
            for token in [
                Array("\(part).\(claims).".utf8), Forge.token(header: header),
                Array("\(part).\(claims).AAAA".utf8),
            ] {
                #expect(refusal(verifier, token) == .algorithmNotAllowed)
            }
        }
    }

    @Test(
        "the algorithm is the key's, never the token's",
        arguments: [
            "HS384", "HS512", "RS256", "RS384", "PS256", "ES256", "EdDSA", "hs256", "HS256 ",
            "HS\\u00002", "HMAC", "dir", "A128KW",
        ])
    func confusedAlgorithm(algorithm: String) async throws {
        let verifier = try await Forge.verifier()
        let token = Forge.token(header: #"{"alg":"\#(algorithm)","kid":"main"}"#)
        #expect(refusal(verifier, token) == .algorithmNotAllowed)
        #expect(verifier.signatureChecks == 0)
    }

    @Test("an algorithm that is absent or not text is malformed")
    func shapelessAlgorithm() async throws {
        let verifier = try await Forge.verifier()
        for header in [
            #"{"kid":"main"}"#, #"{"alg":null}"#, #"{"alg":256}"#, #"{"alg":["HS256"]}"#,
            #"{"alg":{"HS256":1}}"#, "{}",
        ] {
            #expect(refusal(verifier, Forge.token(header: header)) == .malformed)
        }
    }

    @Test("a token signed with a public key in place of the secret is refused")
    func publicKeyAsSecret() async throws {
        let verifier = try await Forge.verifier()
        let pem = Array(
            "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQ\n-----END PUBLIC KEY-----\n".utf8)
        #expect(refusal(verifier, Forge.token(secret: pem)) == .badSignature)
        #expect(refusal(verifier, Forge.token(secret: [])) == .badSignature)
    }

    @Test(
        "a kid is a name and nothing else",
        arguments: [
            "", " ", "main ", "Main", "../../dev/null", "/dev/null", "main\\u0000", "*", "main'--",
            "https://evil.example/key", "' UNION SELECT 'x", "$(id)", "main\\n",
        ])
    func injectedKid(kid: String) async throws {
        let verifier = try await Forge.verifier()
        for secret in [Forge.secret, [], [UInt8](repeating: 0, count: 32)] {
            let token = Forge.token(header: #"{"alg":"HS256","kid":"\#(kid)"}"#, secret: secret)
            #expect(refusal(verifier, token) == .unknownKey)
        }
        #expect(verifier.signatureChecks == 0)
    }

    @Test("a kid that is not text is malformed, not absent")
    func shapelessKid() async throws {
        let verifier = try await Forge.verifier()
        for kid in ["null", "0", "true", #"["main"]"#, "{}"] {
            let token = Forge.token(header: #"{"alg":"HS256","kid":\#(kid)}"#)
            #expect(refusal(verifier, token) == .malformed)
        }
    }

    @Test("a key that comes with the token is not used")
    func embeddedKeys() async throws {
        let verifier = try await Forge.verifier()
        let octets = Forge.base64(Forge.otherSecret)
        for extra in [
            #""jwk":{"kty":"oct","k":"\#(octets)"}"#, #""jku":"https://evil.example/jwks""#,
            #""x5u":"https://evil.example/cert""#, #""x5c":["\#(octets)"]"#,
        ] {
            let header = #"{"alg":"HS256","kid":"main",\#(extra)}"#
            let forged = Forge.token(header: header, secret: Forge.otherSecret)
            #expect(refusal(verifier, forged) == .badSignature)
            #expect(refusal(verifier, Forge.token(header: header)) == nil)
        }
    }

    @Test("a header with crit is refused, whatever it names")
    func criticalExtensions() async throws {
        let verifier = try await Forge.verifier()
        for crit in [#"["b64"],"b64":false"#, #"["exp"]"#, "[]", "null", #""b64""#] {
            let token = Forge.token(header: #"{"alg":"HS256","kid":"main","crit":\#(crit)}"#)
            #expect(refusal(verifier, token) == .malformed)
        }
    }

    @Test("a key that occurs twice is refused in header and claims, however it is spelled")
    func duplicateKeys() async throws {
        let verifier = try await Forge.verifier()
        for header in [
            #"{"alg":"none","alg":"HS256","kid":"main"}"#,
            #"{"alg":"HS256","kid":"main","kid":"main"}"#,
            #"{"alg":"HS256","\u0061lg":"HS256","kid":"main"}"#,
        ] {
            #expect(refusal(verifier, Forge.token(header: header)) == .malformed)
        }
        for extra in [
            #""sub":"root""#, #""s\u0075b":"root""#, #""exp":9999999999"#,
            #""x":{"a":1,"a":2}"#, #""x":[{"a":1,"b":2,"a":1}]"#,
        ] {
            #expect(refusal(verifier, Forge.adding(extra)) == .malformed)
        }
    }

    @Test("a token inside a token is not unwrapped")
    func nestedToken() async throws {
        let verifier = try await Forge.verifier()
        let inner = String(decoding: Forge.token(), as: UTF8.self)
        let header = #"{"alg":"HS256","kid":"main","cty":"JWT"}"#
        for claims in [inner, #""\#(inner)""#, #"["\#(inner)"]"#] {
            #expect(refusal(verifier, Forge.token(header: header, claims: claims)) == .malformed)
        }
    }

    @Test("a token too large is refused before anything of it is read")
    func hugeToken() async throws {
        let verifier = try await Forge.verifier(TokenRules(maxTokenBytes: 8_192))
        let filler = String(repeating: "x", count: 8_192)
        #expect(refusal(verifier, Forge.adding(#""x":"\#(filler)""#)) == .tooLarge)
        let deep = String(repeating: "[", count: 2_000) + String(repeating: "]", count: 2_000)
        #expect(refusal(verifier, Forge.adding(#""x":\#(deep)"#)) == .malformed)
        #expect(verifier.signatureChecks == 1)
    }

    @Test("more or fewer than three parts, or empty ones, are malformed")
    func parts() async throws {
        let verifier = try await Forge.verifier()
        let token = String(decoding: Forge.token(), as: UTF8.self)
        let parts = token.split(separator: ".").map(String.init)
        for wrong in [
            "", ".", "..", "...", parts[0], parts[0] + "." + parts[1], token + ".", "." + token,
            token + "." + parts[2], ".\(parts[1]).\(parts[2])", "\(token).\(token)",
            token + " ", " " + token, token + "\n", "Bearer " + token,
        ] {
            #expect(refusal(verifier, Array(wrong.utf8)) == .malformed)
        }
        #expect(refusal(verifier, Array("\(parts[0]).\(parts[1]).".utf8)) == .badSignature)
        #expect(refusal(verifier, Array("\(parts[0])..\(parts[2])".utf8)) == .badSignature)
    }

    @Test("a signature has one spelling")
    func signatureSpelling() async throws {
        let verifier = try await Forge.verifier(maxCachedTokens: 0)
        let token = Forge.token()
        let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
        // 32 bytes leave two bits over, so four letters would spell the same last byte.
        for letter in letters where letter != token.last {
            let found = refusal(verifier, token.dropLast() + [letter])
            #expect(found == .malformed || found == .badSignature)
        }
        for ending in ["=", "==", "A", "AAAA", "%3D", "\0"] {
            #expect(refusal(verifier, token + Array(ending.utf8)) != nil)
        }
        #expect(refusal(verifier, token + [UInt8(ascii: "=")]) == .malformed)
        #expect(refusal(verifier, token.dropLast()) == .malformed)
    }

    @Test("header and claims are base64url in one spelling, though the signature fits another")
    func partSpelling() async throws {
        let verifier = try await Forge.verifier()
        let claims = Forge.base64(Array(Forge.claims.utf8))
        // 14 bytes leave four bits over.
        let header = Forge.base64(Array(#"{"alg":"HS256"}  "#.utf8.prefix(17)))
        #expect(refusal(verifier, Forge.sign(header + "." + claims)) == nil)
        let last = header.removingLast()
        for wrong in [
            header + "=", header + "\n", last + "B", last + "+", last + "/", "=" + header,
            last + " ", last + "é",
        ] {
            #expect(refusal(verifier, Forge.sign(wrong + "." + claims)) == .malformed)
        }
    }
}

extension String {
    fileprivate func removingLast() -> String { String(dropLast()) }
}
