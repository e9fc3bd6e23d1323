import NIOCore
import SluiceEdge
import SluiceFraming
import SluiceTestSupport
import SluiceVocabulary
import Testing

@Suite("Who the client is")
struct HTTPClientTests {
    static let proxies = [try? AddressBlock("10.0.0.0/8"), try? AddressBlock("fd00::/8")]

    /// Envelope field 35 of a call, which the gateway stamps.
    static func stampedClient(_ body: ByteBuffer) -> String? {
        let bytes = Array(buffer: body)
        let tag: [UInt8] = [0x9A, 0x02]
        guard let at = bytes.indices.dropLast(2).last(where: { Array(bytes[$0..<$0 + 2]) == tag })
        else { return nil }
        let start = at + 3
        return String(decoding: bytes[start..<start + Int(bytes[at + 2])], as: UTF8.self)
    }

    /// The address a service is told for a request that came from `peer` with these fields.
    func client(
        of fields: String, from peer: String = "10.0.0.9",
        field: HTTPSettings.ClientAddressField = .auto
    ) async throws -> String {
        let rig = try await EdgeRig()
        var snapshot = rig.edge.snapshot
        snapshot.trustedProxies = TrustedProxies(blocks: Self.proxies.compactMap { $0 })
        snapshot.http.clientAddress = field
        rig.edge.adopt(snapshot)
        let client = try EdgeClient(rig, from: peer)
        _ = try client.http(
            "POST /v1/commands/echo HTTP/1.1\r\nHost: edge\r\nAuthorization: Bearer "
                + (try rig.token("alice")) + "\r\n\(fields)Content-Length: 2\r\n\r\n{}")
        let call = try #require(try rig.calls().first)
        client.hangUp()
        return try #require(Self.stampedClient(call.body))
    }

    @Test(
        "X-Forwarded-For is read from the right, past trusted proxies and no further",
        arguments: [
            ("", "10.0.0.9"),
            ("X-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1"),
            ("X-Forwarded-For: 192.0.2.1:4711\r\n", "192.0.2.1"),
            ("X-Forwarded-For: [2001:db8::1]:4711\r\n", "2001:db8::1"),
            ("X-Forwarded-For: 2001:db8::1\r\n", "2001:db8::1"),
            ("X-Forwarded-For: 1.1.1.1, 192.0.2.1\r\n", "192.0.2.1"),
            ("X-Forwarded-For: 192.0.2.1, 10.1.1.1, 10.2.2.2\r\n", "192.0.2.1"),
            ("X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1"),
            ("X-Forwarded-For: 10.1.1.1\r\n", "10.1.1.1"),
            ("X-Forwarded-For: 192.0.2.1, unknown\r\n", "10.0.0.9"),
            ("X-Forwarded-For: 192.0.2.1, 10.1.1.1, \r\n", "192.0.2.1"),
            ("X-Forwarded-For: 127.0.0.1; drop\r\n", "10.0.0.9"),
        ])
    func xForwardedFor(_ fields: String, _ expected: String) async throws {
        #expect(try await client(of: fields) == expected)
    }

    @Test(
        "Forwarded is read the same way",
        arguments: [
            ("Forwarded: for=192.0.2.1;proto=https;by=10.0.0.9\r\n", "192.0.2.1"),
            ("Forwarded: for=1.1.1.1, FOR=\"192.0.2.1:80\"\r\n", "192.0.2.1"),
            ("Forwarded: for=\"[2001:db8::1]:4711\", for=10.1.1.1\r\n", "2001:db8::1"),
            ("Forwarded: for=192.0.2.1, for=_hidden\r\n", "10.0.0.9"),
            ("Forwarded: for=\"a, for=192.0.2.1\"\r\n", "10.0.0.9"),
        ])
    func forwarded(_ fields: String, _ expected: String) async throws {
        #expect(try await client(of: fields) == expected)
    }

    @Test("nobody but a trusted proxy is believed")
    func untrusted() async throws {
        let fields = "X-Forwarded-For: 192.0.2.1\r\nForwarded: for=192.0.2.1\r\n"
        #expect(try await client(of: fields, from: "203.0.113.5") == "203.0.113.5")
    }

    @Test("one field of the two can be chosen, and the other is nobody's word")
    func chosen() async throws {
        let fields = "X-Forwarded-For: 192.0.2.1\r\nForwarded: for=192.0.2.2\r\n"
        #expect(try await client(of: fields) == "192.0.2.1")
        #expect(try await client(of: fields, field: .forwarded) == "192.0.2.2")
        let forwardedAlone = "Forwarded: for=192.0.2.2\r\n"
        #expect(try await client(of: forwardedAlone, field: .xForwardedFor) == "10.0.0.9")
    }

    @Test(
        "an origin is the list's, whole",
        arguments: [
            ("https://chat.example.com", true), ("HTTPS://Chat.Example.com", true),
            ("https://a.example.org", true), ("https://a.b.example.org", true),
            ("https://example.org", false), ("http://a.example.org", false),
            ("https://evil-example.org", false), ("https://chat.example.com.evil.org", false),
            ("https://chat.example.com:8443", false), ("https://evil.org/.example.org", false),
            ("https://evil.org?.example.org", false), ("null", false), ("", false),
        ])
    func origins(_ origin: String, _ isAllowed: Bool) {
        var origins = AllowedOrigins()
        for text in ["https://chat.example.com", "https://*.example.org"] {
            let isTaken = origins.add(text)
            #expect(isTaken)
        }
        #expect(origins.contains(origin) == isAllowed)
    }

    @Test(
        "what is no origin is not taken into the list",
        arguments: [
            "chat.example.com", "https://", "https://a/b", "https://*", "https://*.com",
            "https://a.*.com", "null", "ftp://a.com", "https://u@a.com",
        ])
    func notOrigins(_ text: String) {
        var origins = AllowedOrigins()
        let isTaken = origins.add(text)
        #expect(!isTaken)
    }
}
