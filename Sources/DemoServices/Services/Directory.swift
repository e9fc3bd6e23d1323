/// The demo's users: who they are, what opens their account, who their friends are.
enum Directory {
    struct User: Sendable {
        let id: String
        let name: String
        let plan: String
        fileprivate let password: [UInt8]
        let friends: [String]
    }

    private static let users: [String: User] = Dictionary(
        uniqueKeysWithValues: [
            user("alice", "Alice Liddell", "free", "wonderland", friends: ["bob", "carol"]),
            user("bob", "Bob the Builder", "pro", "builder", friends: ["alice", "carol"]),
            user("carol", "Carol Singer", "free", "singer", friends: ["alice", "bob"]),
        ].map { ($0.id, $0) })

    private static func user(
        _ id: String, _ name: String, _ plan: String, _ password: String, friends: [String]
    ) -> User {
        User(id: id, name: name, plan: plan, password: Array(password.utf8), friends: friends)
    }

    /// Compared with where there is no such user, so that trying names takes as long.
    private static let nobody = user("", "", "", "no password opens this", friends: [])

    static func find(_ id: String) -> User? { users[id] }

    /// The user whose id and password these are.
    static func authenticate(_ id: String, password: String) -> User? {
        let user = users[id]
        let isRight = isEqual(Array(password.utf8), (user ?? nobody).password)
        return isRight ? user : nil
    }

    /// Takes as long for every `secret`: the time tells the attempt's own length alone.
    private static func isEqual(_ attempt: [UInt8], _ secret: [UInt8]) -> Bool {
        var difference = attempt.count ^ secret.count
        for index in attempt.indices {
            difference |= Int(attempt[index] ^ secret[index % secret.count])
        }
        return difference == 0
    }
}
