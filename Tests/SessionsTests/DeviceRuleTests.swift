import SluiceSessions
import SluiceVocabulary
import Testing

@Suite("Device rule")
struct DeviceRuleTests {
    private func directory(
        _ bound: DeviceRule.Bound, refuse: Bool = false
    ) -> SessionDirectory {
        var directory = SessionDirectory()
        directory.adopt(DeviceRule(bound, classByPlatform: classes, refusesNewer: refuse))
        return directory
    }

    @Test("without a rule a user has as many connections as they like")
    func unbounded() {
        var directory = directory(.unbounded)
        for slot in 1...50 {
            let registration = directory.register(entry("alice", slot, platform: "ios"))
            #expect(registration.replaced.isEmpty && !registration.isRefused)
        }
        #expect(directory.sessionCount == 50)
    }

    @Test(
        "of two phones that come at once the later one stays, whichever that is, and the web stays",
        arguments: [(1, 2), (2, 1)])
    func raceOfOneClass(order: (Int, Int)) {
        var directory = directory(.onePerClass)
        let phones = [
            1: entry("alice", 1, device: "a", platform: "ios"),
            2: entry("alice", 2, device: "b", platform: "android", loop: 1),
        ]
        _ = directory.register(entry("alice", 9, platform: "web"))
        #expect(directory.register(phones[order.0]!).replaced.isEmpty)
        #expect(directory.register(phones[order.1]!).replaced.slots == [order.0])
        #expect(directory.entries(of: "alice").slots == [9, order.1])
        // What the connection that gave way says later changes nothing.
        let late = directory.remove(user: "alice", connection: phones[order.0]!.connection)
        #expect(late == nil)
        #expect(directory.sessionCount == 2)
    }

    @Test("a platform in no class is a class of its own, and so is none at all")
    func ownClass() {
        var directory = directory(.onePerClass)
        for (slot, platform) in ["tv", "", "ios", "fridge"].enumerated() {
            #expect(directory.register(entry("a", slot, platform: platform)).replaced.isEmpty)
        }
        #expect(directory.register(entry("a", 10, platform: "tv")).replaced.slots == [0])
        #expect(directory.register(entry("a", 11)).replaced.slots == [1])
        let long = String(repeating: "x", count: SessionEntry.maxPlatformBytes + 1)
        #expect(directory.register(entry("a", 12, platform: long)).replaced.slots == [11])
    }

    @Test("one in all leaves the newest alone, whatever it is")
    func oneInAll() {
        var directory = directory(.total(1))
        _ = directory.register(entry("alice", 1, platform: "ios"))
        #expect(directory.register(entry("alice", 2, platform: "web")).replaced.slots == [1])
        #expect(directory.register(entry("bob", 3)).replaced.isEmpty)
        #expect(directory.entries(of: "alice").slots == [2])
    }

    @Test("with a maximum the oldest goes first")
    func maximum() {
        var directory = directory(.total(3))
        for slot in 1...3 { _ = directory.register(entry("alice", slot)) }
        #expect(directory.register(entry("alice", 4)).replaced.slots == [1])
        #expect(directory.register(entry("alice", 5)).replaced.slots == [2])
        #expect(directory.entries(of: "alice").slots == [3, 4, 5])
    }

    @Test("the same device id again counts once: nobody else has to go for it")
    func sameDevice() {
        var directory = directory(.total(2))
        _ = directory.register(entry("alice", 1, device: "phone"))
        _ = directory.register(entry("alice", 2, device: "laptop"))
        let again = directory.register(entry("alice", 3, device: "phone"))
        #expect(again.superseded.slots == [1])
        #expect(again.replaced.isEmpty)
        #expect(directory.entries(of: "alice").slots == [2, 3])
    }

