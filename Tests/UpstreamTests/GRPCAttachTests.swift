import NIOCore
import NIOHTTP2
import SluiceFraming
import SluiceTestSupport
import SluiceUpstream
import SluiceVocabulary
import Testing

/// The streams of a gRPC link that are no calls: `Attach` with its pushes, and the health service.
@Suite struct GRPCAttachTests {
    /// A `ToGateway` as it stands in the stream.
    private func push(id: UInt8, users: [String]) -> ByteBuffer {
        let body = LinkPush(targets: .users(users), envelope: ByteBuffer(string: "e")).encoded()
        return GRPCPeer.framed(
            ByteBuffer(bytes: [1 << 3, id, 2 << 3 | 2, UInt8(body.count)] + body))
    }

    @Test("the gateway says who it is; pushes come down, their results go up")
    func pushes() throws {
        let rig = try GRPCRig()
        let attached = try #require(rig.peer.attached)
        let hello = try #require(try rig.peer.takeAttached().first)
        let inside = try #require(hello.getSlice(at: hello.readerIndex + 2, length: 8))
        #expect(try LinkHello(from: inside.readableBytesSpan).node == "test")
        var targets: [PushTargets] = []
        var answers: [(PushResult) -> Void] = []
        rig.rig.upstream.onPush = {
            targets.append($0.targets)
            #expect($1.instance == "127.0.0.1:9000")
            answers.append($2)
        }
        try rig.peer.begin(attached)
        // Two messages, cut where no message ends.
        var bytes = push(id: 7, users: ["alice"])
        bytes.writeImmutableBuffer(push(id: 0, users: ["bob"]))
        let head = bytes.readSlice(length: 9)
        try rig.peer.write(attached, try #require(head))
        try rig.run()
        #expect(targets.isEmpty)
        try rig.peer.write(attached, bytes)
        try rig.run()
        #expect(targets == [.users(["alice"]), .users(["bob"])])
        for answer in answers {
            var result = PushResult()
            result.delivered = 2
            answer(result)
        }
        try rig.run()
        let results = try rig.peer.takeAttached().map { Array($0.readableBytesView) }
        // Field 2 with delivered = 2 and id = 7; the other push had no id, so nobody waits.
        #expect(results == [[2 << 3 | 2, 5, 1 << 3, 2, 0x80, 0x01, 7]])
    }

    @Test("what is no push ends the stream and is counted; Attach is opened again after a pause")
    func badPush() throws {
        let rig = try GRPCRig()
        let attached = try #require(rig.peer.attached)
        try rig.send(seq: 1)
        try rig.peer.begin(attached)
        try rig.peer.write(attached, ByteBuffer(bytes: [1, 0, 0, 0, 0]))
        try rig.run()
        #expect(rig.peer.resets == [attached: .cancel])
        #expect(rig.rig.book.count("malformed s") == 1)
        #expect(rig.peer.attachments == 1)
        try rig.advance(milliseconds: 2_000)
        #expect(rig.peer.attachments == 2)
        #expect(rig.rig.instances[0].channels.count == 1)
        #expect(try rig.peer.takeAttached().count == 1, "the hello")
    }

    @Test("a service without Attach is not asked for it again")
    func unimplemented() throws {
        let rig = try GRPCRig()
        try rig.peer.refuse(try #require(rig.peer.attached), status: "12")
        for _ in 0..<5 { try rig.advance(milliseconds: 2_000) }
        #expect(rig.peer.attachments == 1)
        try rig.send(seq: 1)
        try rig.peer.answer(try #require(rig.peer.takeCalls().first))
        try rig.run()
        #expect(rig.outcome(of: 1) == "0 ok")
    }

    @Test("an Attach that finds no room is opened before the next call, as soon as there is some")
    func attachWaits() throws {
        let rig = try GRPCRig(settings: [HTTP2Setting(parameter: .maxConcurrentStreams, value: 2)])
        {
            $0.backoffMaximumMilliseconds = 100
        }
        for seq in 1...4 as ClosedRange<UInt64> { try rig.send(seq: seq) }
        let first = try #require(rig.peer.takeCalls().first)
        try rig.peer.refuse(try #require(rig.peer.attached), status: "14")
        try rig.run()
        let second = try #require(rig.peer.takeCalls().first, "it has the stream that Attach had")
        try rig.advance(milliseconds: 100)
        #expect(rig.peer.attachments == 1, "both streams are in use")
        try rig.peer.answer(first)
        try rig.run()
        #expect(rig.peer.attachments == 2)
        #expect(rig.peer.takeCalls().isEmpty)
        try rig.peer.answer(second)
        try rig.run()
        #expect(rig.peer.takeCalls().map(\.payload) == ["p3"])
    }

    @Test("SERVING is well, another status or none in time is not; a question unanswered is ended")
    func health() throws {
        let rig = try GRPCRig(instances: 2) {
            $0.health.check = CheckSettings(
                kind: .grpc, intervalMilliseconds: 1_000, timeoutMilliseconds: 100,
                unhealthyAfter: 2, healthyAfter: 1)
        }
        var answered = 0
        /// Lets time go by until so many more checks were answered, or left without an answer.
        func check(_ count: Int, status: UInt8?) throws {
            let wanted = answered + count
            for _ in 0..<200 where answered < wanted {
                try rig.advance(milliseconds: 20)
                while rig.peer.checks.count > answered {
                    let stream = rig.peer.checks[answered]
                    answered += 1
                    guard let status else { continue }
                    try rig.peer.begin(stream)
                    try rig.peer.write(
                        stream, GRPCPeer.framed(ByteBuffer(bytes: [1 << 3, status])))
                    try rig.peer.end(stream)
                    try rig.run()
                }
            }
            try rig.advance(milliseconds: 120)
        }
        func state() -> InstanceState { rig.rig.upstream.states[0].health }
        try check(2, status: 1)
        #expect(state() == .ready)
        try check(1, status: 2)
        #expect(state() == .ready, "once is not enough")
        try check(1, status: 2)
        #expect(state() == .unhealthy)
        try check(1, status: 1)
        #expect(state() == .ready)
        try check(3, status: nil)
        #expect(state() == .unhealthy)
        let silent = rig.peer.checks.suffix(3)
        #expect(silent.dropLast().allSatisfy { rig.peer.resets[$0] == .cancel }, "they pile up")
        rig.rig.upstream.stop()
    }
}
