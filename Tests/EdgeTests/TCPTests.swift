import NIOCore
import NIOEmbedded
import SluiceEdge
import SluiceFraming
import SluiceTelemetry
import SluiceTestSupport
import SluiceVocabulary
import Testing

@Suite("TCP")
struct TCPTests {
    @Test("a client authenticates with its first frame and gets its answers, in JSON")
    func json() async throws {
        let rig = try await EdgeRig()
        let client = try TCPClient.open(rig, "alice")
        client.send(#"{"cmd":100,"seq":7,"data":"hi"}"#)
        try rig.answer(try #require(try rig.calls().first), #""hi""#)
        let reply = try #require(try client.envelopes().first)
        #expect(reply["seq"]?.integer == 7 && reply["data"]?.string == "hi")
        #expect(rig.count(.requests, ["tcp", "echo", "ok"]) == 1)
        #expect(rig.count(.requests, ["websocket", "echo", "ok"]) == 0)
        #expect(rig.count(.connectionsOpened, ["tcp"]) == 1)
    }

    @Test("the first frame settles the codec: protobuf is answered in protobuf")
    func protobuf() async throws {
        let rig = try await EdgeRig()
        let client = try TCPClient(rig)
        // cmd 2 ping, seq 9.
        client.write(client.framed([0x10, 2, 0x18, 9]))
        #expect(try client.bodies() == [[0x10, 2, 0x18, 9, 0x28, 1]])
        client.send(#"{"cmd":2,"seq":1}"#)
        let last = try #require(try client.bodies().last)
        let view = try last.withBytes { try ProtobufEnvelope.scan($0) }
        #expect(view.cmd == 13)
        #expect(rig.count(.connectionsClosed, ["tcp", "bad_envelope"]) == 1)
    }

    @Test("however the bytes are cut, the answers are the same")
    func cut() async throws {
        let rig = try await EdgeRig()
        for size in [1, 2, 3, 5, 7, 1_000] {
            let client = try TCPClient.open(rig, "alice")
            let stream = (1...5).flatMap {
                client.framed(Array(#"{"cmd":2,"seq":\#($0)}"#.utf8))
            }
            for start in stride(from: 0, to: stream.count, by: size) {
                client.write(stream[start..<min(start + size, stream.count)])
            }
            #expect(try client.envelopes().map { $0["seq"]?.integer } == [1, 2, 3, 4, 5])
            client.channel.close(mode: .all, promise: nil)
            rig.loop.run()
        }
        #expect(rig.isEmpty)
    }

    @Test("the end is told by cmd 13, then FIN; the client's FIN completes it")
    func close() async throws {
        let rig = try await EdgeRig()
        let client = try TCPClient.open(rig, "alice")
        client.send("{")
        #expect(try client.closeCode() == 4501)
        #expect(client.channel.isOutputClosed && client.channel.isActive)
        // What is still on its way is read and dropped.
        client.send(#"{"cmd":2,"seq":1}"#)
        #expect(try client.bodies().isEmpty)
        client.endInput()
        #expect(!client.channel.isActive)
        #expect(rig.isEmpty)
    }

    @Test("a client that does not go after cmd 13 is cut two seconds later")
    func cutOff() async throws {
        let rig = try await EdgeRig()
        let client = try TCPClient.open(rig, "alice")
        client.write([0x7F, 0xFF, 0xFF, 0xFF])
        #expect(try client.closeCode() == 1009)
        #expect(rig.count(.limitExceeded, ["max_frame_bytes"]) == 1)
        rig.pass(milliseconds: 2_200)
        #expect(!client.channel.isActive)
        #expect(rig.isEmpty)
    }

    @Test("silence is met with cmd 2 pings, and ended with 4002 after the misses allowed")
    func heartbeat() async throws {
        let rig = try await EdgeRig()
        let client = try TCPClient.open(rig, "alice")
        rig.pass(milliseconds: 25_200)
        #expect(try client.envelopes().map { $0["cmd"]?.integer } == [2])
        client.send(#"{"cmd":2}"#)
        #expect(try client.envelopes().isEmpty)
        for expected in [2, 2, 13] as [Int64] {
            rig.pass(milliseconds: 25_000)
            let last = try #require(try client.envelopes().last)
            #expect(last["cmd"]?.integer == expected)
            if expected == 13 { #expect(last["data"]?["code"]?.integer == 4002) }
        }
    }

    @Test("a half-closed client gets the answer it waits for, then the goodbye")
    func halfClosed() async throws {
        let rig = try await EdgeRig()
        let client = try TCPClient.open(rig, "alice")
        client.send(#"{"cmd":100,"seq":7,"data":1}"#)
        client.endInput()
        #expect(client.channel.isActive)
        #expect(try client.bodies().isEmpty)
        try rig.answer(try #require(try rig.calls().first), "1")
        #expect(try client.envelopes().map { $0["cmd"]?.integer } == [100, 13])
        #expect(client.channel.isOutputClosed)
        #expect(rig.count(.connectionsClosed, ["tcp", "client_closed"]) == 1)
    }

    @Test("who connects and goes without a word is counted, and hears nothing")
    func portScan() async throws {
        let rig = try await EdgeRig()
        let client = try TCPClient(rig)
        client.endInput()
        #expect(try client.bodies().isEmpty)
        #expect(!client.channel.isActive)
        #expect(rig.count(.connectionsClosed, ["tcp", "client_closed"]) == 1)
        let reset = try TCPClient(rig)
        reset.channel.close(mode: .all, promise: nil)
        rig.loop.run()
        #expect(rig.isEmpty)
    }

    @Test("no token in time: cmd 13 with 4500")
    func authenticationTimeout() async throws {
        let rig = try await EdgeRig()
        let client = try TCPClient(rig)
        client.send(#"{"cmd":2,"seq":1}"#)
        rig.pass(milliseconds: 10_200)
        #expect(try client.closeCode() == 4500)
    }

    @Test("pushes, drain and a slow reader's end are as on a WebSocket")
    func sameAsWebSocket() async throws {
        var limits = Limits()
        limits.maxOutboxBytes = 1_000
        let rig = try await EdgeRig(limits: limits)
        let slow = try TCPClient.open(rig, "bob")
        let fast = try TCPClient.open(rig, "carol")
        slow.channel.setWritable(false)
        for _ in 0..<40 { try rig.push(#"{"text":"0123456789"}"#, to: ["bob", "carol"]) }
        slow.channel.setWritable(true)
        rig.loop.run()
        #expect(try slow.closeCode() == 4001)
        #expect(try fast.envelopes().count == 40)
        rig.edge.startDrain(deadlineMilliseconds: 2_000)
        rig.loop.run()
        #expect(try fast.envelopes().first?["cmd"]?.integer == 10)
        rig.pass(milliseconds: 2_200)
        #expect(try fast.closeCode() == 4000)
    }
}
