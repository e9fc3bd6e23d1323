import SluiceIdentity
import Testing

@Suite("JWKS")
struct JWKSTests {
    private static let octets = "AQAB"

    private func read(
        _ keys: String..., algorithms: [SignatureAlgorithm] = [.rs256, .es256, .edDSA]
    ) throws(JWKS.Problem) -> JWKS {
        try JWKS(
            Array(#"{"keys":[\#(keys.joined(separator: ","))]}"#.utf8), algorithms: algorithms)
    }

    private func problem(_ text: String) -> JWKS.Problem? {
        do throws(JWKS.Problem) {
            _ = try JWKS(Array(text.utf8), algorithms: [.rs256])
            return nil
        } catch { return error }
    }

    private func rsa(_ kid: String, _ more: String = "") -> String {
        #"{"kty":"RSA","kid":"\#(kid)","n":"AQAB","e":"AQAB"\#(more)}"#
    }

    @Test("a key without alg is pinned to the first algorithm that fits its kind")
    func algorithms() throws {
        let set = try read(
            rsa("r"), #"{"kty":"EC","crv":"P-256","kid":"e","x":"AQAB","y":"AQAB"}"#,
            #"{"kty":"OKP","crv":"Ed25519","kid":"o","x":"AQAB"}"#,
            algorithms: [.ps384, .rs256, .es256, .edDSA])
        #expect(set.materials.map(\.algorithm) == ["PS384", "ES256", "EdDSA"])
        #expect(set.skipped == 0)
    }

    @Test(
        "a key that is not for us is left out, and the others stay",
        arguments: [
            #","use":"enc""#, #","use":7"#, #","key_ops":["encrypt"]"#, #","key_ops":[]"#,
            #","alg":"RS512""#, #","alg":"ES256""#, #","alg":"none""#, #","alg":256"#,
        ])
    func leftOut(more: String) throws {
        let set = try read(rsa("a", more), rsa("b", #","use":"sig","key_ops":["verify"]"#))
        #expect(set.materials.map(\.kid) == ["b"])
        #expect(set.skipped == 1)
    }

    @Test("unknown kinds, other curves, keys without kid and bad base64 are left out")
    func unusable() throws {
        let set = try read(
            #"{"kty":"AKP","kid":"a"}"#,
            #"{"kty":"EC","crv":"secp256k1","kid":"b","x":"AQAB","y":"AQAB"}"#,
            #"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#,
            #"{"kty":"RSA","kid":"c","n":"AQAB==","e":"AQAB"}"#,
            #"{"kty":"EC","crv":"P-384","kid":"d","x":"AQAB","y":"AQAB"}"#)
        #expect(set.materials.isEmpty)
        #expect(set.skipped == 5)
    }

    @Test("a set with a secret, a private key or two keys of one kid is not taken at all")
    func refused() {
        func set(_ keys: String) -> String { #"{"keys":[\#(keys)]}"# }
        #expect(problem(set(#"{"kty":"oct","kid":"a","k":"AQAB"}"#)) == .secretKey)
        #expect(problem(set(rsa("a") + "," + rsa("b", #","d":"AQAB""#))) == .secretKey)
        #expect(problem(set(rsa("a") + "," + rsa("a"))) == .duplicateKid)
        let many = (0...JWKS.maxKeys).map { rsa("k\($0)") }.joined(separator: ",")
        #expect(problem(set(many)) == .tooManyKeys)
        for text in ["", "[]", "{}", #"{"keys":{}}"#, #"{"keys":[1]}"#, #"{"keys":[{}]}"#] {
            #expect(problem(text) == .malformed)
        }
        #expect(problem(#"{"keys":[],"keys":[]}"#) == .malformed)
    }
}
