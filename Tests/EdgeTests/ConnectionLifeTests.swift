import NIOCore
import NIOEmbedded
import SluiceEdge
import SluiceFraming
import SluiceTelemetry
import SluiceTestSupport
import SluiceVocabulary
import Testing

@Suite("Connection life")
struct ConnectionLifeTests {
    @Test("silence is met with pings, and ended with 4002 after the misses allowed")
    func heartbeat() async throws {
        let rig = try await EdgeRig()
        let client = try rig.open("alice")
        rig.pass(milliseconds: 25_200)
        _ = try client.envelopes()
        #expect(client.pings == 1)
        rig.pass(milliseconds: 25_000)
        _ = try client.envelopes()
        #expect(client.pings == 2 && client.closeCode == nil)
        rig.pass(milliseconds: 25_000)
        _ = try client.envelopes()
        #expect(client.closeCode == 4002)
    }

    @Test("any byte counts as life: a client that talks is never pinged")
    func life() async throws {
        let rig = try await EdgeRig()
        let client = try rig.open("alice")
        for _ in 0..<10 {
            rig.pass(milliseconds: 20_000)
            try client.send(#"{"cmd":2,"seq":1}"#)
        }
        _ = try client.envelopes()
        #expect(client.pings == 0 && client.closeCode == nil)
    }

    @Test("a token that expires closes with 4003 unless a fresh one came in time")
    func expiry() async throws {
        let rig = try await EdgeRig()
        let old = try rig.open("alice")
        let fresh = try rig.open("bob")
        for _ in 0..<25 {
            rig.pass(milliseconds: 20_000)
            try old.send(#"{"cmd":2,"seq":1}"#)
            try fresh.send(#"{"cmd":2,"seq":1}"#)
        }
        _ = try fresh.envelopes()
        try fresh.send(#"{"cmd":4,"seq":5,"data":{"token":"\#(rig.token("bob"))"}}"#)
        #expect(try fresh.envelopes().first?["status"]?.integer == 0)
        for _ in 0..<6 {
            rig.pass(milliseconds: 20_000)
            try old.send(#"{"cmd":2,"seq":1}"#)
            try fresh.send(#"{"cmd":2,"seq":1}"#)
        }
        _ = try old.envelopes()
        _ = try fresh.envelopes()
        #expect(old.closeCode == 4003)
        #expect(fresh.closeCode == nil)
    }

    @Test("another user's token on a live connection closes it with 4500")
    func foreignRefresh() async throws {
        let rig = try await EdgeRig()
        let client = try rig.open("alice")
        try client.send(#"{"cmd":4,"seq":5,"data":{"token":"\#(rig.token("mallory"))"}}"#)
        #expect(try client.envelopes().first?["status"]?.integer == 401)
        #expect(client.closeCode == 4500)
    }

    @Test("a push goes to every connection of its users and to nobody else")
    func push() async throws {
        let rig = try await EdgeRig()
        let one = try rig.open("bob")
        let two = try rig.open("bob")
        let other = try rig.open("carol")
        try rig.push(#"{"text":"hi"}"#, to: ["bob", "nobody"])
        for client in [one, two] {
            let push = try #require(try client.envelopes().first)
            #expect(push["push"]?.bool == true)
            #expect(push["cmd"]?.integer == 103)
            #expect(push["data"]?["text"]?.string == "hi")
        }
        #expect(try other.envelopes().isEmpty)
        #expect(rig.count(.pushes, ["must", "delivered"]) == 2)
        #expect(rig.count(.pushes, ["must", "offline"]) == 1)
    }

    @Test("a push to a session reaches that connection alone, one to all reaches everybody")
    func pushTargets() async throws {
        let rig = try await EdgeRig()
        let one = try rig.client()
        _ = try one.upgrade(token: rig.token("bob"))
        let greeting = try #require(try one.envelopes().first)
        let text = try #require(greeting["data"]?["session"]?.string)
        let session = SessionID(
            high: try #require(UInt64(text.prefix(16), radix: 16)),
            low: try #require(UInt64(text.suffix(16), radix: 16)))
        let two = try rig.open("bob")
        let three = try rig.open("carol")
        try rig.push(#"{"n":1}"#, to: .sessions([session, SessionID(high: 1, low: 2)]))
        #expect(try one.envelopes().count == 1)
        #expect(try two.envelopes().isEmpty)
        try rig.push(#"{"n":2}"#, to: .all)
        for client in [one, two, three] { #expect(try client.envelopes().count == 1) }
    }

    @Test("a client that does not read is closed with 4001 once its outbox is full")
    func slowConsumer() async throws {
        var limits = Limits()
        limits.maxOutboxBytes = 1_000
        let rig = try await EdgeRig(limits: limits)
        let client = try rig.open("bob")
        client.channel.setWritable(false)
        for _ in 0..<40 { try rig.push(#"{"text":"0123456789"}"#, to: ["bob"]) }
        client.channel.setWritable(true)
        rig.loop.run()
        _ = try client.envelopes()
        #expect(client.closeCode == 4001)
        #expect(rig.count(.slowConsumers, []) == 1)
    }

    @Test("droppable pushes are dropped and counted before the outbox is full")
    func droppable() async throws {
        var limits = Limits()
        limits.maxOutboxBytes = 1_000
        let rig = try await EdgeRig(limits: limits)
        let client = try rig.open("bob")
        client.channel.setWritable(false)
        for _ in 0..<40 {
            try rig.push(#"{"text":"0123456789"}"#, to: ["bob"], deliveryClass: .droppable)
        }
        client.channel.setWritable(true)
        rig.loop.run()
        #expect(try !client.envelopes().isEmpty)
        #expect(client.closeCode == nil)
        #expect(rig.count(.pushes, ["droppable", "dropped"]) > 0)
    }

    @Test("the same device again supersedes its older connection with 4006")
    func supersede() async throws {
        let rig = try await EdgeRig()
        let old = try rig.open("alice", query: "?device=phone")
        let new = try rig.open("alice", query: "?device=phone")
        _ = try old.envelopes()
        _ = try new.envelopes()
        #expect(old.closeCode == 4006)
        #expect(new.closeCode == nil)
    }

    @Test("a drain says when to come back and closes everybody with 4000")
    func drain() async throws {
        let rig = try await EdgeRig()
        let clients = [try rig.open("alice"), try rig.open("bob"), try rig.open("carol")]
        rig.edge.startDrain(deadlineMilliseconds: 2_000)
        rig.loop.run()
        for client in clients {
            let notice = try #require(try client.envelopes().first)
            #expect(notice["cmd"]?.integer == 10)
            #expect(notice["data"]?["reconnect_after_ms"]?.integer != nil)
        }
        rig.pass(milliseconds: 2_200)
        for client in clients {
            _ = try client.envelopes()
            #expect(client.closeCode == 4000)
        }
        #expect(rig.isEmpty)
    }

    @Test("who gets in while the gateway drains is told after the greeting")
    func lateComers() async throws {
        let rig = try await EdgeRig()
        let (web, tcp) = (try rig.client(), try TCPClient(rig))
        rig.edge.startDrain(deadlineMilliseconds: 4_000)
        rig.loop.run()
        #expect(try web.upgrade(token: rig.token("alice")).hasPrefix("HTTP/1.1 101"))
        #expect(try web.envelopes().map { $0["cmd"]?.integer } == [1, 10])
        try tcp.send(#"{"cmd":1,"seq":1,"data":{"token":"\#(rig.token("bob"))"}}"#)
        #expect(try tcp.envelopes().map { $0["cmd"]?.integer } == [1, 10])
        rig.pass(milliseconds: 2_200)
        _ = try web.envelopes()
        #expect(try web.closeCode == 4000 && tcp.closeCode() == 4000)
        #expect(rig.size("sessions") == 0)
    }

    @Test("a drain closes HTTP connections between two requests; new ones may ask until half of it")
    func drainHTTP() async throws {
        let rig = try await EdgeRig()
        let clients = try (0..<3).map { _ in try rig.client() }
        let (used, late, silent) = (clients[0], clients[1], clients[2])
        let request = "GET /nowhere HTTP/1.1\r\nHost: edge\r\n\r\n"
        let answer = try used.http(request)
        #expect(answer.hasPrefix("HTTP/1.1 404") && !answer.contains("Connection: close"))
        rig.edge.startDrain(deadlineMilliseconds: 4_000)
        rig.loop.run()
        #expect(clients.allSatisfy { $0.channel.isActive }, "a request may be on its way")
        rig.pass(milliseconds: 300)
        #expect(clients.map(\.channel.isActive) == [false, true, true])
        #expect(try late.http(request).contains("Connection: close"))
        rig.pass(milliseconds: 1_600)
        #expect(silent.channel.isActive)
        rig.pass(milliseconds: 300)
        #expect(!silent.channel.isActive)
        rig.pass(milliseconds: 1_000)
        #expect(rig.isEmpty)
    }

    @Test("a close frame is answered with one, and nothing is left behind")
    func close() async throws {
        let rig = try await EdgeRig()
        let client = try rig.open("alice")
        try client.frame(opcode: 8, [0x03, 0xE8])
        _ = try client.envelopes()
        #expect(client.closeCode == 1000)
        #expect(!client.channel.isActive)
        #expect(rig.isEmpty)
    }
}
