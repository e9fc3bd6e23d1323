package import NIOCore
import SluiceVocabulary

/// The sessions of all loops, and which loop owns which user. Immutable once made.
package final class SessionsHub: Sendable {
    private let members: [(loop: any EventLoop, sessions: NIOLoopBound<Sessions>)]

    /// - Parameter members: one per event loop, in the order of loop indexes.
    package init(members: [(loop: any EventLoop, sessions: NIOLoopBound<Sessions>)]) {
        self.members = members
    }

    /// The loop that owns a user: FNV-1a over the name, so that it is the same in every run.
    package func owner(of user: String) -> Int {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in user.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return Int(hash % UInt64(members.count))
    }

    /// Runs `work` on a loop: at once when `from` lives there, else as that loop's next task.
    func run(on index: Int, from: Sessions, _ work: @escaping @Sendable (Sessions) -> Void) {
        let (loop, sessions) = members[index]
        if loop.inEventLoop { return work(from) }
        loop.execute { work(sessions.value) }
    }

    /// A user's connections, asked from outside the loops.
    package func entries(of user: String) async throws -> [SessionEntry] {
        let (loop, sessions) = members[owner(of: user)]
        return try await loop.submit { sessions.value.entries(of: user) }.get()
    }

    /// Splits a push's targets by the loop that owns them; sessions may live on any loop.
    func split(_ targets: PushTargets) -> [(owner: Int, part: PushTargets)] {
        switch targets {
        case .users(let users):
            if members.count == 1 { return users.isEmpty ? [] : [(0, targets)] }
            var parts: [[String]] = Array(repeating: [], count: members.count)
            for user in users { parts[owner(of: user)].append(user) }
            return parts.enumerated().filter { !$0.element.isEmpty }.map {
                ($0.offset, .users($0.element))
            }
        case .sessions(let sessions):
            return sessions.isEmpty ? [] : members.indices.map { ($0, targets) }
        case .all:
            return members.indices.map { ($0, targets) }
        }
    }
}
