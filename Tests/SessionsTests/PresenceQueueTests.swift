import SluiceSessions
import SluiceVocabulary
import Testing

@Suite("Presence queue")
struct PresenceQueueTests {
    private func transition(_ user: String, _ online: Bool, _ number: UInt64) -> PresenceTransition
    {
        PresenceTransition(user: user, isOnline: online, number: number)
    }

    private func at(_ milliseconds: Int64) -> MonotonicTime {
        MonotonicTime(nanoseconds: milliseconds * 1_000_000)
    }

    private let taken = PresenceOutcome.taken(notify: [])

    /// Everything the queue lets go, each taken at once.
    private func drain(_ queue: inout PresenceQueue, _ now: MonotonicTime) -> [PresenceTransition] {
        var seen: [PresenceTransition] = []
        while let next = queue.next(now) {
            seen.append(next)
            queue.finished(user: next.user, taken, now)
        }
        return seen
    }

    @Test("one call per user is under way, the next starts when it ended")
    func oneAtATime() {
        var queue = PresenceQueue()
        let online = transition("alice", true, 1)
        let offline = transition("alice", false, 2)
        queue.add(online)
        #expect(queue.next(at(0)) == online)
        queue.add(offline)
        #expect(queue.next(at(0)) == nil)
        queue.add(transition("bob", true, 3))
        #expect(queue.next(at(0)) == transition("bob", true, 3))
        queue.finished(user: "alice", taken, at(0))
        #expect(queue.next(at(0)) == offline)
        queue.finished(user: "alice", taken, at(0))
        queue.finished(user: "bob", taken, at(0))
        #expect(queue.next(at(0)) == nil)
        #expect(queue.count == 0)
        #expect(queue.waiting == 0)
    }

    @Test("nothing is told before the node's reset was taken, and then all of it in order")
    func closed() {
        var queue = PresenceQueue(isOpen: false)
        queue.add(transition("alice", true, 1))
        queue.add(transition("alice", false, 2))
        #expect(queue.next(at(10_000)) == nil)
        queue.isOpen = true
        #expect(drain(&queue, at(10_000)).map(\.number) == [1, 2])
    }

    @Test(
        "while the service does not answer, one call looks whether it is back, with pauses that grow"
    )
    func backoff() {
        var queue = PresenceQueue()
        for user in 0..<100 { queue.add(transition("u\(user)", true, UInt64(user + 1))) }
        var time: Int64 = 0
        var probes: [Int64] = []
        while probes.count < 10 {
            if let next = queue.next(at(time)) {
                if probes.isEmpty {
                    // All but this one fail later: only the first moment has many under way.
                    while let other = queue.next(at(time)) {
                        queue.finished(user: other.user, .unreachable, at(time))
                    }
                } else {
                    #expect(queue.next(at(time)) == nil)
                }
                queue.finished(user: next.user, .unreachable, at(time))
                probes.append(time)
            }
            time += 100
        }
        let pauses = zip(probes.dropFirst(), probes).map { $0 - $1 }
        #expect(pauses.allSatisfy { (200...6_400).contains($0) })
        #expect(pauses.last == 6_400)
        #expect(pauses == pauses.sorted())
        #expect(queue.count == 100)
        #expect(drain(&queue, at(time + 6_400)).count == 100)
        #expect(queue.count == 0)
    }

    @Test("a failed call stays at the front and is tried again, in order")
    func retries() {
        var queue = PresenceQueue()
        let online = transition("alice", true, 1)
        queue.add(online)
        #expect(queue.next(at(0)) == online)
        queue.add(transition("alice", false, 2))
        queue.finished(user: "alice", .unreachable, at(0))
        #expect(queue.next(at(199)) == nil)
        #expect(queue.next(at(200)) == online)
        queue.finished(user: "alice", taken, at(200))
        #expect(queue.next(at(200))?.number == 2)
    }

    @Test(
        "a call answered with a status waits for its own pause, others go on, and it ends at some time"
    )
    func refused() {
        var queue = PresenceQueue()
        queue.add(transition("odd", true, 1))
        queue.add(transition("odd", false, 2))
        var attempts = 0
        var time: Int64 = 0
        while queue.givenUp == 0, time < 100_000 {
            queue.add(transition("u\(time)", true, UInt64(time + 10)))
            while let next = queue.next(at(time)) {
                if next.number == 1 { attempts += 1 }
                queue.finished(user: next.user, next.user == "odd" ? .refused : taken, at(time))
            }
            #expect(queue.count == (queue.givenUp == 0 ? 1 : queue.count))
            time += 100
        }
        #expect(attempts == PresenceQueue.maxAttempts)
        #expect(queue.givenUp == 1)
        #expect(drain(&queue, at(time + 10_000)).map(\.number) == [2])
    }

