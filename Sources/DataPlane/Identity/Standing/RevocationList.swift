package import SluiceVocabulary

/// Tokens that are no longer good before they expire.
package enum Revocation: Sendable, Hashable {
    /// The token with this `jti`.
    case tokenID(String)
    /// The token with this hash.
    case token(TokenHash)
    /// Every token of this user issued before that second, and those that do not say when.
    case user(String, issuedBeforeSeconds: Int64)
}

/// What was revoked, each as long as it matters. Loop-bound value; every loop holds the same.
package struct RevocationList {
    private struct UserEntry {
        var issuedBeforeSeconds: Int64
        var untilSeconds: Int64
    }

    private let capacity: Int
    private var tokenIDs: [String: Int64] = [:]
    private var tokens: [TokenHash: Int64] = [:]
    private var users: [String: UserEntry] = [:]

    /// - Parameter capacity: entries held at most.
    package init(capacity: Int) { self.capacity = capacity }

    /// Entries held now, expired ones that were not yet cleared away included.
    package var count: Int { tokenIDs.count + tokens.count + users.count }

    /// Adds one; an entry that is there already only ever gets longer.
    ///
    /// - Parameter untilSeconds: when all it revokes has expired, in seconds since 1970.
    /// - Returns: false when the list is full.
    package mutating func insert(
        _ revocation: Revocation, untilSeconds: Int64, now: WallTime
    ) -> Bool {
        if count >= capacity {
            clear(now: now)
            if count >= capacity { return false }
        }
        switch revocation {
        case .tokenID(let id): tokenIDs[id] = max(untilSeconds, tokenIDs[id] ?? .min)
        case .token(let hash): tokens[hash] = max(untilSeconds, tokens[hash] ?? .min)
        case .user(let user, let before):
            let old = users[user]
            users[user] = UserEntry(
                issuedBeforeSeconds: max(before, old?.issuedBeforeSeconds ?? .min),
                untilSeconds: max(untilSeconds, old?.untilSeconds ?? .min))
        }
        return true
    }

    /// Whether somebody's token was revoked.
    package func covers(_ principal: Principal) -> Bool {
        if tokenIDs.isEmpty, tokens.isEmpty, users.isEmpty { return false }
        if let id = principal.tokenID, tokenIDs[id] != nil { return true }
        if let hash = principal.tokenHash, tokens[hash] != nil { return true }
        guard let entry = users[principal.user] else { return false }
        return (principal.issuedAtSeconds ?? .min) < entry.issuedBeforeSeconds
    }

    /// Drops what no longer matters.
    package mutating func clear(now: WallTime) {
        let seconds = now.seconds
        tokenIDs = tokenIDs.filter { $0.value > seconds }
        tokens = tokens.filter { $0.value > seconds }
        users = users.filter { $0.value.untilSeconds > seconds }
    }
}
