package import SluiceVocabulary

/// One authenticated connection as its user's directory entry knows it.
package struct SessionEntry: Sendable, Equatable {
    package var user: String
    package var session: SessionID
    package var connection: ConnectionID
    /// The client's id of its device; empty means a device of its own.
    package var device: String

    package init(user: String, session: SessionID, connection: ConnectionID, device: String) {
        self.user = user
        self.session = session
        self.connection = connection
        self.device = device
    }
}

/// Who is connected where, for the users one loop owns. Pure bookkeeping: no sockets, no clock.
///
/// Our bug: a session registered twice under one id (trapped). Ignored on purpose: removal of a
/// connection that a newer one of the same device has already replaced.
package struct SessionDirectory {
    private var users: [String: [SessionEntry]] = [:]
    private var transitions: UInt64

    /// - Parameter firstNumber: transitions get greater numbers than this.
    package init(firstNumber: UInt64 = 0) { transitions = firstNumber }

    /// Users with at least one connection.
    package var userCount: Int { users.count }
    /// Connections of all users of this directory.
    package private(set) var sessionCount = 0

    /// What a registration changed.
    package struct Registration: Equatable {
        /// Set when this was the user's first connection.
        package var transition: PresenceTransition?
        /// Connections of the same device that this one supersedes (close code 4006).
        package var superseded: [SessionEntry]
    }

    /// Adds a connection. An entry of the same non-empty device id gives way to it.
    package mutating func register(_ entry: SessionEntry) -> Registration {
        var entries = users[entry.user] ?? []
        let isFirst = entries.isEmpty
        var superseded: [SessionEntry] = []
        if !entry.device.isEmpty {
            superseded = entries.filter { $0.device == entry.device }
            entries.removeAll { $0.device == entry.device }
        }
        invariant(
            !entries.contains { $0.connection == entry.connection }, "a connection registers once")
        entries.append(entry)
        users[entry.user] = entries
        sessionCount += 1 - superseded.count
        return Registration(
            transition: isFirst ? next(entry.user, isOnline: true) : nil, superseded: superseded)
    }

    /// Removes a connection; the transition is set when it was the user's last.
    package mutating func remove(user: String, connection: ConnectionID) -> PresenceTransition? {
        guard var entries = users[user],
            let index = entries.firstIndex(where: { $0.connection == connection })
        else { return nil }
        entries.remove(at: index)
        sessionCount -= 1
        guard entries.isEmpty else {
            users[user] = entries
            return nil
        }
        users[user] = nil
        return next(user, isOnline: false)
    }

    /// All connections of a user; empty when the user is not here.
    package func entries(of user: String) -> [SessionEntry] { users[user] ?? [] }

    /// Every connection of this directory, in no order.
    package var all: some Sequence<SessionEntry> { users.values.lazy.joined() }

    private mutating func next(_ user: String, isOnline: Bool) -> PresenceTransition {
        transitions += 1
        return PresenceTransition(user: user, isOnline: isOnline, number: transitions)
    }
}