    @Test(
        "a service that refuses everybody costs no more for being asked about many",
        .timeLimit(.minutes(1)))
    func refusesMany() {
        var queue = PresenceQueue()
        for user in 0..<50_000 { queue.add(transition("u\(user)", true, UInt64(user))) }
        var told = 0
        // One after the other, as answers come: looking through all that wait for each would take minutes.
        while let next = queue.next(at(0)) {
            queue.finished(user: next.user, .refused, at(0))
            told += 1
        }
        #expect(told == 50_000)
        #expect(queue.next(at(1_000)) != nil)
    }

    @Test("a user that flaps faster than the service answers is folded, the last state survives")
    func folding() {
        var queue = PresenceQueue()
        queue.add(transition("alice", true, 1))
        #expect(queue.next(at(0))?.number == 1)
        for number in 2...201 {
            queue.add(transition("alice", number % 2 == 1, UInt64(number)))
        }
        #expect(queue.folded > 0)
        #expect(queue.waiting <= PresenceQueue.maxPerUser)
        queue.finished(user: "alice", taken, at(0))
        let seen = [transition("alice", true, 1)] + drain(&queue, at(0))
        #expect(seen.last?.isOnline == true)
        #expect(zip(seen, seen.dropFirst()).allSatisfy { $0.isOnline != $1.isOnline })
        #expect(zip(seen, seen.dropFirst()).allSatisfy { $0.number < $1.number })
    }

    @Test("however many users come and go while the service is away, memory stays bounded")
    func bounded() {
        var queue = PresenceQueue(maxWaiting: 100)
        queue.add(transition("first", true, 1))
        #expect(queue.next(at(0))?.user == "first")
        queue.finished(user: "first", .unreachable, at(0))
        for number in 0..<100_000 {
            queue.add(transition("u\(number)", true, UInt64(2 * number + 2)))
            queue.add(transition("u\(number)", false, UInt64(2 * number + 3)))
        }
        queue.add(transition("last", true, 300_000))
        #expect(queue.waiting <= 102)
        #expect(queue.count <= 102)
        #expect(queue.folded > 99_000)
        let seen = drain(&queue, at(10_000))
        #expect(seen.contains { $0.user == "first" })
        #expect(seen.contains { $0.user == "last" })
        #expect(queue.count == 0)
    }

    @Test(
        "any order of events leaves the service with the last state of each user", arguments: 0..<20
    )
    func property(seed: UInt64) {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        func random(_ bound: UInt64) -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state >> 33) % bound
        }
        var queue = PresenceQueue(maxWaiting: 20)
        var isOnline: [String: Bool] = [:]
        var told: [String: PresenceTransition] = [:]
        var underWay: [PresenceTransition] = []
        var number: UInt64 = 0
        func end(_ index: Int, _ time: Int64) {
            let one = underWay.remove(at: index)
            let isTaken = random(3) > 0
            if isTaken {
                #expect(told[one.user]?.number ?? 0 < one.number, "seed \(seed)")
                told[one.user] = one
            }
            queue.finished(user: one.user, isTaken ? taken : .unreachable, at(time))
        }
        var time: Int64 = 0
        for _ in 0..<2_000 {
            time += 50
            switch random(3) {
            case 0:
                let user = "u\(random(8))"
                number += 1
                isOnline[user, default: false].toggle()
                queue.add(transition(user, isOnline[user] ?? false, number))
            case 1: while let next = queue.next(at(time)) { underWay.append(next) }
            default: if !underWay.isEmpty { end(Int(random(UInt64(underWay.count))), time) }
            }
        }
        while !underWay.isEmpty || queue.count > 0 {
            time += 10_000
            while let next = queue.next(at(time)) { underWay.append(next) }
            while !underWay.isEmpty { end(0, time) }
        }
        for (user, online) in isOnline {
            #expect(told[user]?.isOnline ?? false == online, "seed \(seed), \(user)")
        }
        #expect(queue.waiting == 0)
    }
}
