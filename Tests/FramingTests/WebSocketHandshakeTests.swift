import SluiceFraming
import SluiceVocabulary
import Testing

@Suite("WebSocket handshake")
struct WebSocketHandshakeTests {
    @Test("the accept key is that of the example in RFC 6455 section 1.3")
    func example() {
        #expect(
            WebSocketHandshake.acceptKey(for: "dGhlIHNhbXBsZSBub25jZQ==")
                == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    }

    @Test("another key, computed by another implementation, fits too")
    func other() {
        // Python: base64.b64encode(hashlib.sha1(key + guid).digest())
        #expect(
            WebSocketHandshake.acceptKey(for: "AQIDBAUGBwgJCgsMDQ4PEA==")
                == "C/0nmHhBztSRGR1CwL6Tf4ZjwpY=")
    }

    @Test(
        "a key that is not 16 bytes in base64 has no accept key",
        arguments: [
            "", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZR==",
            "dGhlIHNhbXBsZSBub25jZWE=", "dGhlIHNhbXBsZSBub25j====", "dGhl IHNhbXBsZSBub25jZQ==",
            "dGhlIHNhbXBsZSBub25-ZQ==", "\\u0041IHNhbXBsZSBub25jZ==", "dGhlIHNhbXBsZSBub25jZWEx",
        ])
    func badKey(key: String) {
        #expect(WebSocketHandshake.acceptKey(for: key) == nil)
    }

    private func choose(_ offered: String...) -> WebSocketHandshake.Choice {
        WebSocketHandshake.choose(offered: offered)
    }

    @Test("with no sub-protocol, or none of ours, the first frame decides")
    func none() {
        #expect(choose() == .init())
        #expect(choose("chat, mqtt") == .init())
        #expect(choose("", " , ") == .init())
    }

    @Test("the client's first sub-protocol that is spoken here is chosen")
    func chosen() {
        #expect(choose("sluice.v1") == .init(codec: .protobuf, version: .v1, chosen: "sluice.v1"))
        #expect(
            choose("sluice.v1.json") == .init(codec: .json, version: .v1, chosen: "sluice.v1.json"))
        #expect(
            choose("chat,sluice.v1.json , sluice.v1")
                == .init(codec: .json, version: .v1, chosen: "sluice.v1.json"))
        #expect(
            choose("sluice.v3", "sluice.v1")
                == .init(codec: .protobuf, version: .v1, chosen: "sluice.v1"))
    }

    @Test(
        "a version that is not spoken is refused as such",
        arguments: ["sluice.v3", "sluice.v3.json", "sluice.v2.xml", "sluice.x"])
    func version(name: String) {
        #expect(choose(name).error == .unsupportedVersion)
        #expect(choose("chat", name).error == .unsupportedVersion)
    }

    @Test("a token comes beside a sub-protocol of ours and is never the answer")
    func bearer() {
        #expect(
            choose("sluice.v1, bearer.aaa.bbb.c-_c")
                == .init(
                    codec: .protobuf, version: .v1, chosen: "sluice.v1", bearer: "aaa.bbb.c-_c"))
        #expect(choose("bearer.t", "sluice.v1.json").chosen == "sluice.v1.json")
    }

    @Test(
        "a token alone, padded, empty or twice is a bad request",
        arguments: [
            "bearer.abc", "chat, bearer.abc", "sluice.v1, bearer.abc=", "sluice.v1, bearer.",
            "sluice.v1, bearer.a, bearer.b", "sluice.v1, bearer.a b",
        ])
    func badBearer(offered: String) {
        #expect(choose(offered).error == .badRequest)
    }
}
