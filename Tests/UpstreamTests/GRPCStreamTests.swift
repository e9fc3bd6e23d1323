import NIOCore
import NIOHTTP2
import SluiceFraming
import SluiceTestSupport
import SluiceUpstream
import SluiceVocabulary
import Testing

/// Which streams a gRPC link opens, and when: room, order, ids, `Attach`, the health service.
@Suite struct GRPCStreamTests {
    @Test("SETTINGS that lower the number of streams hold new ones back, and give them room again")
    func settings() throws {
        let rig = try GRPCRig()
        for seq in 1...3 as ClosedRange<UInt64> { try rig.send(seq: seq) }
        let calls = rig.peer.takeCalls()
        try #require(calls.count == 3)
        try rig.peer.allow(streams: 3)
        try rig.run()
        for seq in 4...6 as ClosedRange<UInt64> { try rig.send(seq: seq) }
        #expect(rig.peer.takeCalls().isEmpty, "four are open, Attach among them")
        try rig.peer.answer(calls[0])
        try rig.run()
        #expect(rig.peer.takeCalls().isEmpty, "three are as many as there may be")
        try rig.peer.answer(calls[1])
        try rig.run()
        #expect(rig.peer.takeCalls().map(\.payload) == ["p4"])
        try rig.peer.allow(streams: 10)
        try rig.run()
        #expect(rig.peer.takeCalls().map(\.payload) == ["p5", "p6"])
        rig.rig.upstream.stop()
        try rig.run()
        #expect(rig.rig.upstream.pendingCalls == 0)
    }

    @Test("what waits for room when the connection is lost goes elsewhere, whatever its command")
    func waitingLost() throws {
        let rig = try GRPCRig(
            instances: 2, settings: [HTTP2Setting(parameter: .maxConcurrentStreams, value: 2)])
        for seq in 1...4 as ClosedRange<UInt64> { try rig.send("once", seq: seq) }
        let under = try #require(rig.peer.takeCalls().first)
        var calls = rig.peers[1].takeCalls()
        let lost = try #require(UInt64(under.payload.dropFirst()))
        #expect(calls.count == 1)
        rig.rig.instances[0].channel.close(promise: nil)
        try rig.run()
        #expect(rig.outcome(of: lost) == "service_unavailable", "nobody knows what became of it")
        while !calls.isEmpty {
            for call in calls { try rig.peers[1].answer(call) }
            try rig.run()
            calls = rig.peers[1].takeCalls()
        }
        #expect((1...4).allSatisfy { $0 == lost || rig.outcome(of: $0) == "0 ok" })
        #expect(rig.rig.book.count("s retried unsent") == 1)
    }

    // MARK: Order

    @Test("ordered calls of one key go one after the other, others beside them")
    func ordered() throws {
        let rig = try GRPCRig()
        for seq in 1...3 as ClosedRange<UInt64> { try rig.send("ordered", seq: seq, key: 1) }
        try rig.send("ordered", seq: 4, key: 2)
        try rig.send("once", seq: 5, key: 1)
        let first = rig.peer.takeCalls()
        try #require(first.map(\.payload) == ["p1", "p4", "p5"])
        try rig.peer.answer(first[0])
        try rig.run()
        #expect(rig.outcome(of: 1) == "0 ok")
        let second = rig.peer.takeCalls()
        try #require(second.map(\.payload) == ["p2"])
        try rig.peer.answer(second[0])
        try rig.run()
        #expect(rig.peer.takeCalls().map(\.payload) == ["p3"])
    }

    @Test("an ordered call that fails or is given up lets the next one go")
    func orderedEnds() throws {
        let rig = try GRPCRig()
        for seq in 1...2 as ClosedRange<UInt64> { try rig.send("ordered", seq: seq, key: 1) }
        // The third waits, and its client goes before its turn.
        try rig.send("ordered", requester: 3, seq: 3, key: 1)
        try rig.send("ordered", seq: 4, key: 1)
        try rig.peer.reset(try #require(rig.peer.takeCalls().first).stream, .internalError)
        try rig.run()
        #expect(rig.outcome(of: 1) == "bad_upstream_answer")
        let second = rig.peer.takeCalls()
        try #require(second.map(\.payload) == ["p2"])
        rig.rig.upstream.cancel(requester: ConnectionID(loop: 0, slot: 3, generation: 1))
        try rig.peer.answer(second[0])
        try rig.run()
        #expect(rig.peer.takeCalls().map(\.payload) == ["p4"])
    }

    // MARK: Ids

    @Test("with its stream ids used up a connection ends its calls; what waits goes elsewhere")
    func usedUp() throws {
        // Attach has the first of the last three ids.
        let rig = try GRPCRig(
            instances: 2, settings: [HTTP2Setting(parameter: .maxConcurrentStreams, value: 2)],
            firstStream: 0x7FFF_FF01 - 6)
        for seq in 1...6 as ClosedRange<UInt64> { try rig.send(seq: seq) }
        let first = try #require(rig.peer.takeCalls().first)
        try rig.peer.answer(first)
        try rig.run()
        let last = try #require(rig.peer.takeCalls().first)
        #expect(Int(last.stream) == 0x7FFF_FEFF)
        #expect(rig.rig.upstream.states.map(\.state) == [.draining, .ready])
        #expect(rig.rig.book.count("s retried unsent") == 1, "it has no id here")
        let channel = rig.rig.instances[0].channel
        try rig.peer.answer(last)
        var calls = rig.peers[1].takeCalls()
        while !calls.isEmpty {
            for call in calls { try rig.peers[1].answer(call) }
            try rig.run()
            calls = rig.peers[1].takeCalls()
        }
        #expect(rig.rig.results.count == 6)
        #expect(rig.rig.results.allSatisfy { Rig.text($0.result.outcome) == "0 ok" })
        #expect(!channel.isActive)
        try rig.advance(milliseconds: 50)
        #expect(rig.rig.upstream.states.map(\.state) == [.ready, .ready])
        #expect(rig.peer.attached == 1, "a new connection counts anew")
    }
}
