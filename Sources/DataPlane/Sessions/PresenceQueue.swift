package import SluiceVocabulary

/// Presence transitions waiting to be told to the user service, in order for each user.
///
/// One call per user is under way at a time, so a service never sees offline before online. A
/// failed call stays at the front and is tried again: delivery is at least once. A user that flaps
/// faster than the service answers keeps at most `maxPerUser`; then the oldest pair of opposite
/// transitions is folded, and counted.
package struct PresenceQueue {
    /// Transitions of one user kept before folding.
    package static let maxPerUser = 16

    private var waiting: [String: [PresenceTransition]] = [:]
    private var underWay: Set<String> = []
    /// Pairs folded because a user flapped faster than the service answered.
    package private(set) var folded: UInt64 = 0

    package init() {}

    /// Users with a transition that the service has not confirmed.
    package var count: Int { waiting.count }

    /// Adds a transition. Returns it when a call may start at once.
    package mutating func add(_ transition: PresenceTransition) -> PresenceTransition? {
        var line = waiting[transition.user] ?? []
        line.append(transition)
        if line.count > Self.maxPerUser {
            line.removeSubrange(1...2)
            folded += 1
        }
        waiting[transition.user] = line
        return start(transition.user)
    }

    /// The call for the user's first transition ended. Returns the next to send at once, if any.
    package mutating func finished(user: String, succeeded: Bool) -> PresenceTransition? {
        underWay.remove(user)
        guard succeeded, var line = waiting[user] else { return nil }
        line.removeFirst()
        waiting[user] = line.isEmpty ? nil : line
        return start(user)
    }

    /// First transitions of all users with no call under way: to be tried again.
    package mutating func retries() -> [PresenceTransition] {
        waiting.keys.filter { !underWay.contains($0) }.compactMap { start($0) }
    }

    private mutating func start(_ user: String) -> PresenceTransition? {
        guard !underWay.contains(user), let first = waiting[user]?.first else { return nil }
        underWay.insert(user)
        return first
    }
}
