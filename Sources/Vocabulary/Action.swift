/// What a policy decides about: a dense index into the catalog in force.
package struct ActionID: Sendable, Hashable {
    package var index: Int

    @inlinable
    package init(index: Int) { self.index = index }
}

/// All actions there are: the gateway's own, `unknown`, and every command's name.
///
/// Commands and policy are compiled against one catalog and published together, so an index means
/// the same to both.
package struct ActionCatalog: Sendable, Equatable {
    /// Names by index. The gateway's own come first and never move.
    package let names: [String]
    private let indexes: [String: Int]

    /// Names of the gateway's own actions, in the order of the constants above.
    package static let builtIn = [
        "unknown", "session.connect", "session.resume", "auth.login", "auth.refresh", "push.send",
        "admin.call",
    ]

    /// - Parameter commands: names of commands and routes' actions; duplicates and the gateway's own
    ///   names are ignored.
    package init(commands: [String]) {
        var names = Self.builtIn
        var indexes: [String: Int] = [:]
        for (index, name) in names.enumerated() { indexes[name] = index }
        for name in commands where indexes[name] == nil {
            indexes[name] = names.count
            names.append(name)
        }
        self.names = names
        self.indexes = indexes
    }

    package func action(named name: String) -> ActionID? {
        indexes[name].map(ActionID.init(index:))
    }
    package func name(of action: ActionID) -> String { names[action.index] }
    package var count: Int { names.count }
}

extension ActionID {
    /// The action of a command id nobody declared.
    package static let unknown = ActionID(index: 0)
    /// A client wants to hold a connection open (WebSocket, TCP).
    package static let sessionConnect = ActionID(index: 1)
    /// A client wants to go on with a session it had.
    package static let sessionResume = ActionID(index: 2)
    /// Somebody logs in with credentials.
    package static let authLogin = ActionID(index: 3)
    /// A client brings a fresh token for its connection.
    package static let authRefresh = ActionID(index: 4)
    /// A service or the admin pushes to clients. Limits apply, permissions do not.
    package static let pushSend = ActionID(index: 5)
    /// Somebody uses the admin interface.
    package static let adminCall = ActionID(index: 6)
}
