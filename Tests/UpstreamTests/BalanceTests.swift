import NIOCore
import NIOEmbedded
import SluiceFraming
import SluicePolicy
import SluiceTestSupport
import SluiceUpstream
import SluiceVocabulary
import Testing

@Suite struct BalanceTests {
    @Test("ordered calls of one key go to one instance, keys spread over all")
    func sticky() throws {
        let rig = try Rig(instances: 2)
        var counts = [0, 0]
        for key in 0..<64 as Range<UInt64> {
            for _ in 0..<3 { try rig.send(seq: key + 1, key: key) }
            let now = try rig.instances.map { try $0.calls().count }
            #expect(now.sorted() == [0, 3])
            counts[now[0] == 3 ? 0 : 1] += 1
        }
        #expect(counts.allSatisfy { $0 > 16 })
    }

    @Test("calls that are not ordered go round")
    func roundRobin() throws {
        let rig = try Rig(instances: 3)
        for seq in 1...30 { try rig.send("free", seq: UInt64(seq)) }
        #expect(try rig.instances.map { try $0.calls().count } == [10, 10, 10])
    }

    @Test("while an instance is down the others are used, and only its keys move")
    func failover() throws {
        let rig = try Rig(instances: 3)
        func homes() throws -> [Int] {
            try (0..<60).map { key in
                try rig.send(seq: 1, key: UInt64(key))
                let counts = try rig.instances.map {
                    $0.channel.isActive ? try $0.calls().count : 0
                }
                return try #require(counts.firstIndex(of: 1))
            }
        }
        let before = try homes()
        rig.instances[1].isDown = true
        rig.instances[1].channel.close(promise: nil)
        rig.loop.run()
        let during = try homes()
        for (old, new) in zip(before, during) { #expect(old == 1 ? new != 1 : new == old) }
        #expect(rig.book.gauges["s ready"]?.value == 2)
        #expect(rig.book.gauges["s down"]?.value == 1)
        rig.instances[1].isDown = false
        rig.advance(milliseconds: 50)
        rig.greet()
        #expect(try homes() == before)
    }

    @Test(
        "a new snapshot keeps the links of instances that stay; a removed one answers what it owes")
    func adopt() throws {
        let rig = try Rig(instances: 2)
        let stays = rig.instances[0].channel
        let goes = rig.instances[1].channel
        let all = (0..<8).map { UInt64($0) }
        for key in all { try rig.send(seq: key + 1, key: key) }
        let owed = try rig.instances[1].calls()
        #expect(!owed.isEmpty)
        rig.upstream.adopt(try Rig.snapshot([rig.instances[0].address]))
        rig.loop.run()
        #expect(goes.isActive)
        for call in owed { try rig.instances[1].reply(to: call) }
        rig.loop.run()
        #expect(!goes.isActive)
        #expect(stays.isActive)
        #expect(rig.instances[0].channels.count == 1)
        #expect(rig.results.count == owed.count)
        #expect(rig.upstream.states.map(\.instance) == ["127.0.0.1:9000"])
        #expect(try rig.send(seq: 99) == .sent(isCongested: false))
    }

    @Test("an instance that comes with a snapshot is connected to")
    func adoptNew() throws {
        let rig = try Rig(instances: 2, isStarted: false)
        rig.upstream.adopt(try Rig.snapshot([rig.instances[0].address]))
        rig.upstream.start()
        rig.greet()
        rig.upstream.adopt(try Rig.snapshot(rig.instances.map(\.address)))
        rig.greet()
        #expect(rig.upstream.states.map(\.state) == [.ready, .ready])
    }
}
