import NIOCore
import SluiceEdge
import SluiceFraming
import SluiceIdentity
import SluiceTelemetry
import SluiceTestSupport
import SluiceVocabulary
import Testing

/// What happens to calls over a limit, and to places that calls hold.
@Suite("Policy: verdicts")
struct PolicyVerdictTests {
    private static func limit(_ more: String, action: String = "echo") -> String {
        "{name: one, match: {action: [\(action)]}, key: [user], algorithm: token_bucket, limit: 1, per: 60s\(more)}"
    }

    private static func places(_ limit: Int, _ action: String = "echo") -> String {
        "{name: places, match: {action: [\(action)]}, key: [user], algorithm: concurrency, limit: \(limit)}"
    }

    @Test("what is dropped gets no answer, unless the client waits for one")
    func drop() async throws {
        let rig = try await EdgeRig(policy: EdgeRig.policy([Self.limit(", on_limit: drop")]))
        let client = try rig.open("alice")
        try client.send(#"{"cmd":100,"seq":1,"data":1}"#)
        try client.send(#"{"cmd":100,"data":1}"#)
        #expect(try client.envelopes().isEmpty)
        try client.send(#"{"cmd":100,"seq":3,"data":1}"#)
        let refused = try #require(try client.envelopes().first)
        #expect(refused["status"]?.integer == 429)
        #expect(refused["refusal"]?["rule"]?.string == "one")
        #expect(rig.count(.rateLimitDecisions, ["one", "drop"]) == 2)
        #expect(rig.count(.requests, ["websocket", "echo", "refused"]) == 2)
    }

    @Test("on_limit: close refuses and closes with 4005")
    func close() async throws {
        let rig = try await EdgeRig(policy: EdgeRig.policy([Self.limit(", on_limit: close")]))
        let client = try rig.open("alice")
        for seq in 1...3 { try client.send(#"{"cmd":100,"seq":\#(seq),"data":1}"#) }
        #expect(try client.envelopes().map { $0["status"]?.integer } == [429])
        #expect(client.closeCode == 4005)
        #expect(rig.count(.connectionsClosed, ["websocket", "rate_limited"]) == 1)
    }

    @Test("commands nobody declared pass the limits on *, and are answered at once")
    func unknown() async throws {
        let slow = Self.limit(", on_limit: delay, max_delay: 60s", action: "unknown")
        let rig = try await EdgeRig(policy: EdgeRig.policy([slow, Self.places(9, #""*""#)]))
        let client = try rig.open("alice")
        for seq in 1...3 { try client.send(#"{"cmd":999,"seq":\#(seq)}"#) }
        #expect(try client.envelopes().map { $0["status"]?.integer } == [404, 404, 429])
        // The connection itself holds one.
        #expect(rig.size("leases") == 1)
    }

    @Test("a place is taken until the call is answered, refused, timed out, or its client is gone")
    func concurrency() async throws {
        let rig = try await EdgeRig(policy: EdgeRig.policy([Self.places(2)]))
        let client = try rig.open("alice")
        let statuses = { try client.envelopes().map { $0["status"]?.integer } }
        for seq in 1...3 { try client.send(#"{"cmd":100,"seq":\#(seq),"data":1}"#) }
        #expect(try statuses() == [429])
        let calls = try rig.calls()
        #expect(calls.count == 2 && rig.size("leases") == 2)
        try rig.answer(calls[0], "1")
        // No JSON: the client gets 502, and the place is free all the same.
        try rig.answer(calls[1], "{oops")
        #expect(try statuses() == [0, 502])
        #expect(rig.size("leases") == 0)
        for seq in 4...5 { try client.send(#"{"cmd":100,"seq":\#(seq),"data":1}"#) }
        #expect(try rig.calls().count == 2)
        rig.pass(milliseconds: 5_200)
        #expect(try statuses() == [504, 504])
        #expect(rig.size("leases") == 0)
        for seq in 6...7 { try client.send(#"{"cmd":100,"seq":\#(seq),"data":1}"#) }
        #expect(rig.size("leases") == 2)
        client.hangUp()
        #expect(rig.isEmpty)
        let other = try rig.open("alice")
        try other.send(#"{"cmd":100,"seq":1,"data":1}"#)
        #expect(try rig.calls().filter { $0.kind == .call }.count == 3, "two before, one now")
    }

    @Test("a call that cannot be sent holds no place")
    func notSent() async throws {
        let rig = try await EdgeRig(policy: EdgeRig.policy([Self.places(1)]))
        let client = try rig.open("alice")
        try rig.dropLink()
        for seq in 1...3 { try client.send(#"{"cmd":100,"seq":\#(seq),"data":1}"#) }
        #expect(try client.envelopes().map { $0["status"]?.integer } == [503, 503, 503])
        #expect(rig.size("leases") == 0)
    }

    @Test("a connection holds its place until it is gone")
    func connections() async throws {
        let rig = try await EdgeRig(
            policy: EdgeRig.policy([Self.places(1, "session.connect")]))
        let first = try rig.open("alice")
        #expect(rig.size("leases") == 1)
        let second = try rig.client()
        #expect(try second.upgrade(token: rig.token("alice")).hasPrefix("HTTP/1.1 429"))
        #expect(second.body().contains(#""rule":"places""#))
        let tcp = try TCPClient(rig)
        try tcp.send(#"{"cmd":1,"seq":1,"data":{"token":"\#(rig.token("alice"))"}}"#)
        #expect(try tcp.closeCode() == 4005)
        first.hangUp()
        #expect(rig.size("leases") == 0)
        let third = try rig.open("alice")
        third.hangUp()
        #expect(rig.size("leases") == 0)
    }

    @Test("a handshake waits where the policy says so, and the upgrade comes in its time")
    func handshake() async throws {
        let connects = Self.limit(
            ", burst: 1, on_limit: delay, max_delay: 60s", action: "session.connect")
        let rig = try await EdgeRig(policy: EdgeRig.policy([connects]))
        _ = try rig.open("alice")
        let second = try rig.client()
        #expect(try second.upgrade(token: rig.token("alice")).isEmpty)
        #expect(rig.size("waits") == 1)
        let gone = try rig.client()
        #expect(try gone.upgrade(token: rig.token("bob")).hasPrefix("HTTP/1.1 101"))
        rig.pass(milliseconds: 60_000)
        #expect(try second.http("").hasPrefix("HTTP/1.1 101"))
        #expect(try second.envelopes().first?["data"]?["user"]?.string == "alice")
        #expect(rig.size("waits") == 0)
    }

    @Test("the first frame waits too, longer than the time to authenticate if need be")
    func firstFrame() async throws {
        let connects = Self.limit(", on_limit: delay, max_delay: 60s", action: "session.connect")
        let rig = try await EdgeRig(policy: EdgeRig.policy([connects]))
        _ = try TCPClient.open(rig, "alice")
        let second = try TCPClient(rig)
        try second.send(#"{"cmd":1,"seq":1,"data":{"token":"\#(rig.token("alice"))"}}"#)
        rig.pass(milliseconds: 59_000)
        #expect(try second.envelopes().isEmpty)
        rig.pass(milliseconds: 1_000)
        #expect(try second.envelopes().first?["data"]?["user"]?.string == "alice")
    }

    @Test("a token revoked while its connection waits lets nobody in")
    func revoked() async throws {
        let connects = Self.limit(", on_limit: delay, max_delay: 60s", action: "session.connect")
        let rig = try await EdgeRig(policy: EdgeRig.policy([connects]))
        _ = try TCPClient.open(rig, "alice")
        let second = try TCPClient(rig)
        try second.send(#"{"cmd":1,"seq":1,"data":{"token":"\#(rig.token("alice"))"}}"#)
        #expect(
            rig.edge.revoke(
                .user("alice", issuedBeforeSeconds: rig.clocks.wall().seconds + 1),
                untilSeconds: rig.clocks.wall().seconds + 3_600))
        rig.pass(milliseconds: 60_000)
        #expect(try second.closeCode() == 4505)
    }

    @Test("pushes pass limits: what is over is answered with the rule and goes to nobody")
    func pushes() async throws {
        let rig = try await EdgeRig(
            policy: EdgeRig.policy([
                "{name: pushes, match: {action: [push.send]}, key: [peer], algorithm: token_bucket, limit: 2, per: 60s}",
                Self.places(5, "push.send"),
            ]))
        let client = try rig.open("bob")
        for stream in 1...3 as ClosedRange<UInt32> {
            try rig.push(#"{"n":1}"#, to: .users(["bob"]), stream: stream)
        }
        #expect(try client.envelopes().count == 2)
        let results = try rig.pushResults()
        #expect(results.map(\.delivered) == [1, 1, 0])
        #expect(results.map(\.refusal?.rule) == [nil, nil, "pushes"])
        #expect(results.last?.refusal?.retryAfterMilliseconds == 30_000)
        #expect(rig.size("leases") == 0)
    }

    @Test("after a reload those who may no longer be connected go, at the pace that is set")
    func reloadCloses() async throws {
        var limits = Limits()
        limits.reloadClosePerSecond = 10
        let rig = try await EdgeRig(limits: limits, policy: EdgeRig.policy([]))
        let clients = try (1...5).map { try rig.open("user\($0)") }
        let policy = EdgeRig.policy([])
        try rig.adopt(
            policy: policy.replacing(
                "- {name: connect,",
                with:
                    "- {name: no-more, effect: deny, principal: {claims: {sub: [user1, user2, user4]}}, action: [session.connect]}\n    - {name: connect,"
            ))
        func closed() throws -> [UInt16?] {
            try clients.map {
                _ = try $0.envelopes()
                return $0.closeCode
            }
        }
        #expect(try closed() == [nil, nil, nil, nil, nil])
        // One in a tenth of a second.
        rig.pass(milliseconds: 100)
        #expect(try closed() == [4502, nil, nil, nil, nil])
        rig.pass(milliseconds: 100)
        #expect(try closed() == [4502, 4502, nil, nil, nil])
        rig.pass(milliseconds: 200)
        #expect(try closed() == [4502, 4502, nil, 4502, nil])
        rig.pass(milliseconds: 1_000)
        #expect(try closed() == [4502, 4502, nil, 4502, nil])
        #expect(rig.count(.connectionsClosed, ["websocket", "permission_denied"]) == 3)
        #expect(rig.count(.limitExceeded, ["reload_close_per_second"]) > 0)
    }

    @Test("what the handshake said is asked again after a reload; what nobody kept is not")
    func handshakeFacts() async throws {
        func policy(_ condition: String) -> String {
            EdgeRig.policy([]).replacing(
                "action: [session.connect, auth.refresh]}",
                with: "action: [session.connect, auth.refresh], when: \(condition)}")
        }
        let rig = try await EdgeRig(policy: policy("{exists: http.header.x-app}"))
        let client = try rig.client()
        let head = try client.upgrade(token: rig.token("alice"), headers: "X-App: 1\r\n")
        #expect(head.hasPrefix("HTTP/1.1 101"))
        let refused = try rig.client()
        #expect(try refused.upgrade(token: rig.token("bob")).hasPrefix("HTTP/1.1 403"))
        try rig.adopt(policy: policy("{exists: http.header.x-other}"))
        rig.pass(milliseconds: 300)
        _ = try client.envelopes()
        #expect(client.closeCode == nil)
        try rig.adopt(policy: policy("{eq: [http.header.x-app, \"2\"]}"))
        rig.pass(milliseconds: 300)
        _ = try client.envelopes()
        #expect(client.closeCode == 4502)
    }
}
