import Synchronization

/// A message somebody sent.
struct ChatMessage: Sendable, Equatable {
    let id: Int64
    let from: String
    let to: String
    let text: String
}

/// What all links share: messages said, who is online, and what was uploaded. Bounded, gone with the
/// process.
final class World: Sendable {
    /// Messages remembered per user, sent and received together.
    static let maxMessagesPerUser = 100
    /// Users with a history; the one longest there makes room for another.
    static let maxUsers = 1_000

    fileprivate struct Presence {
        var isOnline: Bool
        var number: Int64
        var node: String
    }

    fileprivate struct State {
        var lastID: Int64 = 0
        var histories: [String: [ChatMessage]] = [:]
        /// Users with a history, in the order they got it, from `firstOwner` on.
        var owners: [String] = []
        var firstOwner = 0
        /// Of users of the directory alone.
        var presence: [String: Presence] = [:]
    }

    let media = MediaShelf()
    private let state = Mutex(State())

    /// Keeps a message in the history of both, and gives it an id.
    func send(from: String, to: String, text: String) -> ChatMessage {
        state.withLock { state in
            state.lastID += 1
            let message = ChatMessage(id: state.lastID, from: from, to: to, text: text)
            state.remember(message, for: from)
            if to != from { state.remember(message, for: to) }
            return message
        }
    }

    /// The last messages of a user, oldest first.
    ///
    /// - Parameter peer: only those with this user; nil for all.
    func history(of user: String, with peer: String?, limit: Int) -> [ChatMessage] {
        let all = state.withLock { $0.histories[user] ?? [] }
        let wanted = all.filter { message in
            guard let peer else { return true }
            return message.from == user ? message.to == peer : message.from == peer
        }
        return wanted.suffix(max(0, limit))
    }

    /// Notes that a user of the directory came or went. Events may come twice: the greatest number
    /// counts.
    func setPresence(of user: String, isOnline: Bool, number: Int64, node: String) {
        state.withLock { state in
            guard number >= state.presence[user]?.number ?? .min else { return }
            state.presence[user] = Presence(isOnline: isOnline, number: number, node: node)
        }
    }

    /// A gateway has started: nobody is connected to it any more.
    func resetPresence(node: String) {
        state.withLock { state in
            for (user, presence) in state.presence where presence.node == node {
                state.presence[user]?.isOnline = false
            }
        }
    }

    func isOnline(_ user: String) -> Bool {
        state.withLock { $0.presence[user]?.isOnline ?? false }
    }
}

extension World.State {
    fileprivate mutating func remember(_ message: ChatMessage, for user: String) {
        if histories[user] == nil { makeRoom(for: user) }
        histories[user, default: []].append(message)
        let surplus = histories[user, default: []].count - World.maxMessagesPerUser
        if surplus > 0 { histories[user]?.removeFirst(surplus) }
    }

    private mutating func makeRoom(for user: String) {
        owners.append(user)
        guard owners.count - firstOwner > World.maxUsers else { return }
        histories[owners[firstOwner]] = nil
        firstOwner += 1
        // Shifts the rest seldom enough to cost nothing.
        if firstOwner > World.maxUsers {
            owners.removeFirst(firstOwner)
            firstOwner = 0
        }
    }
}
