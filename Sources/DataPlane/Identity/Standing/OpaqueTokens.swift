package import SluiceVocabulary

/// How opaque tokens are asked about.
package struct OpaqueRules: Sendable, Equatable {
    /// The command of a service that knows them.
    package var command: String
    /// How long a token found good is good without asking again.
    package var ttlMilliseconds: Int64
    /// How long a token found bad is refused without asking again.
    package var negativeTTLMilliseconds: Int64

    package init(command: String, ttlMilliseconds: Int64, negativeTTLMilliseconds: Int64) {
        self.command = command
        self.ttlMilliseconds = ttlMilliseconds
        self.negativeTTLMilliseconds = negativeTTLMilliseconds
    }
}

/// What is remembered of opaque tokens, by their hash. Loop-bound value; time is an argument.
package struct OpaqueTokens {
    private struct Entry {
        let principal: Principal?
        let until: MonotonicTime
    }

    /// What is known of a token.
    package enum Answer {
        case active(Principal)
        case notActive
        case unknown
    }

    private var cache: ClockCache<TokenHash, Entry>

    /// - Parameter capacity: tokens remembered at most, good and bad ones.
    package init(capacity: Int) { cache = ClockCache(capacity: capacity) }

    /// Tokens remembered now.
    package var count: Int { cache.count }

    /// Whether a token is one to ask about: fewer than two dots make it no JWT.
    package static func isOpaque(_ token: [UInt8]) -> Bool {
        var dots = 0
        for byte in token where byte == UInt8(ascii: ".") { dots += 1 }
        return dots < 2 && !token.isEmpty
    }

    /// What is known of a token now.
    package mutating func look(_ hash: TokenHash, now: MonotonicTime, wall: WallTime) -> Answer {
        guard let entry = cache.find(hash), now < entry.until else { return .unknown }
        guard let principal = entry.principal else { return .notActive }
        // The moment it expires is the service's to tell, not the cache's.
        if let expiry = principal.expiresAtSeconds, expiry <= wall.seconds { return .unknown }
        return .active(principal)
    }

    /// Remembers what the service said; nil = not active.
    package mutating func note(
        _ hash: TokenHash, _ principal: Principal?, _ rules: OpaqueRules, now: MonotonicTime
    ) {
        let lifetime =
            principal == nil ? rules.negativeTTLMilliseconds : rules.ttlMilliseconds
        cache.insert(
            Entry(principal: principal, until: now.advanced(byMilliseconds: lifetime)), for: hash)
    }

    /// Forgets a token.
    package mutating func forget(_ hash: TokenHash) { cache.remove(hash) }

    /// Forgets all tokens of a user.
    package mutating func forget(user: String) { cache.keep { $0.principal?.user != user } }

    /// Forgets all.
    package mutating func forgetAll() { cache.removeAll() }
}
