import NIOCore
import NIOEmbedded
import SluiceEdge
import SluiceFraming
import SluiceSessions
import SluiceTelemetry
import SluiceTestSupport
import SluiceVocabulary
import Testing

@Suite("Protocol versions")
struct VersionTests {
    private func clients(_ rig: EdgeRig, _ version: String) -> Int64 {
        rig.registry.gauge(.clients, [version], shard: 0).value
    }

    @Test("pushes of one turn come to version 2 in one envelope, to version 1 one by one")
    func pushes() async throws {
        let rig = try await EdgeRig()
        let old = try rig.open("bob")
        let new = try rig.client()
        _ = try new.upgrade(token: rig.token("bob"), protocols: "sluice.v2.json")
        #expect(try new.envelopes().first?["cmd"]?.integer == 1)
        #expect(clients(rig, "v1") == 1 && clients(rig, "v2") == 1)
        try rig.push(#"{"n":1}"#, to: ["bob"])
        #expect(try new.envelopes().map { $0["cmd"]?.integer } == [103])
        _ = try old.envelopes()
        rig.edge.tick.begin()
        for n in 2...4 {
            rig.edge.sessions.push(
                .init(
                    command: 103, deliveryClass: .must, format: 1,
                    payload: Array(#"{"n":\#(n)}"#.utf8)), to: .users(["bob"])
            ) { _ in }
        }
        rig.loop.run()
        #expect(try old.envelopes().map { $0["cmd"]?.integer } == [103, 103, 103])
        let gathered = try new.envelopes()
        #expect(gathered.map { $0["cmd"]?.integer } == [14])
        guard case .array(let pushes)? = gathered[0]["data"] else {
            Issue.record("no list")
            return
        }
        #expect(pushes.map { $0["seq"]?.integer } == [2, 3, 4])
        #expect(pushes.map { $0["data"]?["n"]?.integer } == [2, 3, 4])
    }

    @Test("replies and refusals between pushes keep their place")
    func order() async throws {
        let rig = try await EdgeRig()
        let client = try TCPClient(rig)
        client.send(#"{"cmd":1,"seq":1,"version":2,"data":{"token":"\#(try rig.token("bob"))"}}"#)
        #expect(try client.envelopes().first?["status"]?.integer == 0)
        #expect(clients(rig, "v2") == 1 && clients(rig, "v1") == 0)
        rig.edge.tick.begin()
        func push(_ n: Int) {
            rig.edge.sessions.push(
                .init(
                    command: 103, deliveryClass: .latest, format: 1, payload: Array("\(n)".utf8)),
                to: .users(["bob"])
            ) { _ in }
        }
        push(1)
        push(2)
        client.channel.receive(ByteBuffer(bytes: client.framed(Array(#"{"cmd":2,"seq":9}"#.utf8))))
        push(3)
        client.channel.receive(
            ByteBuffer(bytes: client.framed(Array(#"{"cmd":999,"seq":10}"#.utf8))))
        push(4)
        rig.loop.run()
        #expect(try client.envelopes().map { $0["cmd"]?.integer } == [14, 2, 103, 999, 103])
    }

    @Test("a batch ends where an envelope would be larger than a client may send")
    func bounded() async throws {
        var limits = Limits()
        limits.maxFrameBytes = 4_000
        let rig = try await EdgeRig(limits: limits)
        let client = try TCPClient(rig)
        client.send(#"{"cmd":1,"seq":1,"version":2,"data":{"token":"\#(try rig.token("bob"))"}}"#)
        _ = try client.bodies()
        rig.edge.tick.begin()
        let payload = Array("\"\(String(repeating: "x", count: 900))\"".utf8)
        for _ in 0..<20 {
            rig.edge.sessions.push(
                .init(command: 103, deliveryClass: .must, format: 1, payload: payload),
                to: .users(["bob"])
            ) { _ in }
        }
        rig.loop.run()
        let bodies = try client.bodies()
        #expect(bodies.count == 5)
        #expect(bodies.allSatisfy { $0.count <= 4_000 })
    }

    @Test(
        "the first envelope settles the version, later ones may not go above it",
        arguments: [
            (["", "1"], nil), (["2", "2", "1", ""], nil), (["1", "2"], 4506), (["", "2"], 4506),
            (["3"], 4506), (["2", "3"], 4506), (["4294967295"], 4506), (["257"], 4506),
        ] as [([String], Int64?)])
    func settling(_ versions: [String], _ code: Int64?) async throws {
        let rig = try await EdgeRig()
        let client = try TCPClient(rig)
        for version in versions {
            client.send(#"{"cmd":2,"seq":1\#(version.isEmpty ? "" : ",\"version\":" + version)}"#)
        }
        let answers = try client.envelopes()
        guard let code else {
            #expect(answers.allSatisfy { $0["status"]?.integer == 0 })
            return
        }
        #expect(answers.last?["data"]?["code"]?.integer == code)
        let refusal = answers.dropLast().last?["refusal"]
        #expect(refusal?["name"]?.string == "unsupported_version")
        #expect(refusal?["message"]?.string?.contains("1, 2") == true)
        client.endInput()
        #expect(clients(rig, "v1") == 0 && clients(rig, "v2") == 0)
    }

    @Test("a sub-protocol settles the version: an envelope cannot raise it")
    func subprotocol() async throws {
        let rig = try await EdgeRig()
        let client = try rig.open("alice")
        try client.send(#"{"cmd":2,"seq":1,"version":2}"#)
        _ = try client.envelopes()
        #expect(client.closeCode == 4506)
    }

    @Test("an unknown sub-protocol is 400 with the list, for a browser close code 4506")
    func unknownSubprotocol() async throws {
        let rig = try await EdgeRig()
        let client = try rig.client()
        let head = try client.upgrade(token: nil, protocols: "sluice.v3")
        #expect(head.hasPrefix("HTTP/1.1 400"))
        #expect(client.body().contains("sluice.v1, sluice.v1.json, sluice.v2, sluice.v2.json"))
        let browser = try rig.client()
        let accepted = try browser.upgrade(
            token: nil, protocols: "sluice.v3", headers: "Origin: https://example.org\r\n")
        #expect(accepted.hasPrefix("HTTP/1.1 101"))
        _ = try browser.envelopes()
        #expect(browser.closeCode == 4506)
    }
}
