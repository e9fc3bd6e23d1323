import NIOCore
import NIOEmbedded
import SluiceFraming
import SluiceTestSupport
import SluiceUpstream
import SluiceVocabulary
import Testing

@Suite struct LinkTests {
    @Test("a call carries the envelope, the identity and the time left")
    func callBytes() throws {
        let rig = try Rig()
        #expect(try rig.send(payload: "hello") == .sent(isCongested: false))
        let call = try #require(try rig.instances[0].calls().first)
        var expected = ByteBuffer(bytes: envelope(payload: "hello") + rig.stamp)
        EnvelopeStamp.appendDeadline(milliseconds: 1_000, to: &expected)
        #expect(call.body == expected)
        #expect(call.stream != 0)
    }

    @Test("answers out of order reach the caller each belongs to")
    func outOfOrder() throws {
        let rig = try Rig()
        for seq in 1...50 { try rig.send(requester: Int(seq % 7), seq: UInt64(seq)) }
        let calls = try rig.instances[0].calls()
        #expect(calls.count == 50)
        for (place, call) in calls.enumerated().reversed() {
            try rig.instances[0].reply(to: call, payload: "r\(place + 1)")
        }
        for seq in 1...50 { #expect(rig.outcome(of: UInt64(seq)) == "0 r\(seq)") }
        #expect(rig.results.map(\.context.seq) == (1...50).reversed().map { UInt64($0) })
        #expect(rig.upstream.pendingCalls == 0)
        #expect(rig.results[0].result.instance == "127.0.0.1:9000")
    }

    @Test("answers cut anywhere, or many in one read, are read the same")
    func anyCut() throws {
        let rig = try Rig()
        for seq in 1...3 { try rig.send(seq: UInt64(seq)) }
        var bytes = ByteBuffer()
        for call in try rig.instances[0].calls() {
            envelope(status: 0, kind: 1, payload: "x\(call.stream)").withBytes {
                LinkCodec.write(.reply, stream: call.stream, body: $0, into: &bytes)
            }
        }
        while let byte = bytes.readSlice(length: 1) { rig.instances[0].channel.receive(byte) }
        #expect(rig.results.count == 3)
        #expect(rig.upstream.pendingCalls == 0)
    }

    @Test("calls of one turn leave in one write")
    func oneWrite() throws {
        let rig = try Rig()
        for seq in 1...10 { try rig.send(seq: UInt64(seq), runs: false) }
        #expect(rig.instances[0].channel.takeWritten().isEmpty)
        rig.loop.run()
        let writes = rig.instances[0].channel.takeWritten()
        #expect(writes.count == 1)
        var written = try #require(writes.first)
        var frames = 0
        while try LinkCodec.read(&written, maxFrameBytes: 1 << 20) != nil { frames += 1 }
        #expect(frames == 10)
    }

    @Test("a lost link refuses its calls at once, connects again, and new calls succeed")
    func lostLink() throws {
        let rig = try Rig()
        try rig.send(seq: 1)
        rig.instances[0].channel.close(promise: nil)
        rig.loop.run()
        #expect(rig.outcome(of: 1) == "service_unavailable")
        #expect(rig.upstream.pendingCalls == 0)
        #expect(try rig.send(seq: 2) == .refused(.serviceUnavailable))
        #expect(
            rig.events.last
                == .down(
                    service: "s", instance: "127.0.0.1:9000", reason: .connectionLost, lostCalls: 1)
        )
        rig.advance(milliseconds: 50)
        rig.greet()
        #expect(rig.events.last == .up(service: "s", instance: "127.0.0.1:9000"))
        try rig.send(seq: 3)
        try rig.instances[0].reply(to: try #require(try rig.instances[0].calls().last))
        #expect(rig.outcome(of: 3) == "0 ok")
    }

    @Test("an instance that stays down is told of once and tried again and again")
    func staysDown() throws {
        let rig = try Rig(isStarted: false)
        rig.instances[0].isDown = true
        rig.upstream.start()
        rig.loop.run()
        for _ in 0..<20 { rig.advance(milliseconds: 2_000) }
        let downs: [UpstreamEvent] = [
            .down(service: "s", instance: "127.0.0.1:9000", reason: .connectFailed, lostCalls: 0)
        ]
        #expect(rig.events == downs)
        rig.instances[0].isDown = false
        rig.advance(milliseconds: 2_000)
        rig.greet()
        #expect(rig.events.count == 2)
        #expect(rig.upstream.states.map(\.state) == [.ready])
    }

    @Test("a service that does not say hello gets no calls and is left")
    func noHello() throws {
        let rig = try Rig(isStarted: false)
        rig.instances[0].greets = false
        rig.upstream.start()
        rig.loop.run()
        #expect(try rig.send() == .refused(.serviceUnavailable))
        let first = rig.instances[0].channel
        rig.advance(milliseconds: 1_000)
        #expect(!first.isActive)
        #expect(
            rig.events
                == [.down(service: "s", instance: "127.0.0.1:9000", reason: .noHello, lostCalls: 0)]
        )
    }

    @Test("a deadline passes: 504 and a cancel frame; the late answer reaches nobody")
    func deadline() throws {
        let rig = try Rig()
        try rig.send(seq: 1)
        let call = try #require(try rig.instances[0].calls().first)
        rig.advance(milliseconds: 999)
        #expect(rig.results.isEmpty)
        rig.advance(milliseconds: 10)
        #expect(rig.outcome(of: 1) == "timed_out")
        #expect(rig.upstream.pendingCalls == 0)
        let cancel = try #require(try rig.instances[0].frames().first)
        #expect(cancel.kind == .cancel && cancel.stream == call.stream)
        for seq in 2...200 { try rig.send(seq: UInt64(seq)) }
        try rig.instances[0].reply(to: call, payload: "late")
        #expect(rig.results.count == 1)
        #expect(!(try rig.instances[0].calls().contains { $0.stream == call.stream }))
        #expect(rig.book.count("s timed_out") == 1)
    }

