import Crypto
import SluiceIdentity
import SluiceVocabulary

/// Makes tokens that no honest issuer would, signed all the same.
enum Forge {
    static let secret = PyJWTVectors.secret
    static let otherSecret = Array("another secret of the tests, long enough too".utf8)
    static let header = #"{"alg":"HS256","kid":"main","typ":"JWT"}"#
    /// A good token's claims without the closing brace, so that a test can add to them.
    static let openClaims = #"{"iss":"sluice","aud":"sluice","sub":"alice","exp":1700003600"#
    static let claims = openClaims + "}"
    /// 100 seconds after the tokens of the tests were issued.
    static let now = time(1_700_000_100)

    static func time(_ seconds: Int64) -> WallTime { WallTime(microseconds: seconds * 1_000_000) }

    /// `claims` added to a good token's.
    static func adding(_ claims: String) -> [UInt8] { token(claims: openClaims + ",\(claims)}") }

    static func token(
        header: String = header, claims: String = claims, secret: [UInt8] = secret
    ) -> [UInt8] {
        sign(base64(Array(header.utf8)) + "." + base64(Array(claims.utf8)), secret: secret)
    }

    /// A token of two parts that are given as they shall stand in it.
    static func sign(_ signedPart: String, secret: [UInt8] = secret) -> [UInt8] {
        Array("\(signedPart).\(base64(signature(of: signedPart, secret: secret)))".utf8)
    }

    static func signature(of signedPart: String, secret: [UInt8] = secret) -> [UInt8] {
        let key = SymmetricKey(data: secret)
        return Array(HMAC<SHA256>.authenticationCode(for: Array(signedPart.utf8), using: key))
    }

    /// Base64url without padding, written apart from the code under test.
    static func base64(_ bytes: [UInt8]) -> String {
        let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        let bits = bytes.flatMap { byte in (0..<8).map { byte >> (7 - $0) & 1 } }
        return stride(from: 0, to: bits.count, by: 6).reduce(into: "") { text, start in
            let value = (start..<start + 6).reduce(0) { sum, index in
                sum << 1 | Int(index < bits.count ? bits[index] : 0)
            }
            text.append(letters[value])
        }
    }

    static func keys(_ names: String...) async throws -> KeySet {
        var materials: [KeyMaterial] = []
        for name in names {
            let secret = name == "main" ? secret : Array("secret of \(name) ".utf8) + otherSecret
            materials.append(KeyMaterial(kid: name, algorithm: "HS256", secret: secret))
        }
        return try await KeySet.make(materials)
    }

    static func verifier(
        _ rules: TokenRules = TokenRules(issuer: "sluice", audience: "sluice"),
        maxCachedTokens: Int = 100
    ) async throws -> TokenVerifier {
        TokenVerifier(
            keys: try await keys("main"), rules: rules, maxCachedTokens: maxCachedTokens)
    }
}

/// The reason for which a token is refused; nil when it is accepted.
func refusal(
    _ verifier: TokenVerifier, _ token: [UInt8], at now: WallTime = Forge.now
) -> TokenError? {
    do {
        _ = try verifier.verify(token, now: now)
        return nil
    } catch { return error }
}
