package import SluiceVocabulary

/// How a service took a presence transition.
package enum PresenceOutcome: Sendable, Equatable {
    /// It has it; these users want to know.
    case taken(notify: [String])
    /// It answered, with a status of its own.
    case refused
    /// It did not answer.
    case unreachable
}

/// Presence transitions waiting to be told to the user service, in order for each user.
///
/// One call per user is under way at a time, so a service never sees offline before online. A
/// failed call stays at the front and is tried again: delivery is at least once. While the service
/// does not answer, one call at a time looks whether it is back, with growing pauses. A call that is
/// answered with a status is tried `maxAttempts` times, without keeping others waiting.
///
/// Memory is bounded: beyond `maxPerUser` transitions of one user, or `maxWaiting` of all, a pair of
/// opposite transitions that was never told is folded away, and counted; the last state survives.
/// What is left then is one transition for each user who is online.
package struct PresenceQueue {
    /// Transitions of one user kept before folding.
    package static let maxPerUser = 16
    /// Calls under way at once.
    package static let maxUnderWay = 256
    /// How often a transition is told to a service that answers with a status.
    package static let maxAttempts = 10

    private struct Line {
        var transitions: [PresenceTransition] = []
        var isUnderWay = false
        /// Of the first transition.
        var attempts = 0
    }

    private let maxWaiting: Int
    private var lines: [String: Line] = [:]
    /// Users whose first transition can be told, from `firstReady` on.
    private var ready: [String] = []
    private var firstReady = 0
    private var queued: Set<String> = []
    /// Users whose service answered with a status, until their pause is over.
    private var delayed: [(user: String, until: MonotonicTime)] = []
    /// When they are next looked through: at most every `wakeMilliseconds`, for there may be many.
    private var wakesAt = MonotonicTime(nanoseconds: .min)
    private static let wakeMilliseconds: Int64 = 50
    private var underWay = 0
    private var failures = 0
    private var pausedUntil = MonotonicTime(nanoseconds: .min)

    /// False until the service has been told that this node begins anew: nothing is told before.
    package var isOpen: Bool
    /// Transitions waiting or under way.
    package private(set) var waiting = 0
    /// Pairs folded because there was no room for more.
    package private(set) var folded: UInt64 = 0
    /// Transitions given up because the service kept answering with a status.
    package private(set) var givenUp: UInt64 = 0

    /// - Parameter maxWaiting: transitions kept before pairs are folded.
    package init(maxWaiting: Int = 100_000, isOpen: Bool = true) {
        self.maxWaiting = maxWaiting
        self.isOpen = isOpen
    }

    /// Users with a transition that the service has not confirmed.
    package var count: Int { lines.count }

    /// Adds a transition; `next(_:)` tells what can be sent.
    package mutating func add(_ transition: PresenceTransition) {
        let user = transition.user
        var line = lines[user] ?? Line()
        if waiting >= maxWaiting || line.transitions.count >= Self.maxPerUser, canFold(line) {
            line.transitions.removeLast()
            waiting -= 1
            folded += 1
        } else {
            line.transitions.append(transition)
            waiting += 1
        }
        lines[user] = line.transitions.isEmpty ? nil : line
        if !line.transitions.isEmpty, !line.isUnderWay, line.attempts == 0 { enqueue(user) }
    }

    /// Whether the last transition was never told, so that it and its opposite come to nothing.
    private func canFold(_ line: Line) -> Bool {
        line.transitions.count > 1
            || (line.transitions.count == 1 && !line.isUnderWay && line.attempts == 0)
    }

    /// A transition to tell now, if there is one. Ask again until nil.
    package mutating func next(_ now: MonotonicTime) -> PresenceTransition? {
        guard isOpen, pausedUntil <= now, underWay < (failures > 0 ? 1 : Self.maxUnderWay)
        else { return nil }
        wake(now)
        while firstReady < ready.count {
            let user = ready[firstReady]
            firstReady += 1
            queued.remove(user)
            // Folded away meanwhile.
            guard var line = lines[user], !line.isUnderWay, let first = line.transitions.first
            else { continue }
            line.isUnderWay = true
            line.attempts += 1
            lines[user] = line
            underWay += 1
            return first
        }
        ready.removeAll(keepingCapacity: ready.count <= 1_024)
        firstReady = 0
        return nil
    }

    /// The call for the user's first transition ended.
    package mutating func finished(user: String, _ outcome: PresenceOutcome, _ now: MonotonicTime) {
        guard var line = lines[user], line.isUnderWay else { return }
        line.isUnderWay = false
        underWay -= 1
        var isDone = false
        switch outcome {
        case .taken:
            failures = 0
            isDone = true
        case .refused:
            failures = 0
            isDone = line.attempts >= Self.maxAttempts
            if isDone { givenUp += 1 }
        case .unreachable:
            failures = min(failures + 1, 6)
            pausedUntil = now.advanced(byMilliseconds: Self.pause(failures))
        }
        if isDone {
            line.transitions.removeFirst()
            line.attempts = 0
            waiting -= 1
        }
        lines[user] = line.transitions.isEmpty ? nil : line
        guard !line.transitions.isEmpty else { return }
        if outcome == .refused, !isDone {
            delayed.append(
                (user, now.advanced(byMilliseconds: Self.pause(min(line.attempts, 6)))))
        } else {
            enqueue(user)
        }
    }

    /// 200 ms, doubling to 6.4 s.
    private static func pause(_ failures: Int) -> Int64 { 100 << Int64(failures) }

    private mutating func enqueue(_ user: String) {
        guard queued.insert(user).inserted else { return }
        ready.append(user)
        // Users whose transitions were folded away leave their names behind.
        guard ready.count - firstReady > 2 * lines.count + 1_024 else { return }
        ready = ready[firstReady...].filter { lines[$0] != nil }
        firstReady = 0
        queued = Set(ready)
    }

    private mutating func wake(_ now: MonotonicTime) {
        guard !delayed.isEmpty, wakesAt <= now else { return }
        wakesAt = now.advanced(byMilliseconds: Self.wakeMilliseconds)
        for one in delayed where one.until <= now { enqueue(one.user) }
        delayed.removeAll { $0.until <= now }
    }
}
