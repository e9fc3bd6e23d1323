import NIOCore
import NIOEmbedded
import SluiceFraming
import SluicePolicy
import SluiceTestSupport
import SluiceUpstream
import SluiceVocabulary
import Testing

@Suite struct BoundsTests {
    @Test(
        "calls over the in-flight limit of the link are overloaded, and pass again after an answer")
    func inFlight() throws {
        var limits = Limits()
        limits.maxInFlightPerLink = 3
        let rig = try Rig(limits: limits)
        for seq in 1...3 { #expect(try rig.send(seq: UInt64(seq)) == .sent(isCongested: false)) }
        #expect(try rig.send(seq: 4) == .refused(.overloaded))
        #expect(rig.book.count("limit max_in_flight_per_link") == 1)
        try rig.instances[0].reply(to: try #require(try rig.instances[0].calls().first))
        #expect(try rig.send(seq: 5) == .sent(isCongested: false))
        #expect(rig.upstream.pendingCalls == 3)
    }

    @Test("calls that go round pass by a full link")
    func pastFull() throws {
        var limits = Limits()
        limits.maxInFlightPerLink = 2
        let rig = try Rig(instances: 2, limits: limits)
        for seq in 1...4 {
            #expect(try rig.send("free", seq: UInt64(seq)) == .sent(isCongested: false))
        }
        #expect(try rig.send("free", seq: 5) == .refused(.overloaded))
        let call = try #require(try rig.instances[1].calls().first)
        try rig.instances[1].reply(to: call)
        #expect(try rig.send("free", seq: 6) == .sent(isCongested: false))
        #expect(try rig.instances[1].calls().count == 1)
    }

    @Test("bytes that a service does not take pause readers, then refuse, and readers are relieved")
    func congestion() throws {
        var limits = Limits()
        limits.linkPauseBytes = 2_000
        limits.maxLinkQueueBytes = 4_000
        let rig = try Rig(limits: limits)
        let channel = rig.instances[0].channel
        channel.setWritable(false)
        let payload = String(repeating: "x", count: 500)
        var answers: [Dispatch] = []
        for seq in 1...10 { answers.append(try rig.send(seq: UInt64(seq), payload: payload)) }
        let sent = answers.prefix { $0 != .refused(.overloaded) }
        #expect(sent.first == .sent(isCongested: false))
        #expect(sent.last == .sent(isCongested: true))
        #expect(sent.count == 7)
        #expect(answers.last == .refused(.overloaded))
        #expect(rig.book.count("limit max_link_queue_bytes") == 3)
        #expect(rig.relieved == 0)
        channel.setWritable(true)
        rig.loop.run()
        #expect(rig.relieved == 1)
        #expect(try rig.instances[0].calls().count == 7)
    }

    @Test("a socket that is full for a moment and takes everything all the same gets nothing twice")
    func fullForAMoment() throws {
        var limits = Limits()
        limits.linkPauseBytes = 2_000
        let rig = try Rig(limits: limits)
        let channel = rig.instances[0].channel
        channel.whileFlushing = { [unowned channel] in
            channel.setWritable(false)
            channel.setWritable(true)
        }
        let payload = String(repeating: "x", count: 500)
        for seq in 1...5 { try rig.send(seq: UInt64(seq), payload: payload, runs: false) }
        rig.loop.run()
        #expect(try rig.instances[0].calls().count == 5)
        #expect(rig.relieved == 1)
    }

    @Test("a link that was congested within a turn relieves its readers when all is out")
    func congestedForATurn() throws {
        var limits = Limits()
        limits.linkPauseBytes = 1_000
        let rig = try Rig(limits: limits)
        let payload = String(repeating: "x", count: 500)
        for seq in 1...3 { try rig.send(seq: UInt64(seq), payload: payload, runs: false) }
        rig.loop.run()
        #expect(rig.relieved == 1)
    }

    @Test("losing a congested link relieves its readers")
    func congestedLinkLost() throws {
        var limits = Limits()
        limits.linkPauseBytes = 10
        let rig = try Rig(limits: limits)
        let channel = rig.instances[0].channel
        channel.setWritable(false)
        #expect(try rig.send() == .sent(isCongested: true))
        channel.close(promise: nil)
        rig.loop.run()
        #expect(rig.relieved == 1)
    }

    @Test("a client that goes away has its calls cancelled, others keep theirs")
    func cancel() throws {
        let rig = try Rig()
        for seq in 1...3 { try rig.send(requester: 5, seq: UInt64(seq)) }
        try rig.send(requester: 6, seq: 4)
        let calls = try rig.instances[0].calls()
        rig.upstream.cancel(requester: ConnectionID(loop: 0, slot: 5, generation: 2))
        #expect(rig.upstream.pendingCalls == 4)
        rig.upstream.cancel(requester: ConnectionID(loop: 0, slot: 5, generation: 1))
        rig.loop.run()
        #expect(rig.upstream.pendingCalls == 1)
        let cancels = try rig.instances[0].frames()
        #expect(cancels.allSatisfy { $0.kind == .cancel })
        #expect(Set(cancels.map(\.stream)) == Set(calls.prefix(3).map(\.stream)))
        for call in calls { try rig.instances[0].reply(to: call) }
        #expect(rig.results.map(\.context.seq) == [4])
        #expect(rig.upstream.pendingCalls == 0)
    }

    @Test("a service that answers nothing is left when the calls it owes are too many")
    func neverAnswers() throws {
        var limits = Limits()
        limits.maxInFlightPerLink = 4
        let rig = try Rig(limits: limits)
        let channel = rig.instances[0].channel
        for round in 0..<5 {
            try rig.send(requester: round, seq: UInt64(round + 1))
            rig.advance(milliseconds: 1_010)
        }
        #expect(!channel.isActive)
        #expect(
            rig.events.contains {
                if case .down(_, _, .noAnswers, _, _) = $0 { true } else { false }
            })
    }

    @Test("a call whose time is over before it is sent is refused")
    func tooLate() throws {
        let rig = try Rig()
        let command = try #require(rig.commands.find(100))
        let context = CallContext(
            requester: ConnectionID(loop: 0, slot: 1, generation: 1), transport: .websocket, seq: 1,
            command: command,
            requestNumber: 1, startedAt: rig.clocks.monotonic(), bytesIn: 0, stickyKey: 0)
        rig.advance(milliseconds: 1_000)
        let dispatch = envelope(payload: "").withBytes {
            rig.upstream.dispatch(.own(.login), envelope: $0, stamp: [], context: context)
        }
        #expect(dispatch == .refused(.timedOut))
        #expect(rig.upstream.pendingCalls == 0)
    }

    @Test("stop ends every call and leaves no channel and no timer")
    func stop() throws {
        let rig = try Rig(instances: 2)
        for seq in 1...4 { try rig.send("free", seq: UInt64(seq)) }
        rig.upstream.stop()
        rig.loop.run()
        #expect(rig.results.count == 4)
        #expect(rig.results.allSatisfy { Rig.text($0.result.outcome) == "service_unavailable" })
        #expect(rig.instances.allSatisfy { !$0.channel.isActive })
        #expect(rig.upstream.pendingCalls == 0)
        #expect(rig.upstream.states.isEmpty)
        let made = rig.instances.map(\.channels.count)
        rig.advance(milliseconds: 100_000)
        #expect(rig.instances.map(\.channels.count) == made)
        #expect(try rig.send(seq: 9) == .refused(.serviceUnavailable))
    }

    @Test("after stop nothing on the loop holds the upstream any more")
    func stopLetsGo() throws {
        let loop = EmbeddedEventLoop()
        weak var upstream: Upstream?
        do {
            let rig = try Rig(instances: 2, loop: loop)
            upstream = rig.upstream
            for seq in 1...4 { try rig.send("free", seq: UInt64(seq)) }
            rig.instances[0].channel.close(promise: nil)
            loop.run()
            rig.upstream.stop()
            loop.run()
        }
        #expect(upstream == nil)
    }
}
