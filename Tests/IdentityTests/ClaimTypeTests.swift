import SluiceIdentity
import SluiceVocabulary
import Testing

@Suite("Types of claims")
struct ClaimTypeTests {
    private func refuse(_ claims: String) async throws -> TokenError? {
        refusal(try await Forge.verifier(TokenRules()), Forge.token(claims: claims))
    }

    @Test(
        "a date that is no date is malformed",
        arguments: [
            #""1700003600""#, "null", "true", "[1700003600]", "{}", "9223372036854775807",
            "9223372036854775808", "18446744073709551616", "1e300", "-9223372036854775808",
            "9007199254740993", "-9007199254740993", "1e16",
        ])
    func wrongDates(value: String) async throws {
        for name in ["exp", "nbf", "iat"] {
            let claims = #"{"sub":"a","exp":1800000000,"\#(name)":\#(value)}"#
                .replacingFirst(#""exp":1800000000,"exp""#, with: #""exp""#)
            #expect(try await refuse(claims) == .malformed)
        }
    }

    @Test("a number that JSON or a Double cannot hold is malformed")
    func wrongNumbers() async throws {
        for value in ["1e999", "-1e999", "01", "+1", "1.", ".5", "1e", "0x10", "NaN", "Infinity"] {
            #expect(try await refuse(#"{"sub":"a","exp":\#(value)}"#) == .malformed)
        }
    }

    @Test("a negative expiry has passed, and a token may be older than 1970")
    func negativeDates() async throws {
        #expect(try await refuse(#"{"sub":"a","exp":-1}"#) == .expired)
        #expect(try await refuse(#"{"sub":"a","exp":-0.5}"#) == .expired)
        #expect(try await refuse(#"{"sub":"a","exp":0}"#) == .expired)
        #expect(try await refuse(#"{"sub":"a","nbf":-5,"iat":-9007199254740992}"#) == nil)
        #expect(try await refuse(#"{"sub":"a","exp":9007199254740992}"#) == nil)
    }

    @Test(
        "a subject is text that is not empty",
        arguments: ["null", "7", "true", #""""#, #"["alice"]"#, #"{"id":"alice"}"#])
    func wrongSubjects(value: String) async throws {
        #expect(try await refuse(#"{"sub":\#(value)}"#) == .noSubject)
    }

    @Test("a subject with control characters is refused, for it goes into headers and journal")
    func controlCharacters() async throws {
        for text in ["a\\u0000", "a\\nSLUICE_USER=root", "\\u001b[2J", "a\\u0085b", "\\u007f"] {
            #expect(try await refuse(#"{"sub":"\#(text)"}"#) == .malformed)
        }
        #expect(try await refuse(#"{"sub":"zoë 日本 😀"}"#) == nil)
    }

    @Test("roles are a list of texts, or one text")
    func roles() async throws {
        let verifier = try await Forge.verifier(TokenRules())
        func roles(_ value: String) throws(TokenError) -> [String] {
            let token = Forge.token(claims: #"{"sub":"a","roles":\#(value)}"#)
            return try verifier.verify(token, now: Forge.now).roles
        }
        #expect(try roles("[]") == [])
        #expect(try roles(#""admin""#) == ["admin"])
        #expect(try roles(#""admin member""#) == ["admin member"])
        for wrong in ["null", "1", "true", "{}", #"{"admin":true}"#, "[1]", #"["a",null]"#] {
            #expect(throws: TokenError.malformed) { try roles(wrong) }
        }
    }

    @Test("issuer and token id are texts")
    func texts() async throws {
        for name in ["iss", "jti"] {
            for value in ["null", "1", #"["sluice"]"#, "{}"] {
                #expect(try await refuse(#"{"sub":"a","\#(name)":\#(value)}"#) == .malformed)
            }
        }
    }

    @Test("a use the gateway does not know is not access")
    func use() async throws {
        for value in [#""refresh""#, #""id""#, #""Access""#, #""""#, "null", "1", #"["access"]"#] {
            #expect(try await refuse(#"{"sub":"a","use":\#(value)}"#) == .wrongUse)
        }
        #expect(try await refuse(#"{"sub":"a","use":"access"}"#) == nil)
    }
}

extension String {
    fileprivate func replacingFirst(_ part: String, with other: String) -> String {
        guard let range = firstRange(of: part) else { return self }
        var copy = self
        copy.replaceSubrange(range, with: other)
        return copy
    }
}
