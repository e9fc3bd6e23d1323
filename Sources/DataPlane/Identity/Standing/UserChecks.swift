package import SluiceVocabulary

/// How it is asked whether a user still exists.
package struct UserCheckRules: Sendable, Equatable {
    /// The command of the user service.
    package var command: String
    /// How long a user found to exist exists without asking again.
    package var ttlMilliseconds: Int64
    /// How long a user found to be gone is refused without asking again.
    package var negativeTTLMilliseconds: Int64
    /// How long after the last answer a user still exists while nobody answers.
    package var staleTTLMilliseconds: Int64

    package init(
        command: String, ttlMilliseconds: Int64, negativeTTLMilliseconds: Int64,
        staleTTLMilliseconds: Int64
    ) {
        self.command = command
        self.ttlMilliseconds = ttlMilliseconds
        self.negativeTTLMilliseconds = negativeTTLMilliseconds
        self.staleTTLMilliseconds = staleTTLMilliseconds
    }
}

/// What is remembered of users. Loop-bound value; time is an argument.
package struct UserChecks {
    private struct Entry {
        let exists: Bool
        let checkedAt: MonotonicTime
        /// When the next look asks again in the background.
        var refreshAt: MonotonicTime
        /// Until then an entry past its time serves without asking: nobody answered just now.
        var servesStaleUntil: MonotonicTime
    }

    /// What is known of a user.
    package enum Answer: Equatable {
        /// - `isDue`: ask again in the background.
        case exists(isDue: Bool)
        /// Nobody answered just now; he existed when somebody last did.
        case existsStale
        case gone
        /// Ask and wait.
        case unknown
    }

    private var cache: ClockCache<String, Entry>

    /// - Parameter capacity: users remembered at most.
    package init(capacity: Int) { cache = ClockCache(capacity: capacity) }

    /// Users remembered now.
    package var count: Int { cache.count }

    /// What is known of a user now. `isDue` is told once, so that one look asks and not all.
    package mutating func look(
        _ user: String, _ rules: UserCheckRules, now: MonotonicTime
    ) -> Answer {
        guard var entry = cache.find(user) else { return .unknown }
        let age = now.nanoseconds(since: entry.checkedAt) / 1_000_000
        guard entry.exists else {
            return age < rules.negativeTTLMilliseconds ? .gone : .unknown
        }
        guard age < rules.ttlMilliseconds else {
            return now < entry.servesStaleUntil ? .existsStale : .unknown
        }
        guard entry.refreshAt <= now else { return .exists(isDue: false) }
        entry.refreshAt = MonotonicTime(nanoseconds: .max)
        cache.insert(entry, for: user)
        return .exists(isDue: true)
    }

    /// Remembers what the service said.
    package mutating func note(
        _ user: String, exists: Bool, _ rules: UserCheckRules, now: MonotonicTime
    ) {
        cache.insert(
            Entry(
                exists: exists, checkedAt: now,
                refreshAt: now.advanced(byMilliseconds: rules.ttlMilliseconds / 4 * 3),
                servesStaleUntil: now),
            for: user)
    }

    /// Nobody answered. True when the last answer may stand in; then it does for a second, so that
    /// a service that is down is not asked by every request.
    package mutating func serveStale(
        _ user: String, _ rules: UserCheckRules, now: MonotonicTime
    ) -> Bool {
        guard var entry = cache.find(user), entry.exists,
            now.nanoseconds(since: entry.checkedAt) / 1_000_000 < rules.staleTTLMilliseconds
        else { return false }
        entry.servesStaleUntil = now.advanced(byMilliseconds: 1_000)
        cache.insert(entry, for: user)
        return true
    }

    /// Forgets a user, so that the next look asks.
    package mutating func forget(_ user: String) { cache.remove(user) }

    /// Forgets all.
    package mutating func forgetAll() { cache.removeAll() }
}
