import SluiceSessions
import SluiceVocabulary
import Testing

@Suite("Presence queue")
struct PresenceQueueTests {
    private func transition(_ user: String, _ online: Bool, _ number: UInt64) -> PresenceTransition
    {
        PresenceTransition(user: user, isOnline: online, number: number)
    }

    @Test("one call per user is under way, the next starts when it ended")
    func oneAtATime() {
        var queue = PresenceQueue()
        let online = transition("alice", true, 1)
        let offline = transition("alice", false, 2)
        #expect(queue.add(online) == online)
        #expect(queue.add(offline) == nil)
        #expect(queue.add(transition("bob", true, 3)) == transition("bob", true, 3))
        #expect(queue.finished(user: "alice", succeeded: true) == offline)
        #expect(queue.finished(user: "alice", succeeded: true) == nil)
        #expect(queue.finished(user: "bob", succeeded: true) == nil)
        #expect(queue.count == 0)
    }

    @Test("a failed call stays at the front and is tried again, in order")
    func retries() {
        var queue = PresenceQueue()
        let online = transition("alice", true, 1)
        let offline = transition("alice", false, 2)
        _ = queue.add(online)
        #expect(queue.finished(user: "alice", succeeded: false) == nil)
        #expect(queue.count == 1)
        #expect(queue.add(offline) == online)
        #expect(queue.retries().isEmpty)
        #expect(queue.finished(user: "alice", succeeded: false) == nil)
        #expect(queue.retries() == [online])
        #expect(queue.finished(user: "alice", succeeded: true) == offline)
        #expect(queue.finished(user: "alice", succeeded: true) == nil)
        #expect(queue.count == 0)
    }

    @Test("a user that flaps faster than the service answers is folded, the last state survives")
    func folding() {
        var queue = PresenceQueue()
        for number in 1...200 {
            _ = queue.add(transition("alice", number % 2 == 1, UInt64(number)))
        }
        #expect(queue.folded > 0)
        var seen: [PresenceTransition] = [transition("alice", true, 1)]
        while let next = queue.finished(user: "alice", succeeded: true) { seen.append(next) }
        #expect(seen.count <= PresenceQueue.maxPerUser)
        #expect(seen.last == transition("alice", false, 200))
        #expect(zip(seen, seen.dropFirst()).allSatisfy { $0.isOnline != $1.isOnline })
        #expect(queue.count == 0)
    }
}
