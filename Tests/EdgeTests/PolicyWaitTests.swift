import NIOCore
import SluiceEdge
import SluiceFraming
import SluiceTelemetry
import SluiceTestSupport
import SluiceVocabulary
import Testing

/// What waits by the policy's word, and how it goes on or ends.
@Suite("Policy: waiting")
struct PolicyWaitTests {
    /// One at once, then one every half second; up to two seconds of waiting.
    static let delay =
        "{name: slow, match: {action: [echo]}, key: [user], algorithm: token_bucket, limit: 2, per: 1s, burst: 1, on_limit: delay, max_delay: 2s}"
    static let queue =
        "{name: even, match: {action: [echo]}, key: [user], algorithm: leaky_bucket, limit: 10, per: 1s, burst: 10}"
    static let pause =
        "{name: pause, match: {action: [echo]}, key: [user], algorithm: token_bucket, limit: 1, per: 60s, on_limit: pause_reads}"

    private func sequences(_ frames: [LinkFrame]) throws -> [UInt64] {
        try frames.map { try ProtobufEnvelope.scan($0.body.readableBytesSpan).seq }
    }

    @Test("a delayed message goes on when its time has come, and what is behind it keeps its order")
    func delayed() async throws {
        let rig = try await EdgeRig(policy: EdgeRig.policy([Self.delay]))
        let client = try rig.open("alice")
        for seq in 1...3 { try client.send(#"{"cmd":100,"seq":\#(seq),"data":1}"#) }
        // Another command of the same connection, which no limit knows, waits behind them.
        try client.send(#"{"cmd":101,"seq":4,"data":1}"#)
        #expect(try sequences(rig.calls()) == [1])
        #expect(rig.size("waits") == 1)
        rig.pass(milliseconds: 400)
        #expect(try rig.calls().isEmpty)
        rig.pass(milliseconds: 100)
        #expect(try sequences(rig.calls()) == [2])
        rig.pass(milliseconds: 500)
        #expect(try sequences(rig.calls()) == [3, 4])
        #expect(rig.size("waits") == 0)
        #expect(rig.count(.rateLimitDecisions, ["slow", "delay"]) == 2)
        #expect(try client.envelopes().isEmpty)
    }

    @Test("a queue lets messages out evenly, whatever came in")
    func smoothed() async throws {
        let rig = try await EdgeRig(policy: EdgeRig.policy([Self.queue]))
        let client = try rig.open("alice")
        for seq in 1...5 { try client.send(#"{"cmd":100,"seq":\#(seq),"data":1}"#) }
        var came: [Int] = []
        for _ in 0..<5 {
            came.append(try rig.calls().count)
            rig.pass(milliseconds: 100)
        }
        #expect(came == [1, 1, 1, 1, 1])
    }

    @Test("time that was waited counts for the deadline, and is told to the service")
    func deadline() async throws {
        let rig = try await EdgeRig(policy: EdgeRig.policy([Self.delay]))
        let client = try rig.open("alice")
        for seq in 1...2 { try client.send(#"{"cmd":100,"seq":\#(seq),"data":1}"#) }
        _ = try rig.calls()
        rig.pass(milliseconds: 500)
        let call = try #require(try rig.calls().first)
        #expect(try rig.deadline(of: call) == 4_500)
    }

    @Test("a delay longer than the command's timeout is refused at once, and holds nothing")
    func tooLong() async throws {
        let places =
            "{name: places, match: {action: [echo]}, key: [], algorithm: concurrency, limit: 100}"
        let slow =
            "{name: slow, match: {action: [echo]}, key: [user], algorithm: token_bucket, limit: 1, per: 6s, on_limit: delay, max_delay: 60s}"
        let rig = try await EdgeRig(policy: EdgeRig.policy([slow, places]))
        let client = try rig.open("alice")
        for seq in 1...2 { try client.send(#"{"cmd":100,"seq":\#(seq),"data":1}"#) }
        #expect(try client.envelopes().map { $0["status"]?.integer } == [504])
        #expect(rig.size("leases") == 1)
        try rig.answer(try #require(try rig.calls().first), "1")
        #expect(rig.size("leases") == 0)
    }

    @Test("a client that leaves while its message waits leaves nothing behind")
    func gone() async throws {
        let places =
            "{name: places, match: {action: [echo]}, key: [], algorithm: concurrency, limit: 100}"
        let rig = try await EdgeRig(policy: EdgeRig.policy([Self.delay, places]))
        let client = try rig.open("alice")
        for seq in 1...2 { try client.send(#"{"cmd":100,"seq":\#(seq),"data":1}"#) }
        #expect(rig.size("waits") == 1 && rig.size("leases") == 2)
        client.hangUp()
        #expect(rig.isEmpty)
        _ = try rig.calls()
        rig.pass(milliseconds: 3_000)
        #expect(try rig.calls().isEmpty)
        #expect(rig.count(.requests, ["websocket", "echo", "error"]) == 2)
    }

    @Test("a paused connection loses no message, is refused none, and its heartbeat is suspended")
    func paused() async throws {
        var limits = Limits()
        // Closes after a second and a half of silence.
        limits.heartbeatIntervalMilliseconds = 500
        let pause = Self.pause.replacing("per: 60s", with: "per: 3s")
        let rig = try await EdgeRig(limits: limits, policy: EdgeRig.policy([pause]))
        let client = try rig.open("alice")
        for seq in 1...4 { try client.send(#"{"cmd":100,"seq":\#(seq),"data":1}"#) }
        for seq in 1...4 as ClosedRange<UInt64> {
            let calls = try rig.calls()
            #expect(try sequences(calls) == [seq])
            for call in calls { try rig.answer(call, "1") }
            // Behind the last one nothing is paused any more.
            if seq < 4 { rig.pass(milliseconds: 3_000) }
        }
        #expect(try client.envelopes().map { $0["status"]?.integer } == [0, 0, 0, 0])
        #expect(client.pings == 0)
        #expect(client.closeCode == nil)
        #expect(rig.count(.rateLimitDecisions, ["pause", "pause"]) == 3)
        #expect(rig.count(.rateLimitDecisions, ["pause", "refuse"]) == 0)
        rig.pass(milliseconds: 600)
        _ = try client.envelopes()
        #expect(client.pings == 1)
    }

    @Test("a pause does not count for the deadline")
    func pausedDeadline() async throws {
        let pause = Self.pause.replacing("per: 60s", with: "per: 8s")
        let rig = try await EdgeRig(policy: EdgeRig.policy([pause]))
        let client = try rig.open("alice")
        for seq in 1...2 { try client.send(#"{"cmd":100,"seq":\#(seq),"data":1}"#) }
        try rig.answer(try #require(try rig.calls().first), "1")
        rig.pass(milliseconds: 8_000)
        let call = try #require(try rig.calls().first)
        #expect(try rig.deadline(of: call) == 5_000)
    }

    @Test("a reload that lifts the limit lets paused connections go on within a sweep")
    func lifted() async throws {
        let rig = try await EdgeRig(policy: EdgeRig.policy([Self.pause]))
        let client = try rig.open("alice")
        for seq in 1...3 { try client.send(#"{"cmd":100,"seq":\#(seq),"data":1}"#) }
        #expect(try rig.calls().count == 1)
        try rig.adopt(policy: EdgeRig.policy([]))
        rig.pass(milliseconds: 100)
        #expect(try sequences(rig.calls()) == [2, 3])
        #expect(rig.size("waits") == 0)
    }

    @Test("a message that waits over a reload which forbids it is refused")
    func forbidden() async throws {
        let places =
            "{name: places, match: {action: [echo]}, key: [], algorithm: concurrency, limit: 100}"
        let rig = try await EdgeRig(policy: EdgeRig.policy([Self.delay, places]))
        let client = try rig.open("alice")
        for seq in 1...2 { try client.send(#"{"cmd":100,"seq":\#(seq),"data":1}"#) }
        try rig.answer(try #require(try rig.calls().first), "1")
        _ = try client.envelopes()
        let policy = EdgeRig.policy([Self.delay, places])
        try rig.adopt(policy: policy.replacing("[echo, send]", with: "[send]"))
        rig.pass(milliseconds: 500)
        #expect(try rig.calls().isEmpty)
        #expect(try client.envelopes().map { $0["status"]?.integer } == [403])
        #expect(rig.size("leases") == 0)
    }

    @Test("over TCP a delayed message is answered before the end of a half-closed connection")
    func halfClosed() async throws {
        let rig = try await EdgeRig(policy: EdgeRig.policy([Self.delay]))
        let client = try TCPClient.open(rig, "alice")
        for seq in 1...2 { client.send(#"{"cmd":100,"seq":\#(seq),"data":1}"#) }
        try rig.answer(try #require(try rig.calls().first), "1")
        client.endInput()
        rig.pass(milliseconds: 500)
        try rig.answer(try #require(try rig.calls().first), "2")
        let said = try client.envelopes()
        #expect(said.map { $0["cmd"]?.integer } == [100, 100, 13])
        #expect(said.dropLast().map { $0["seq"]?.integer } == [1, 2])
    }

    @Test("a drain waits for what the policy holds back")
    func drained() async throws {
        let rig = try await EdgeRig(policy: EdgeRig.policy([Self.delay]))
        let client = try rig.open("alice")
        for seq in 1...2 { try client.send(#"{"cmd":100,"seq":\#(seq),"data":1}"#) }
        try rig.answer(try #require(try rig.calls().first), "1")
        rig.edge.startDrain(deadlineMilliseconds: 4_000)
        rig.pass(milliseconds: 500)
        try rig.answer(try #require(try rig.calls().first), "2")
        rig.pass(milliseconds: 300)
        #expect(try client.envelopes().filter { $0["cmd"]?.integer == 100 }.count == 2)
        #expect(client.closeCode == 4000)
    }
}
