import JWTKit
import SluiceVocabulary

/// A token taken apart (RFC 7515 section 3.1), its signature not yet checked.
struct SignedToken: Sendable {
    let header: [String: ClaimValue]
    /// Header and claims as they were signed, the dot between them included.
    private let signedPart: ArraySlice<UInt8>
    private let encodedClaims: ArraySlice<UInt8>
    private let signature: [UInt8]

    /// - Throws: `.tooLarge` or `.malformed`.
    init(_ token: [UInt8], maxTokenBytes: Int) throws(TokenError) {
        guard token.count <= maxTokenBytes else { throw .tooLarge }
        let dot = UInt8(ascii: ".")
        guard let first = token.firstIndex(of: dot),
            let second = token[(first + 1)...].firstIndex(of: dot),
            let header = Base64URL.decode(token[..<first]),
            let members = ClaimsParser.parse(header),
            // A third dot is no letter of the alphabet: encrypted tokens (five parts) end here.
            let signature = Base64URL.decode(token[(second + 1)...])
        else { throw .malformed }
        self.header = members
        self.signedPart = token[..<second]
        self.encodedClaims = token[(first + 1)..<second]
        self.signature = signature
    }

    /// The key that must have signed this token.
    ///
    /// Nothing in the header but `alg`, `kid` and `crit` is looked at: a key or an address of one
    /// that comes with the token (`jwk`, `jku`, `x5c`, `x5u`) is the sender's word about himself.
    func key(in keys: KeySet) throws(TokenError) -> KeySet.Key {
        // RFC 7515 section 4.1.11: an extension that must be understood and is not.
        guard header["crit"] == nil, let algorithm = header["alg"]?.string else { throw .malformed }
        guard keys.knows(algorithm: algorithm) else { throw .algorithmNotAllowed }
        let kid: String?
        switch header["kid"] {
        case nil: kid = nil
        case .string(let name): kid = name
        default: throw .malformed
        }
        guard let key = keys.key(for: kid) else { throw .unknownKey }
        guard key.algorithmName == algorithm else { throw .algorithmNotAllowed }
        return key
    }

    /// The claims, once the signature was found to be that of the key.
    func claims(signedBy key: KeySet.Key) throws(TokenError) -> [String: ClaimValue] {
        let isGenuine: Bool
        do { isGenuine = try key.algorithm.verify(signature, signs: signedPart) } catch {
            throw .badSignature
        }
        guard isGenuine else { throw .badSignature }
        return try claims()
    }

    /// The claims as they stand, whoever wrote them.
    func claims() throws(TokenError) -> [String: ClaimValue] {
        guard let bytes = Base64URL.decode(encodedClaims), let claims = ClaimsParser.parse(bytes)
        else { throw .malformed }
        return claims
    }
}
