import NIOCore
import NIOHPACK
import NIOHTTP2
import SluiceFraming
import SluiceTestSupport
import SluiceUpstream
import SluiceVocabulary
import Testing

/// Calls over gRPC links: each a stream, against a server that uses HTTP/2 to its edges.
@Suite struct GRPCSessionTests {
    @Test("a call is a stream with the command's name and the time left; its message is the answer")
    func call() throws {
        let rig = try GRPCRig()
        #expect(try rig.send("once", seq: 1, payload: "hello") == .sent(isCongested: false))
        let call = try #require(rig.peer.takeCalls().first)
        #expect(call.payload == "hello")
        #expect(call.headers.first(name: "grpc-timeout") == "1000m")
        #expect(call.headers.first(name: ":authority") == "127.0.0.1:9000")
        #expect(call.headers.first(name: "te") == "trailers")
        let bytes = call.message.getBytes(
            at: call.message.readerIndex, length: call.message.readableBytes)
        #expect(bytes?.suffix(4) == Array("once".utf8)[...])
        try rig.peer.answer(call, "hi")
        try rig.run()
        #expect(rig.outcome(of: 1) == "0 hi")
        #expect(rig.rig.upstream.pendingCalls == 0)
        #expect(rig.rig.book.count("s ok") == 1)
    }