    @Test("where newer ones are refused the older stay, and nothing changes")
    func refuse() {
        var directory = directory(.onePerClass, refuse: true)
        _ = directory.register(entry("alice", 1, device: "a", platform: "ios"))
        let refused = directory.register(entry("alice", 2, device: "b", platform: "android"))
        #expect(refused.isRefused && refused.superseded.isEmpty && refused.replaced.isEmpty)
        #expect(refused.transition == nil)
        #expect(directory.entries(of: "alice").slots == [1])
        #expect(directory.sessionCount == 1)
        #expect(
            directory.remove(user: "alice", connection: entry("alice", 2).connection) == nil,
            "it was never here")
        #expect(directory.register(entry("alice", 3, platform: "web")).isRefused == false)
    }

    @Test("a device that comes again is not refused for its own older connection")
    func refuseButNotItself() {
        var directory = directory(.total(2), refuse: true)
        _ = directory.register(entry("alice", 1, device: "phone", platform: "ios"))
        _ = directory.register(entry("alice", 2, device: "laptop", platform: "mac"))
        #expect(directory.register(entry("alice", 3, device: "phone")).superseded.slots == [1])
        #expect(directory.register(entry("alice", 4, device: "tablet")).isRefused)
        #expect(directory.entries(of: "alice").slots == [2, 3])
    }

    @Test("a device that is refused in another's class keeps the connection it has")
    func refusedInAnotherClass() {
        var directory = directory(.onePerClass, refuse: true)
        _ = directory.register(entry("alice", 1, device: "d", platform: "web"))
        _ = directory.register(entry("alice", 2, device: "e", platform: "ios"))
        let moved = directory.register(entry("alice", 3, device: "d", platform: "android"))
        #expect(moved.isRefused && moved.superseded.isEmpty && moved.replaced.isEmpty)
        #expect(directory.entries(of: "alice").slots == [1, 2])
    }

    @Test("a user whose old device is replaced never goes offline")
    func presence() {
        var directory = directory(.total(1))
        #expect(directory.register(entry("alice", 1)).transition?.isOnline == true)
        for slot in 2...9 {
            #expect(directory.register(entry("alice", slot)).transition == nil)
            let gone = directory.remove(user: "alice", connection: entry("", slot - 1).connection)
            #expect(gone == nil)
        }
        let last = directory.remove(user: "alice", connection: entry("", 9).connection)
        #expect(last?.isOnline == false)
    }

    // MARK: A rule that changes

    @Test("a tightened rule closes the oldest of everybody, step by step, and nobody goes offline")
    func tightened() {
        var directory = SessionDirectory()
        for user in 0..<100 {
            for slot in 0..<3 { _ = directory.register(entry("u\(user)", user * 3 + slot)) }
        }
        directory.adopt(DeviceRule(.total(1)))
        var gone: [SessionEntry] = []
        var steps = 0
        while directory.isEnforcing {
            let step = directory.enforce(users: 10, closes: 7)
            #expect(step.count <= 7)
            gone += step
            steps += 1
        }
        #expect(Set(gone.slots) == Set((0..<300).filter { $0 % 3 < 2 }))
        #expect(gone.count == 200)
        #expect(steps >= 200 / 7)
        #expect(directory.sessionCount == 100 && directory.userCount == 100)
        #expect(directory.enforce(users: 10, closes: 10).isEmpty)
    }

    @Test("one user with many connections is closed in steps, too, oldest first")
    func crowd() {
        var directory = SessionDirectory()
        for slot in 0..<1_000 { _ = directory.register(entry("bot", slot, platform: "ios")) }
        directory.adopt(DeviceRule(.onePerClass, classByPlatform: classes))
        #expect(directory.enforce(users: 2_000, closes: 100).slots == Array(0..<100))
        // A newcomer makes no more than a step's worth give way.
        let newcomer = directory.register(entry("bot", 1_000, platform: "ios"))
        #expect(newcomer.replaced.slots == Array(100..<200))
        var gone: [SessionEntry] = []
        while directory.isEnforcing { gone += directory.enforce(users: 1, closes: 500) }
        #expect(gone.slots == Array(200..<1_000))
        #expect(directory.entries(of: "bot").slots == [1_000])
    }

    @Test("a newer rule begins anew, and one without a bound ends it")
    func restarted() {
        var directory = SessionDirectory()
        for user in 0..<10 {
            for slot in 0..<4 { _ = directory.register(entry("u\(user)", user * 4 + slot)) }
        }
        directory.adopt(DeviceRule(.total(3)))
        #expect(directory.enforce(users: 5, closes: 100).count == 5)
        directory.adopt(DeviceRule(.total(2)))
        #expect(directory.enforce(users: 1_000, closes: 1_000).count == 15)
        #expect(!directory.isEnforcing)
        directory.adopt(DeviceRule(.total(1)))
        directory.adopt(DeviceRule())
        #expect(!directory.isEnforcing)
        directory.adopt(DeviceRule())
        #expect(!directory.isEnforcing, "an equal rule changes nothing")
    }

    @Test("whoever comes and goes while a rule is enforced, nobody is left out")
    func churn() {
        var directory = SessionDirectory()
        for slot in 0..<200 { _ = directory.register(entry("u\(slot % 100)", slot)) }
        directory.adopt(DeviceRule(.total(1)))
        var next = 1_000
        while directory.isEnforcing {
            _ = directory.enforce(users: 3, closes: 3)
            // The first and the last of the array go, and somebody new comes.
            for slot in [next - 1_000, 199 - (next - 1_000)] {
                for half in [slot, (slot + 100) % 200] {
                    _ = directory.remove(
                        user: "u\(slot % 100)", connection: entry("", half).connection)
                }
            }
            _ = directory.register(entry("new\(next)", next))
            next += 1
        }
        for user in 0..<100 { #expect(directory.entries(of: "u\(user)").count <= 1) }
    }
}
