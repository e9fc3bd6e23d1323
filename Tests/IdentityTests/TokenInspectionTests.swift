import SluiceIdentity
import SluiceVocabulary
import Testing

@Suite("Token inspection")
struct TokenInspectionTests {
    @Test("a token is shown whoever signed it, keys sorted and indented")
    func shown() throws {
        let token = Forge.token(
            claims: #"{"sub":"a","b":[1,{"c":[]}],"exp":1}"#, secret: Forge.otherSecret)
        let inspection = try TokenInspection(token)
        #expect(
            inspection.headerText == """
                {
                  "alg": "HS256",
                  "kid": "main",
                  "typ": "JWT"
                }
                """)
        #expect(
            inspection.claimsText == """
                {
                  "b": [
                    1,
                    {
                      "c": []
                    }
                  ],
                  "exp": 1,
                  "sub": "a"
                }
                """)
    }

    @Test("a token cannot steer the terminal that shows it")
    func controlCharacters() throws {
        let token = Forge.token(claims: #"{"sub":"\u001b[2J\u009b31m\u007f\r"}"#)
        let text = try TokenInspection(token).claimsText
        #expect(text.contains(#""\u001b[2J\u009b31m\u007f\u000d""#))
    }

    @Test("an unsigned token can be looked at, a broken one not")
    func unsignedAndBroken() throws {
        #expect(
            try TokenInspection(Array(PyJWTVectors.unsigned.utf8)).header["alg"] == .string("none"))
        #expect(throws: TokenError.malformed) { try TokenInspection(Array("a.b".utf8)) }
        #expect(throws: TokenError.tooLarge) {
            try TokenInspection([UInt8](repeating: 0, count: 65_537))
        }
    }
}