    @Test("answers in any order, cut anywhere, reach the caller each belongs to")
    func order() throws {
        let rig = try GRPCRig()
        for seq in 1...20 as ClosedRange<UInt64> { try rig.send(seq: seq) }
        let calls = rig.peer.takeCalls()
        #expect(calls.map(\.payload) == (1...20).map { "p\($0)" })
        for call in calls { try rig.peer.begin(call.stream) }
        for call in calls.reversed() {
            var message = GRPCPeer.framed(
                ByteBuffer(bytes: envelope(kind: 1, payload: "to \(call.payload)")))
            while let byte = message.readSlice(length: 1) {
                try rig.peer.write(call.stream, byte)
                try rig.run()
            }
        }
        #expect(rig.rig.results.isEmpty, "the status has not come")
        for call in calls { try rig.peer.end(call.stream) }
        try rig.run()
        for seq in 1...20 as ClosedRange<UInt64> { #expect(rig.outcome(of: seq) == "0 to p\(seq)") }
    }

    // MARK: Refused streams

    @Test("a refused stream waits for another call's end and goes to the same instance again")
    func refusedHeldBack() throws {
        let rig = try GRPCRig()
        for seq in 1...2 as ClosedRange<UInt64> { try rig.send(seq: seq) }
        let calls = rig.peer.takeCalls()
        try #require(calls.count == 2)
        try rig.peer.reset(calls[1].stream, .refusedStream)
        try rig.run()
        try rig.send(seq: 3)
        #expect(rig.peer.takeCalls().isEmpty, "the peer has no room: new ones wait, too")
        #expect(rig.rig.results.isEmpty)
        try rig.peer.answer(calls[0])
        try rig.run()
        let again = rig.peer.takeCalls()
        try #require(again.map(\.payload) == ["p2", "p3"], "in their order")
        #expect(again[0].stream > calls[1].stream)
        for call in again { try rig.peer.answer(call) }
        try rig.run()
        #expect(try (1...3).map { try #require(rig.outcome(of: $0)) } == ["0 ok", "0 ok", "0 ok"])
        #expect(rig.rig.results.allSatisfy { $0.result.attempts == 1 })
        #expect(rig.rig.book.count("s retried unsent") == 0)
    }

    @Test("a stream refused with no other under way goes to another instance, whatever its command")
    func refusedElsewhere() throws {
        let rig = try GRPCRig(instances: 2)
        try rig.send(seq: 1)
        let asked = try #require(rig.peers.firstIndex { !$0.takeCalls().isEmpty })
        let id = try #require(lastStream(rig.peers[asked]))
        try rig.peers[asked].reset(id, .refusedStream)
        try rig.run()
        let call = try #require(rig.peers[1 - asked].takeCalls().first)
        try rig.peers[1 - asked].answer(call)
        try rig.run()
        #expect(rig.outcome(of: 1) == "0 ok")
        #expect(rig.rig.book.count("s retried unsent") == 1)
    }

    @Test("streams refused all at once by a peer that answers go to it again after a pause")
    func refusedTogether() throws {
        let rig = try GRPCRig()
        try rig.send(seq: 1)
        try rig.peer.answer(try #require(rig.peer.takeCalls().first))
        try rig.run()
        for seq in 2...4 as ClosedRange<UInt64> { try rig.send(seq: seq) }
        // As long as it is patient; what comes too early is refused again.
        for pause in [2, 4, 8] as [Int64] {
            let calls = rig.peer.takeCalls()
            try #require(calls.count == 3)
            for call in calls { try rig.peer.reset(call.stream, .refusedStream) }
            try rig.run()
            rig.rig.advance(milliseconds: pause - 1)
            try rig.run()
            #expect(rig.peer.takeCalls().isEmpty)
            rig.rig.advance(milliseconds: 1)
            try rig.run()
        }
        for call in rig.peer.takeCalls() { try rig.peer.answer(call) }
        try rig.run()
        #expect(
            try (1...4).map { try #require(rig.outcome(of: $0)) }
                == Array(repeating: "0 ok", count: 4))
        #expect(rig.rig.results.allSatisfy { $0.result.attempts == 1 })
        #expect(rig.rig.book.count("s retried unsent") == 0)
    }

    @Test("a peer that goes on refusing is left in the end")
    func refusedForEver() throws {
        let rig = try GRPCRig()
        try rig.send(seq: 1)
        try rig.peer.answer(try #require(rig.peer.takeCalls().first))
        try rig.run()
        for seq in 2...3 as ClosedRange<UInt64> { try rig.send(seq: seq) }
        var asked = 0
        var pause: Int64 = 2
        while rig.outcome(of: 2) == nil || rig.outcome(of: 3) == nil, asked < 100 {
            let calls = rig.peer.takeCalls()
            asked += calls.count
            for call in calls { try rig.peer.reset(call.stream, .refusedStream) }
            try rig.run()
            rig.rig.advance(milliseconds: pause)
            pause = min(2 * pause, 256)
            try rig.run()
        }
        #expect(try #require(rig.outcome(of: 2)).contains("service_unavailable"))
        #expect(try #require(rig.outcome(of: 3)).contains("service_unavailable"))
        #expect((18...20).contains(asked))
    }

    /// The stream after `Attach`.
    private func lastStream(_ peer: GRPCPeer) -> HTTP2StreamID? {
        peer.attached.map { HTTP2StreamID(Int($0) + 2) }
    }

    // MARK: GOAWAY

    @Test("calls up to a GOAWAY's last stream are answered there, those above it elsewhere")
    func goaway() throws {
        let rig = try GRPCRig(instances: 2)
        for seq in 1...6 as ClosedRange<UInt64> { try rig.send(seq: seq) }
        let calls = rig.peer.takeCalls()
        let others = rig.peers[1].takeCalls()
        try #require(calls.count == 3 && others.count == 3)
        try rig.peer.goaway(last: calls[1].stream)
        try rig.run()
        let moved = rig.peers[1].takeCalls()
        #expect(moved.map(\.payload) == [calls[2].payload])
        #expect(rig.rig.upstream.states.map(\.state) == [.draining, .ready])
        let channel = rig.rig.instances[0].channel
        for call in calls[...1] { try rig.peer.answer(call, "old") }
        for call in others + moved { try rig.peers[1].answer(call, "new") }
        try rig.run()
        #expect(rig.rig.results.count == 6)
        for call in calls[...1] { #expect(outcome(of: call, rig) == "0 old") }
        for call in others + moved { #expect(outcome(of: call, rig) == "0 new") }
        #expect(!channel.isActive, "with its last answer it has gone")
        #expect(rig.rig.book.count("s retried unsent") == 1)
        try rig.advance(milliseconds: 50)
        #expect(rig.rig.upstream.states.map(\.state) == [.ready, .ready])
    }

    private func outcome(of call: GRPCCall, _ rig: GRPCRig) -> String? {
        UInt64(call.payload.dropFirst()).flatMap { rig.outcome(of: $0) }
    }

    @Test("a graceful stop's two GOAWAYs: no new streams after the first, none lost at the second")
    func goawayTwice() throws {
        let rig = try GRPCRig(instances: 2)
        for seq in 1...2 as ClosedRange<UInt64> { try rig.send(seq: seq) }
        let first = try #require(rig.peer.takeCalls().first)
        let second = try #require(rig.peers[1].takeCalls().first)
        try rig.peer.goaway(last: .maxID)
        try rig.run()
        for seq in 3...6 as ClosedRange<UInt64> { try rig.send(seq: seq) }
        #expect(rig.peer.takeCalls().isEmpty)
        try rig.peer.goaway(last: first.stream)
        try rig.run()
        try rig.peer.answer(first)
        for call in [second] + rig.peers[1].takeCalls() { try rig.peers[1].answer(call) }
        try rig.run()
        #expect(rig.rig.results.count == 6)
        #expect(rig.rig.results.allSatisfy { Rig.text($0.result.outcome) == "0 ok" })
        #expect(rig.rig.book.count("s retried unsent") == 0)
    }

    @Test("what waits for room when a GOAWAY comes is asked of another instance")
    func goawayWaiting() throws {
        let rig = try GRPCRig(
            instances: 2, settings: [HTTP2Setting(parameter: .maxConcurrentStreams, value: 2)])
        for seq in 1...6 as ClosedRange<UInt64> { try rig.send(seq: seq) }
        let under = rig.peer.takeCalls()
        try #require(under.count == 1, "Attach is the other")
        var done = rig.peers[1].takeCalls()
        try rig.peer.goaway(last: under[0].stream)
        try rig.peer.answer(under[0])
        try rig.run()
        while !done.isEmpty {
            for call in done { try rig.peers[1].answer(call) }
            try rig.run()
            done = rig.peers[1].takeCalls()
        }
        #expect(rig.rig.results.count == 6)
        #expect(rig.rig.results.allSatisfy { Rig.text($0.result.outcome) == "0 ok" })
        #expect(rig.rig.book.count("s retried unsent") == 2)
    }

    // MARK: Ends that are no answers

    @Test(
        "what a reset makes of a call depends on its code",
        arguments: [
            (HTTP2ErrorCode.noError, "bad_upstream_answer"), (.cancel, "bad_upstream_answer"),
            (.internalError, "bad_upstream_answer"), (.protocolError, "bad_upstream_answer"),
            (.enhanceYourCalm, "overloaded"), (.refusedStream, "service_unavailable"),
        ])
    func resets(code: HTTP2ErrorCode, told: String) throws {
        let rig = try GRPCRig()
        try rig.send(seq: 1)
        try rig.peer.reset(try #require(rig.peer.takeCalls().first).stream, code)
        try rig.run()
        #expect(rig.outcome(of: 1) == told)
        #expect(rig.rig.book.count("s \(told)") == 1)
        try rig.send(seq: 2)
        try rig.peer.answer(try #require(rig.peer.takeCalls().first))
        try rig.run()
        #expect(rig.outcome(of: 2) == "0 ok", "the connection goes on")
    }

    @Test(
        "what a status makes of a call",
        arguments: [
            ("0", "200", "bad_upstream_answer"), ("4", "200", "timed_out"),
            ("8", "200", "overloaded"), ("14", "200", "service_unavailable"),
            ("2", "200", "bad_upstream_answer"), ("nonsense", "200", "bad_upstream_answer"),
            ("14", "500", "service_unavailable"),
        ])
    func statuses(status: String, http: String, told: String) throws {
        let rig = try GRPCRig()
        try rig.send(seq: 1)
        try rig.peer.refuse(
            try #require(rig.peer.takeCalls().first).stream, status: status, http: http)
        try rig.run()
        #expect(rig.outcome(of: 1) == told)
    }

    @Test("OK without a message, with half of one or with two is no answer; the next call is one")
    func messages() throws {
        let rig = try GRPCRig()
        let whole = GRPCPeer.framed(ByteBuffer(bytes: envelope(kind: 1, payload: "x")))
        var half = whole
        half.moveWriterIndex(to: half.writerIndex - 1)
        var both = whole
        both.writeImmutableBuffer(whole)
        var compressed = whole
        compressed.setInteger(UInt8(1), at: 0)
        let bodies = [ByteBuffer(), half, both, compressed]
        for (place, body) in bodies.enumerated() {
            try rig.send(seq: UInt64(place + 1))
            let call = try #require(rig.peer.takeCalls().first)
            try rig.peer.begin(call.stream)
            try rig.peer.write(call.stream, body)
            try rig.peer.end(call.stream)
            try rig.run()
            #expect(rig.outcome(of: UInt64(place + 1)) == "bad_upstream_answer")
        }
        try rig.send(seq: 9)
        try rig.peer.answer(try #require(rig.peer.takeCalls().first))
        try rig.run()
        #expect(rig.outcome(of: 9) == "0 ok")
        #expect(rig.rig.instances[0].channels.count == 1)
    }

    @Test("an answer longer than is allowed ends where the limit is, and is counted")
    func tooLong() throws {
        var limits = Limits()
        limits.maxLinkFrameBytes = 1_000
        let rig = try GRPCRig(limits: limits)
        try rig.send(seq: 1)
        let call = try #require(rig.peer.takeCalls().first)
        try rig.peer.begin(call.stream)
        try rig.peer.write(call.stream, ByteBuffer(repeating: 0, count: 1_006))
        try rig.run()
        #expect(rig.outcome(of: 1) == "bad_upstream_answer")
        #expect(rig.peer.resets == [call.stream: .cancel], "nobody reads on")
        #expect(rig.rig.book.count("limit max_link_frame_bytes") == 1)
        try rig.send(seq: 2)
        try rig.peer.answer(try #require(rig.peer.takeCalls().first))
        try rig.run()
        #expect(rig.outcome(of: 2) == "0 ok")
    }

    // MARK: Cancel

    @Test("a client that goes ends its stream; a call that waited is never sent")
    func cancel() throws {
        let rig = try GRPCRig(settings: [HTTP2Setting(parameter: .maxConcurrentStreams, value: 2)])
        try rig.send(requester: 1, seq: 1)
        try rig.send(requester: 1, seq: 2)
        try rig.send(requester: 2, seq: 3)
        let call = try #require(rig.peer.takeCalls().first)
        let ended = rig.rig.upstream.cancel(
            requester: ConnectionID(loop: 0, slot: 1, generation: 1))
        try rig.run()
        #expect(ended.map(\.seq).sorted() == [1, 2])
        #expect(rig.peer.resets == [call.stream: .cancel])
        let next = rig.peer.takeCalls()
        try #require(next.map(\.payload) == ["p3"])
        try rig.peer.answer(next[0])
        try rig.run()
        #expect(rig.outcome(of: 3) == "0 ok")
        #expect(rig.rig.results.count == 1)
        #expect(rig.rig.upstream.states.allSatisfy { $0.inFlight == 0 })
    }

    @Test("a deadline that passes ends the stream")
    func deadline() throws {
        let rig = try GRPCRig()
        try rig.send(seq: 1)
        let call = try #require(rig.peer.takeCalls().first)
        try rig.advance(milliseconds: 1_010)
        #expect(rig.outcome(of: 1) == "timed_out")
        #expect(rig.peer.resets == [call.stream: .cancel])
    }
}
