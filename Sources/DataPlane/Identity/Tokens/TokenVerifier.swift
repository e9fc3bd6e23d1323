import Crypto
package import SluiceVocabulary

/// Turns access tokens into principals. Loop-bound: one per event loop, no lock, no clock.
package final class TokenVerifier {
    private var keys: KeySet
    private var rules: TokenRules
    private var cache: TokenCache

    /// How many signatures were computed: grows with tokens never seen, not with requests.
    package private(set) var signatureChecks: UInt64 = 0

    /// - Parameter maxCachedTokens: verified tokens remembered; 0 checks every one anew.
    package init(keys: KeySet, rules: TokenRules, maxCachedTokens: Int) {
        self.keys = keys
        self.rules = rules
        self.cache = TokenCache(capacity: maxCachedTokens)
    }

    /// Verified tokens remembered now, expired ones that nobody showed again included.
    package var cachedTokens: Int { cache.count }

    /// Puts other keys and rules in force. What was verified under others is forgotten; equal ones
    /// keep it.
    package func adopt(keys: KeySet, rules: TokenRules) {
        if keys.revision != self.keys.revision || rules != self.rules { cache.removeAll() }
        self.keys = keys
        self.rules = rules
    }

    /// Who brings this access token. The same token gives the same object while it is remembered.
    ///
    /// - Parameter now: the tick's wall clock.
    /// - Throws: the first reason found to refuse it, in the order: form, algorithm, key,
    ///   signature, claims, times.
    package func verify(_ token: [UInt8], now: WallTime) throws(TokenError) -> Principal {
        guard token.count <= rules.maxTokenBytes else { throw .tooLarge }
        let digest = SHA256.hash(data: token)
        if let entry = cache.find(digest) {
            return try stillGood(entry, now: now)
        }
        return try verifyFirst(token, digest: digest, now: now)
    }

    private func stillGood(
        _ entry: TokenCache.Entry, now: WallTime
    ) throws(TokenError) -> Principal {
        do {
            try RegisteredClaims.checkTime(
                from: entry.validFromSeconds, until: entry.expiresAtSeconds, rules, now: now)
        } catch {
            cache.remove(entry.digest)
            throw error
        }
        return entry.principal
    }

    private func verifyFirst(
        _ token: [UInt8], digest: SHA256.Digest, now: WallTime
    ) throws(TokenError) -> Principal {
        let signed = try SignedToken(token, maxTokenBytes: rules.maxTokenBytes)
        let key = try signed.key(in: keys)
        signatureChecks += 1
        let claims = try signed.claims(signedBy: key)
        let registered = try RegisteredClaims(claims)
        try registered.check(rules, use: .access, now: now)
        let principal = Principal(
            user: registered.user, roles: registered.roles, claims: claims,
            expiresAtSeconds: registered.expiresAtSeconds, tokenID: registered.tokenID)
        cache.insert(
            TokenCache.Entry(
                digest: digest, principal: principal,
                validFromSeconds: registered.validFromSeconds ?? .min,
                expiresAtSeconds: registered.expiresAtSeconds ?? .max, wasUsed: false))
        return principal
    }
}

@available(*, unavailable)
extension TokenVerifier: Sendable {}
