import SluiceFraming
import SluiceVocabulary
import Testing

@Suite("Typed payloads")
struct TypedPayloadTests {
    private func check(_ payload: some TypedPayload, _ json: String) throws {
        try roundTrip(payload)
        #expect(String(decoding: payload.encoded(codec: .json), as: UTF8.self) == json)
    }

    private func roundTrip<Payload: TypedPayload>(_ payload: Payload) throws {
        for codec in Codec.allCases {
            let bytes = payload.encoded(codec: codec)
            #expect(try bytes.withBytes { try Payload(from: $0, codec: codec) } == payload)
        }
    }

    @Test("every payload reads back in both codecs and has the documented names")
    func names() throws {
        try check(
            AuthRequest(token: "t", device: Device(id: "d", platform: "ios", app: "x/1")),
            #"{"token":"t","device":{"id":"d","platform":"ios","app":"x/1"}}"#)
        try check(
            AuthReply(
                session: "s", user: "alice", epoch: 1 << 60, resumed: true,
                heartbeatMilliseconds: 25_000,
                maxFrameBytes: 65_536),
            #"{"session":"s","user":"alice","epoch":1152921504606846976,"resumed":true,"#
                + #""heartbeat_ms":25000,"max_frame_bytes":65536}"#)
        try check(LoginRequest(user: "ä", password: "\"p\""), #"{"user":"ä","password":"\"p\""}"#)
        try check(
            LoginReply(token: "t", expiresAtSeconds: 1_800_000_000, refreshToken: "r", userID: "u"),
            #"{"token":"t","expires_at":1800000000,"refresh_token":"r","user_id":"u"}"#)
        try check(RefreshRequest(token: "t"), #"{"token":"t"}"#)
        try check(RefreshReply(expiresAtSeconds: -1), #"{"expires_at":-1}"#)
        try check(
            Goaway(reason: "drain", reconnectAfterMilliseconds: .max),
            #"{"reason":"drain","reconnect_after_ms":4294967295}"#)
        try check(
            Kicked(reason: "replaced", device: "phone"),
            #"{"reason":"replaced","device":"phone"}"#)
        try check(
            PresenceEvent(user: "bob", online: false, number: 7),
            #"{"user":"bob","online":false,"number":7}"#)
    }

    @Test("an empty payload, {} and nulls are the message with everything left out")
    func empty() throws {
        let expected = AuthRequest(token: "")
        for codec in Codec.allCases {
            #expect(try [].withBytes { try AuthRequest(from: $0, codec: codec) } == expected)
        }
        for text in ["{}", #"{"token":null,"device":null,"more":[1]}"#, #"{"device":{}}"#] {
            #expect(
                try text.bytes.withBytes { try AuthRequest(from: $0, codec: .json) } == expected)
        }
        try roundTrip(expected)
    }

    private func error(_ text: String) -> EnvelopeError? {
        let result = text.bytes.withBytes { bytes in
            outcome { () throws(EnvelopeError) in try AuthReply(from: bytes, codec: .json) }
        }
        return if case .failure(let error) = result { error } else { nil }
    }

    @Test("a member of the wrong type or out of range is named")
    func wrongType() {
        #expect(error(#"{"user":1}"#) == .badPayload(.init("user")))
        #expect(error(#"{"resumed":"true"}"#) == .badPayload(.init("resumed")))
        #expect(error(#"{"heartbeat_ms":-1}"#) == .badPayload(.init("heartbeat_ms")))
        #expect(error(#"{"heartbeat_ms":4294967296}"#) == .badPayload(.init("heartbeat_ms")))
        #expect(error(#"{"epoch":1.5}"#) == .badPayload(.init("epoch")))
        #expect(error("[]") == .notAnObject)
        #expect(error("{") == .malformedJSON(offset: 1))
        let device = #"{"device":[]}"#.bytes.withBytes { bytes in
            outcome { () throws(EnvelopeError) in try AuthRequest(from: bytes, codec: .json) }
        }
        #expect(device == .failure(.badPayload(.init("device"))))
    }

    @Test("broken protobuf is refused")
    func brokenProtobuf() {
        let result = hex("0a 05 61").withBytes { bytes in
            outcome { () throws(EnvelopeError) in try LoginRequest(from: bytes, codec: .protobuf) }
        }
        #expect(result == .failure(.malformedProtobuf))
    }

    @Test("an error's text never holds what the client wrote")
    func errorTexts() {
        for text in [
            #"{"user":{"secret":1}}"#, "{\"secret", "[\"secret\"]", "\"secret\"",
            "{\"secret\":1,\"secret\":2}",
        ] {
            #expect(error(text)?.text.contains("secret") == false)
        }
    }
}
