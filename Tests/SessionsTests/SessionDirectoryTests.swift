import SluiceSessions
import SluiceVocabulary
import Testing

@Suite("Session directory")
struct SessionDirectoryTests {
    @Test("only the first connection of a user makes them online, only the last makes them offline")
    func transitions() {
        var directory = SessionDirectory()
        #expect(directory.register(entry("alice", 1)).transition?.isOnline == true)
        #expect(directory.register(entry("alice", 2)).transition == nil)
        #expect(directory.remove(user: "alice", connection: entry("alice", 1).connection) == nil)
        let last = directory.remove(user: "alice", connection: entry("alice", 2).connection)
        #expect(last?.isOnline == false)
        #expect(directory.userCount == 0)
        #expect(directory.sessionCount == 0)
    }

    @Test("transitions are numbered upwards without a gap")
    func numbers() {
        var directory = SessionDirectory()
        var numbers: [UInt64] = []
        for slot in 1...5 {
            numbers.append(directory.register(entry("u\(slot)", slot)).transition?.number ?? 0)
        }
        #expect(numbers == [1, 2, 3, 4, 5])
    }

    @Test("a later run's numbers are greater than an earlier one's, and fit a JSON number")
    func runs() {
        var last: UInt64 = 0
        // One millisecond between two runs; the last is in the year 2109.
        for epoch: UInt64 in [1_800_000_000_000, 1_800_000_000_001, 4_398_046_511_103] {
            var directory = SessionDirectory(
                firstNumber: Sessions.PresenceStart.firstNumber(epoch: epoch))
            for slot in 1...1_000 {
                let number = directory.register(entry("u", slot)).transition?.number ?? 0
                _ = directory.remove(user: "u", connection: entry("u", slot).connection)
                #expect(number > last && number < 1 << 53)
                last = number
            }
        }
    }

    @Test("a second connection of the same device supersedes the first, without a transition")
    func supersede() {
        var directory = SessionDirectory()
        _ = directory.register(entry("alice", 1, device: "phone"))
        let second = directory.register(entry("alice", 2, device: "phone"))
        #expect(second.superseded == [entry("alice", 1, device: "phone")])
        #expect(second.transition == nil)
        #expect(directory.entries(of: "alice") == [entry("alice", 2, device: "phone")])
        #expect(directory.sessionCount == 1)
    }

    @Test("the removal of a superseded connection does not take the user offline")
    func lateRemoval() {
        var directory = SessionDirectory()
        _ = directory.register(entry("alice", 1, device: "phone"))
        _ = directory.register(entry("alice", 2, device: "phone"))
        #expect(directory.remove(user: "alice", connection: entry("alice", 1).connection) == nil)
        #expect(directory.userCount == 1)
    }

    @Test("connections without a device id never supersede each other")
    func devicesOfTheirOwn() {
        var directory = SessionDirectory()
        _ = directory.register(entry("alice", 1))
        #expect(directory.register(entry("alice", 2)).superseded.isEmpty)
        #expect(directory.entries(of: "alice").count == 2)
    }
}
