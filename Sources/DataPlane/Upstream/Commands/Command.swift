package import SluiceVocabulary

/// Who may start a command.
package enum CommandOrigin: String, Sendable, CaseIterable {
    /// A client asks, the service answers.
    case client
    /// Only the gateway itself asks (`user.login`, `user.presence`).
    case gateway
    /// A service sends it to clients; nobody asks.
    case push
}

/// One line of `commands:` in the configuration.
package struct CommandDefinition: Sendable, Equatable {
    /// 100 and up; 1-99 are the gateway's own.
    package var id: UInt32
    package var name: String
    /// Name of the service that answers. May be empty where `from` is `.push`.
    package var service: String
    package var from: CommandOrigin
    /// How long an answer may take before the caller gets `timed_out`.
    package var timeoutMilliseconds: UInt32
    /// Requests of one session stay in order: they stick to one instance.
    package var isOrdered: Bool
    /// Asking twice does no harm, so any instance may be asked.
    package var isRetrySafe: Bool
    /// The largest envelope a client may send.
    package var maxBytes: Int
    /// What calls have in common that go to one instance; from the service's `balance`.
    package var stickyKey: BalanceKey

    package init(
        id: UInt32, name: String, service: String, from: CommandOrigin = .client,
        timeoutMilliseconds: UInt32 = 5_000, isOrdered: Bool = true, isRetrySafe: Bool = false,
        maxBytes: Int = 65_536, stickyKey: BalanceKey = .session
    ) {
        self.id = id
        self.name = name
        self.service = service
        self.from = from
        self.timeoutMilliseconds = timeoutMilliseconds
        self.isOrdered = isOrdered
        self.isRetrySafe = isRetrySafe
        self.maxBytes = maxBytes
        self.stickyKey = stickyKey
    }
}

/// A command in force: its definition, resolved against services and actions. Shared by all loops.
package final class Command: Sendable {
    package let id: UInt32
    package let name: String
    package let service: String
    /// Place of `service` in the list the table was built with; -1 where a push names none.
    package let serviceIndex: Int
    package let from: CommandOrigin
    package let timeoutMilliseconds: UInt32
    package let isOrdered: Bool
    package let isRetrySafe: Bool
    package let maxBytes: Int
    package let stickyKey: BalanceKey
    /// What the policy calls it.
    package let action: ActionID

    package init(_ definition: CommandDefinition, serviceIndex: Int, action: ActionID) {
        id = definition.id
        name = definition.name
        service = definition.service
        self.serviceIndex = serviceIndex
        from = definition.from
        timeoutMilliseconds = definition.timeoutMilliseconds
        isOrdered = definition.isOrdered
        isRetrySafe = definition.isRetrySafe
        maxBytes = definition.maxBytes
        stickyKey = definition.stickyKey
        self.action = action
    }
}