    @Test("a second answer to one call is ignored, also when its slot is in use again")
    func doubleAnswer() throws {
        let rig = try Rig()
        try rig.send(seq: 1)
        let first = try #require(try rig.instances[0].calls().first)
        try rig.instances[0].reply(to: first, payload: "one")
        try rig.send(seq: 2)
        let second = try #require(try rig.instances[0].calls().first)
        #expect(first.stream != second.stream)
        try rig.instances[0].reply(to: first, payload: "forged")
        #expect(rig.outcome(of: 2) == nil)
        try rig.instances[0].reply(to: second, payload: "two")
        #expect(rig.outcome(of: 2) == "0 two")
        #expect(rig.results.count == 2)
    }

    @Test("an instance cannot answer a call that another one was asked")
    func foreignAnswer() throws {
        let rig = try Rig(instances: 2)
        try rig.send("free", seq: 1)
        let calls = try rig.instances.map { try $0.calls() }
        let asked = try #require(calls.firstIndex { !$0.isEmpty })
        try rig.instances[1 - asked].reply(to: calls[asked][0], payload: "forged")
        #expect(rig.results.isEmpty)
        try rig.instances[asked].reply(to: calls[asked][0], payload: "true")
        #expect(rig.outcome(of: 1) == "0 true")
    }

    @Test(
        "an answer that cannot be read, or forges a refusal of the gateway, is 502; the link stays")
    func badAnswer() throws {
        let rig = try Rig()
        for seq in 1...3 { try rig.send(seq: UInt64(seq)) }
        let calls = try rig.instances[0].calls()
        try rig.instances[0].say(.reply, stream: calls[0].stream, [0xFF, 0xFF])
        try rig.instances[0].reply(to: calls[1], status: 403)
        try rig.instances[0].reply(to: calls[2], status: 1_401, payload: "no")
        #expect(rig.outcome(of: 1) == "bad_upstream_answer")
        #expect(rig.outcome(of: 2) == "bad_upstream_answer")
        #expect(rig.outcome(of: 3) == "1401 no")
        #expect(rig.instances[0].channel.isActive)
        #expect(rig.book.count("s bad_upstream_answer") == 2)
        #expect(rig.book.count("s service_status") == 1)
    }

    @Test("bytes that are no frame close the link and refuse its calls", arguments: badBytes)
    func framingLost(bytes: [UInt8]) throws {
        let rig = try Rig()
        try rig.send(seq: 1)
        let channel = rig.instances[0].channel
        channel.receive(ByteBuffer(bytes: bytes))
        rig.loop.run()
        #expect(!channel.isActive)
        #expect(rig.outcome(of: 1) == "service_unavailable")
        #expect(
            rig.events.last
                == .down(
                    service: "s", instance: "127.0.0.1:9000", reason: .protocolError, lostCalls: 1))
    }

    static let badBytes: [[UInt8]] = [
        [0, 0, 0, 1, 3, 0, 0, 0, 0, 0, 0, 1],
        [0xFF, 0xFF, 0xFF, 0xFF, 3, 0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 8, 99, 0, 0, 0, 0, 0, 0, 1],
        // A frame that only a gateway sends.
        [0, 0, 0, 8, 2, 0, 0, 0, 0, 0, 0, 1],
        // A second hello.
        [0, 0, 0, 8, 1, 0, 0, 0, 0, 0, 0, 0],
    ]

    @Test("a silent link is pinged, and left when no answer comes")
    func heartbeat() throws {
        let rig = try Rig()
        rig.advance(milliseconds: 25_000)
        rig.advance(milliseconds: 25_000)
        #expect(try rig.instances[0].frames().map(\.kind) == [.ping])
        try rig.instances[0].say(.ping, flags: LinkFlags.answer, stream: 0)
        rig.advance(milliseconds: 25_000)
        #expect(try rig.instances[0].frames().isEmpty)
        let channel = rig.instances[0].channel
        for _ in 0..<3 { rig.advance(milliseconds: 25_000) }
        #expect(!channel.isActive)
        #expect(
            rig.events.last
                == .down(
                    service: "s", instance: "127.0.0.1:9000", reason: .noHeartbeat, lostCalls: 0))
    }

    @Test("a ping of the service is answered with its body")
    func ping() throws {
        let rig = try Rig()
        try rig.instances[0].say(.ping, stream: 0, [1, 2, 3])
        rig.loop.run()
        let answer = try #require(try rig.instances[0].frames().first)
        #expect(answer.kind == .ping && answer.flags == LinkFlags.answer)
        #expect(answer.body == ByteBuffer(bytes: [1, 2, 3]))
    }

    @Test("after goaway old calls are answered, new ones refused, then the link is made anew")
    func goaway() throws {
        let rig = try Rig()
        try rig.send(seq: 1)
        let call = try #require(try rig.instances[0].calls().first)
        try rig.instances[0].say(.goaway, stream: 0)
        #expect(try rig.send(seq: 2) == .refused(.serviceUnavailable))
        try rig.instances[0].reply(to: call)
        #expect(rig.outcome(of: 1) == "0 ok")
        rig.advance(milliseconds: 50)
        rig.greet()
        #expect(rig.instances[0].channels.count == 2)
        #expect(try rig.send(seq: 3) == .sent(isCongested: false))
    }
}
