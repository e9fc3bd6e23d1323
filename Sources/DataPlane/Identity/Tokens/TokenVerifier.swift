import Crypto
package import SluiceVocabulary

/// Turns access tokens into principals. Loop-bound: one per event loop, no lock, no clock.
///
/// `recall` answers for tokens seen before; a new one goes through `prepare`, the signature check,
/// and `accept`. The three are apart so that a costly check can run elsewhere.
package final class TokenVerifier {
    private struct Entry {
        let principal: Principal
        let keyFingerprint: UInt64
        let validFromSeconds: Int64
        let expiresAtSeconds: Int64
    }

    private var keys: KeySet
    private var rules: TokenRules
    private var cache: ClockCache<TokenHash, Entry>

    /// How many signatures had to be checked: grows with tokens never seen, not with requests.
    package private(set) var signatureChecks: UInt64 = 0

    /// - Parameter maxCachedTokens: verified tokens remembered; 0 checks every one anew.
    package init(keys: KeySet, rules: TokenRules, maxCachedTokens: Int) {
        self.keys = keys
        self.rules = rules
        self.cache = ClockCache(capacity: maxCachedTokens)
    }

    /// Verified tokens remembered now, expired ones that nobody showed again included.
    package var cachedTokens: Int { cache.count }

    /// Puts other keys and rules in force. Tokens of keys that are gone are forgotten, and all when
    /// the rules are others.
    package func adopt(keys: KeySet, rules: TokenRules) {
        if rules != self.rules {
            cache.removeAll()
        } else if keys.revision != self.keys.revision {
            let known = keys.fingerprints
            cache.keep { known.contains($0.keyFingerprint) }
        }
        self.keys = keys
        self.rules = rules
    }

    /// Who brings this access token. The same token gives the same object while it is remembered.
    ///
    /// - Parameter now: the tick's wall clock.
    /// - Throws: the first reason found to refuse it, in the order: form, algorithm, key,
    ///   signature, claims, times.
    package func verify(_ token: [UInt8], now: WallTime) throws(TokenError) -> Principal {
        let hash = try hash(token)
        if let principal = try recall(hash, now: now) { return principal }
        let unverified = try prepare(token, hash)
        return try accept(unverified, claims: unverified.check().get(), now: now)
    }

    /// The name of a token. Throws `.tooLarge` before anything is computed over it.
    package func hash(_ token: [UInt8]) throws(TokenError) -> TokenHash {
        guard token.count <= rules.maxTokenBytes else { throw .tooLarge }
        return TokenHash(SHA256.hash(data: token))
    }

    /// Who brought this token before; nil when it is not remembered.
    package func recall(_ hash: TokenHash, now: WallTime) throws(TokenError) -> Principal? {
        guard let entry = cache.find(hash) else { return nil }
        do {
            try RegisteredClaims.checkTime(
                from: entry.validFromSeconds, until: entry.expiresAtSeconds, rules, now: now)
        } catch {
            cache.remove(hash)
            throw error
        }
        return entry.principal
    }

    /// Takes a new token apart and finds the key that must have signed it.
    ///
    /// - Throws: `.malformed`, `.algorithmNotAllowed` or `.unknownKey`.
    package func prepare(
        _ token: [UInt8], _ hash: TokenHash
    ) throws(TokenError) -> UnverifiedToken {
        let signed = try SignedToken(token, maxTokenBytes: rules.maxTokenBytes)
        let key = try signed.key(in: keys)
        signatureChecks += 1
        return UnverifiedToken(signed: signed, key: key, hash: hash)
    }

    /// The principal of a token whose signature is genuine; remembers it.
    ///
    /// - Parameter claims: what `UnverifiedToken.check` gave. The key may have gone meanwhile.
    package func accept(
        _ token: UnverifiedToken, claims: [String: ClaimValue], now: WallTime
    ) throws(TokenError) -> Principal {
        guard keys.key(for: token.key.kid)?.fingerprint == token.key.fingerprint else {
            throw .unknownKey
        }
        let registered = try RegisteredClaims(claims)
        try registered.check(rules, use: .access, now: now)
        let principal = Principal(
            user: registered.user, roles: registered.roles, claims: claims,
            expiresAtSeconds: registered.expiresAtSeconds, tokenID: registered.tokenID,
            issuedAtSeconds: registered.issuedAtSeconds, tokenHash: token.hash)
        cache.insert(
            Entry(
                principal: principal, keyFingerprint: token.key.fingerprint,
                validFromSeconds: registered.validFromSeconds ?? .min,
                expiresAtSeconds: registered.expiresAtSeconds ?? .max),
            for: token.hash)
        return principal
    }

    /// Forgets a token.
    package func forget(_ hash: TokenHash) { cache.remove(hash) }
}

@available(*, unavailable)
extension TokenVerifier: Sendable {}
