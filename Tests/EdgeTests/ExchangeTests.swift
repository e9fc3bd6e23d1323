import NIOCore
import NIOEmbedded
import SluiceEdge
import SluiceFraming
import SluiceTelemetry
import SluiceTestSupport
import SluiceVocabulary
import Testing

@Suite("Exchange")
struct ExchangeTests {
    @Test("a message reaches the service with the sender's identity, its answer the same sequence")
    func roundTrip() async throws {
        let rig = try await EdgeRig()
        let client = try rig.open("alice")
        try client.send(#"{"cmd":100,"seq":7,"data":{"hi":1}}"#)
        let call = try #require(try rig.calls().first)
        let view = try ProtobufEnvelope.scan(call.body.readableBytesSpan)
        #expect(view.cmd == 100)
        #expect(String(buffer: call.body).contains("alice"))
        try rig.answer(call, #"{"ok":true}"#)
        let reply = try #require(try client.envelopes().first)
        #expect(reply["seq"]?.integer == 7)
        #expect(reply["status"]?.integer == 0)
        #expect(reply["data"]?["ok"]?.bool == true)
        #expect(rig.count(.requests, ["websocket", "echo", "ok"]) == 1)
    }

    @Test(
        "what must not pass is refused with its own status, and the connection stays",
        arguments: [
            (#"{"cmd":999,"seq":1}"#, 404), (#"{"cmd":103,"seq":1}"#, 404),
            (#"{"cmd":11,"seq":1}"#, 404), (#"{"cmd":102,"seq":1}"#, 403),
            (#"{"cmd":100,"seq":1,"data":"\#(String(repeating: "x", count: 1_100))"}"#, 413),
            (#"{"cmd":1,"seq":1,"data":{}}"#, 400),
        ])
    func refusals(_ message: String, _ status: Int) async throws {
        let rig = try await EdgeRig()
        let client = try rig.open("alice")
        try client.send(message)
        #expect(try client.envelopes().map { $0["status"]?.integer } == [Int64(status)])
        #expect(try rig.calls().isEmpty)
        try client.send(#"{"cmd":100,"seq":2,"data":1}"#)
        #expect(try rig.calls().count == 1)
    }

    @Test("a limit refuses exactly the surplus, by name, with the time to wait")
    func limit() async throws {
        let rig = try await EdgeRig()
        let client = try rig.open("alice")
        for seq in 1...8 { try client.send(#"{"cmd":101,"seq":\#(seq),"data":1}"#) }
        #expect(try rig.calls().count == 5)
        let refused = try client.envelopes()
        #expect(refused.map { $0["seq"]?.integer } == [6, 7, 8])
        #expect(refused.allSatisfy { $0["refusal"]?["rule"]?.string == "send-per-user" })
        #expect(refused.first?["refusal"]?["retry_after_ms"]?.integer == 12_000)
    }

    @Test("a reload changes what the very next message on an open connection may do")
    func reload() async throws {
        let rig = try await EdgeRig()
        let client = try rig.open("alice")
        for seq in 1...6 { try client.send(#"{"cmd":101,"seq":\#(seq),"data":1}"#) }
        #expect(try rig.calls().count == 5)
        try rig.adopt(policy: EdgeRig.policy(limit: 5).replacing("[echo, send]", with: "[echo]"))
        _ = try client.envelopes()
        try client.send(#"{"cmd":101,"seq":9,"data":1}"#)
        #expect(try client.envelopes().first?["status"]?.integer == 403)
    }

    @Test(
        "what cannot be read closes the connection with its own code",
        arguments: [
            (UInt8(1), "{oops", UInt16(4501)), (2, "\u{8}", 1003), (3, "x", 1002),
        ])
    func unreadable(_ opcode: UInt8, _ payload: String, _ code: UInt16) async throws {
        let rig = try await EdgeRig()
        let client = try rig.open("alice")
        try client.frame(opcode: opcode, Array(payload.utf8))
        _ = try client.envelopes()
        #expect(client.closeCode == code)
        client.hangUp()
        #expect(rig.isEmpty)
    }

    @Test("a message over max_frame_bytes closes with 1009 and is counted")
    func tooLarge() async throws {
        var limits = Limits()
        limits.maxFrameBytes = 2_000
        let rig = try await EdgeRig(limits: limits)
        let client = try rig.open("alice")
        try client.frame(opcode: 1, Array(repeating: 0x20, count: 2_001))
        _ = try client.envelopes()
        #expect(client.closeCode == 1009)
        #expect(rig.count(.limitExceeded, ["max_frame_bytes"]) == 1)
    }

    @Test("JSON of a service that is none is 502 for the client, and accounted as an error")
    func badJSON() async throws {
        let rig = try await EdgeRig()
        let client = try rig.open("alice")
        try client.send(#"{"cmd":100,"seq":1,"data":1}"#)
        try rig.answer(try #require(try rig.calls().first), "{oops")
        #expect(try client.envelopes().map { $0["status"]?.integer } == [502])
        #expect(rig.count(.requests, ["websocket", "echo", "error"]) == 1)
        #expect(rig.count(.requests, ["websocket", "echo", "ok"]) == 0)
    }

    @Test("a request that is never answered gets 504 when its time is over")
    func timedOut() async throws {
        let rig = try await EdgeRig()
        let client = try rig.open("alice")
        try client.send(#"{"cmd":100,"seq":1,"data":1}"#)
        rig.pass(milliseconds: 5_200)
        #expect(try client.envelopes().map { $0["status"]?.integer } == [504])
    }

    @Test("reading pauses when too many requests wait for an answer, and goes on with the answers")
    func inFlight() async throws {
        var limits = Limits()
        limits.maxInFlightPerConnection = 4
        let rig = try await EdgeRig(limits: limits)
        let client = try rig.open("alice")
        for seq in 1...10 { try client.send(#"{"cmd":100,"seq":\#(seq),"data":1}"#) }
        let first = try rig.calls()
        #expect(first.count == 4)
        for call in first { try rig.answer(call, "1") }
        #expect(try rig.calls().count == 4)
        #expect(rig.count(.limitExceeded, ["max_in_flight_per_connection"]) > 0)
    }

    @Test("a client that leaves with requests under way leaves nothing behind")
    func gone() async throws {
        let rig = try await EdgeRig()
        let client = try rig.open("alice")
        try client.send(#"{"cmd":100,"seq":1,"data":1}"#)
        #expect(try rig.calls().count == 1)
        client.hangUp()
        #expect(rig.isEmpty)
        #expect(try rig.cancels().count == 1)
    }
}
