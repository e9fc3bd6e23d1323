import NIOEmbedded
import SluiceEdge
import SluiceFraming
import SluiceTelemetry
import SluiceTestSupport
import SluiceVocabulary
import Testing

@Suite("Handshake")
struct HandshakeTests {
    @Test("a good token in the header opens a session and the first frame says whose it is")
    func header() async throws {
        let rig = try await EdgeRig()
        let client = try rig.client()
        let head = try client.upgrade(token: rig.token("alice"))
        #expect(head.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))
        #expect(head.contains("Sec-WebSocket-Protocol: sluice.v1.json"))
        let first = try #require(try client.envelopes().first)
        #expect(first["cmd"]?.integer == 1)
        #expect(first["data"]?["user"]?.string == "alice")
    }

    @Test("a token beside a sub-protocol is taken and never echoed")
    func subprotocol() async throws {
        let rig = try await EdgeRig()
        let client = try rig.client()
        let token = try rig.token("alice")
        let head = try client.upgrade(token: nil, protocols: "sluice.v1.json, bearer.\(token)")
        #expect(head.hasPrefix("HTTP/1.1 101"))
        #expect(!head.contains(token))
        #expect(try client.envelopes().first?["data"]?["user"]?.string == "alice")
    }

    @Test(
        "a token in the query is taken, and the reply waits until the first frame shows the codec")
    func query() async throws {
        let rig = try await EdgeRig()
        let client = try rig.client()
        let token = try rig.token("alice")
        let head = try client.upgrade(token: nil, protocols: nil, query: "?token=\(token)")
        #expect(head.hasPrefix("HTTP/1.1 101"))
        #expect(try client.envelopes().isEmpty)
        try client.send(#"{"cmd":2,"seq":9}"#)
        let envelopes = try client.envelopes()
        #expect(envelopes.map { $0["cmd"]?.integer } == [1, 2])
    }

    @Test("a bad token is refused with 401, and the socket closes")
    func badToken() async throws {
        let rig = try await EdgeRig()
        let client = try rig.client()
        let head = try client.upgrade(token: "not.a.token")
        #expect(head.hasPrefix("HTTP/1.1 401"))
        #expect(client.body().contains(#""name":"unauthenticated""#))
        #expect(client.channel.isOutputClosed)
        client.endInput()
        #expect(!client.channel.isActive)
        #expect(rig.isEmpty)
    }

    @Test("a browser's bad token is accepted and closed with 4500 before any message")
    func browserBadToken() async throws {
        let rig = try await EdgeRig()
        let client = try rig.client()
        let head = try client.upgrade(token: "not.a.token", headers: "Origin: http://edge\r\n")
        #expect(head.hasPrefix("HTTP/1.1 101"))
        #expect(try client.envelopes().isEmpty)
        #expect(client.closeCode == 4500)
    }

    @Test("the first frame authenticates; before it only auth, login and ping are taken")
    func firstFrame() async throws {
        let rig = try await EdgeRig()
        let client = try rig.client()
        _ = try client.upgrade(token: nil)
        try client.send(#"{"cmd":100,"seq":1,"data":1}"#)
        #expect(try client.envelopes().first?["status"]?.integer == 401)
        try client.send(#"{"cmd":2,"seq":2}"#)
        #expect(try client.envelopes().first?["status"]?.integer == 0)
        try client.send(#"{"cmd":1,"seq":3,"data":{"token":"\#(rig.token("bob"))"}}"#)
        #expect(try client.envelopes().first?["data"]?["user"]?.string == "bob")
        #expect(try rig.calls().isEmpty)
    }

    @Test("nobody may wait for ever: without a token the connection closes with 4500")
    func timeout() async throws {
        let rig = try await EdgeRig()
        let client = try rig.client()
        _ = try client.upgrade(token: nil)
        rig.pass(milliseconds: 9_900)
        #expect(try client.envelopes().isEmpty && client.closeCode == nil)
        rig.pass(milliseconds: 200)
        _ = try client.envelopes()
        #expect(client.closeCode == 4500)
        #expect(rig.count(.limitExceeded, ["authentication_timeout"]) == 1)
    }

    @Test("an unknown protocol version is refused with 400")
    func unknownVersion() async throws {
        let rig = try await EdgeRig()
        let client = try rig.client()
        #expect(
            try client.upgrade(token: rig.token("alice"), protocols: "sluice.v9")
                .hasPrefix("HTTP/1.1 400"))
        #expect(client.body().contains("unsupported_version"))
    }

    @Test("a head over the limit is refused with 431")
    func largeHead() async throws {
        let rig = try await EdgeRig()
        let client = try rig.client()
        let head = try client.http(
            "GET / HTTP/1.1\r\nHost: edge\r\nX: \(String(repeating: "x", count: 17_000))\r\n\r\n")
        #expect(head.hasPrefix("HTTP/1.1 431"))
    }

    @Test("a policy that does not permit session.connect refuses with 403 and the rule's name")
    func notPermitted() async throws {
        let rig = try await EdgeRig()
        try rig.adopt(policy: EdgeRig.policy(limit: 5).replacing("session.connect, ", with: ""))
        let client = try rig.client()
        #expect(try client.upgrade(token: rig.token("alice")).hasPrefix("HTTP/1.1 403"))
        #expect(client.body().contains(#""rule":"default""#))
    }
}
