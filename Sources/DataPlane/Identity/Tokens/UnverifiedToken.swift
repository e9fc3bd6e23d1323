package import SluiceVocabulary

/// A token whose key is known and whose signature is not yet checked. The check needs nothing but
/// this value, so it may run on any thread.
package struct UnverifiedToken: Sendable {
    let signed: SignedToken
    let key: KeySet.Key
    package let hash: TokenHash

    /// Whether the check takes too long for a loop.
    package var isCostly: Bool { key.isCostly }

    /// The claims, once the signature was found to be that of the key.
    package func check() -> Result<[String: ClaimValue], TokenError> {
        do throws(TokenError) {
            return .success(try signed.claims(signedBy: key))
        } catch {
            return .failure(error)
        }
    }
}
