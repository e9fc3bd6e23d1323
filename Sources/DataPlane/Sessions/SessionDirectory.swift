package import SluiceVocabulary

/// One authenticated connection as its user's directory entry knows it.
package struct SessionEntry: Sendable, Equatable {
    package var user: String
    package var session: SessionID
    package var connection: ConnectionID
    /// The client's id of its device; empty means a device of its own.
    package var device: String
    /// What the client says it runs on: decides the class of its device.
    package var platform: String

    /// A longer platform is kept as none: it is a client's word, and stays as long as it does.
    package static let maxPlatformBytes = 256

    package init(
        user: String, session: SessionID, connection: ConnectionID, device: String,
        platform: String
    ) {
        self.user = user
        self.session = session
        self.connection = connection
        self.device = device
        self.platform = platform.utf8.count <= Self.maxPlatformBytes ? platform : ""
    }
}

/// Who is connected where, for the users one loop owns. Pure bookkeeping: no sockets, no clock.
///
/// What registers later is newer: all loops register here, so that a race between two devices of a
/// user has one winner. Whoever gives way is out of the directory when the call returns.
///
/// Our bug: a session registered twice under one id (trapped). Ignored on purpose: removal of a
/// connection that was refused, or that has already given way to another.
package struct SessionDirectory {
    /// Connections that one newcomer makes give way. More are over the rule only while a tightened
    /// one is being enforced, and that is paced.
    package static let maxReplacedAtOnce = 100

    /// The connections of each user, oldest first; no line is empty.
    ///
    /// A dense array beside the dictionary, since `enforce` goes through it in steps while users
    /// come and go.
    private var lines: [[SessionEntry]] = []
    private var places: [String: Int] = [:]
    /// Lines below this one have not been held against the rule since it changed.
    private var unchecked = 0
    private var transitions: UInt64

    /// How many connections a user may have.
    package private(set) var rule = DeviceRule()
    /// Connections of all users of this directory.
    package private(set) var sessionCount = 0

    /// - Parameter firstNumber: transitions get greater numbers than this.
    package init(firstNumber: UInt64 = 0) { transitions = firstNumber }

    /// Users with at least one connection.
    package var userCount: Int { lines.count }

    /// What a registration changed.
    package struct Registration: Equatable {
        /// The rule has no room for it: nothing changed, and it has to go (close code 4503).
        package var isRefused = false
        /// Set when this was the user's first connection.
        package var transition: PresenceTransition?
        /// Connections of the same device that this one supersedes (close code 4006).
        package var superseded: [SessionEntry] = []
        /// Connections over the rule that this one replaces (close code 4503), oldest first.
        package var replaced: [SessionEntry] = []
    }

    /// Adds a connection. An entry of the same non-empty device id gives way to it and counts no
    /// more; then the rule says who else does, or that there is no room.
    package mutating func register(_ entry: SessionEntry) -> Registration {
        guard let place = places[entry.user] else {
            places[entry.user] = lines.count
            lines.append([entry])
            sessionCount += 1
            return Registration(transition: next(entry.user, isOnline: true))
        }
        let present = lines[place]
        invariant(
            !present.contains { $0.connection == entry.connection }, "a connection registers once")
        var line = entry.device.isEmpty ? present : present.filter { $0.device != entry.device }
        if rule.refusesNewer, !rule.hasRoom(for: entry, beside: line) {
            return Registration(isRefused: true)
        }
        var registration = Registration()
        if line.count < present.count {
            registration.superseded = present.filter { $0.device == entry.device }
        }
        line.append(entry)
        registration.replaced = rule.removeExcess(from: &line, atMost: Self.maxReplacedAtOnce)
        lines[place] = line
        sessionCount += line.count - present.count
        return registration
    }

    /// Removes a connection; the transition is set when it was the user's last.
    package mutating func remove(user: String, connection: ConnectionID) -> PresenceTransition? {
        guard let place = places[user],
            let index = lines[place].firstIndex(where: { $0.connection == connection })
        else { return nil }
        sessionCount -= 1
        lines[place].remove(at: index)
        guard lines[place].isEmpty else { return nil }
        places[user] = nil
        // The last line takes the free place. One that is not checked stays below `unchecked`: it
        // was the last only if all were.
        lines.swapAt(place, lines.count - 1)
        lines.removeLast()
        if place < lines.count { places[lines[place][0].user] = place }
        unchecked = min(unchecked, lines.count)
        return next(user, isOnline: false)
    }

    /// All connections of a user, oldest first; empty when the user is not here.
    package func entries(of user: String) -> [SessionEntry] { places[user].map { lines[$0] } ?? [] }

    /// Every connection of this directory, in no order.
    package var all: some Sequence<SessionEntry> { lines.lazy.joined() }

    private mutating func next(_ user: String, isOnline: Bool) -> PresenceTransition {
        transitions += 1
        return PresenceTransition(user: user, isOnline: isOnline, number: transitions)
    }
}

/// Another rule for those who are here already.
extension SessionDirectory {
    /// Newcomers follow another rule from now on; whoever is here is held against it by `enforce`.
    package mutating func adopt(_ rule: DeviceRule) {
        guard rule != self.rule else { return }
        self.rule = rule
        unchecked = rule.bound == .unbounded ? 0 : lines.count
    }

    /// True while somebody may still be over the rule.
    package var isEnforcing: Bool { unchecked > 0 }

    /// Takes one step through the users who were here when the rule changed, and takes connections
    /// over it out, oldest first.
    ///
    /// - Parameters:
    ///   - users: looked at in this step.
    ///   - closes: connections that go in this step.
    /// - Returns: the connections that have to go (close code 4503). Nobody goes offline by it.
    package mutating func enforce(users: Int, closes: Int) -> [SessionEntry] {
        var gone: [SessionEntry] = []
        var left = users
        while unchecked > 0, left > 0, gone.count < closes {
            left -= 1
            let most = closes - gone.count
            let removed = rule.removeExcess(from: &lines[unchecked - 1], atMost: most)
            gone += removed
            // A user with more than one step may close is looked at again.
            if removed.count < most { unchecked -= 1 }
        }
        sessionCount -= gone.count
        return gone
    }
}
