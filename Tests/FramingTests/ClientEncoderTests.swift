import Foundation
import NIOCore
import SluiceFraming
import SluiceVocabulary
import SwiftProtobuf
import Testing

@Suite("Client encoder")
struct ClientEncoderTests {
    private let encoder = ClientEncoder()

    /// The message of a server's frame, after a check of its header.
    private func message(_ buffer: ByteBuffer, isText: Bool) throws -> [UInt8] {
        let bytes = buffer.array
        #expect(bytes[0] == (isText ? 0x81 : 0x82))
        let (count, start): (Int, Int) =
            switch bytes[1] {
            case 126: (Int(bytes[2]) << 8 | Int(bytes[3]), 4)
            case 127: (bytes[2..<10].reduce(0) { $0 << 8 | Int($1) }, 10)
            default: (Int(bytes[1]), 2)
            }
        // The shortest form, no mask.
        #expect(start == (count <= 125 ? 2 : count <= 0xFFFF ? 4 : 10))
        try #require(bytes.count == start + count)
        return Array(bytes[start...])
    }

    private func encode(
        _ head: EnvelopeHead, _ payload: [UInt8], _ codec: Codec
    ) throws -> [UInt8] {
        var buffer = ByteBuffer()
        try payload.withBytes {
            try encoder.envelope(head, payload: $0, codec: codec, wire: .webSocket, into: &buffer)
        }
        var prefixed = ByteBuffer()
        try payload.withBytes {
            try encoder.envelope(
                head, payload: $0, codec: codec, wire: .lengthPrefixed, into: &prefixed)
        }
        let message = try message(buffer, isText: codec == .json)
        #expect(prefixed.readInteger(as: UInt32.self) == UInt32(message.count))
        #expect(prefixed.array == message)
        return message
    }

    private func json(_ head: EnvelopeHead, _ payload: String) throws -> String {
        String(decoding: try encode(head, payload.bytes, .json), as: UTF8.self)
    }

    @Test("replies and pushes are written as documented")
    func documented() throws {
        #expect(
            try json(EnvelopeHead(cmd: 100, seq: 7, kind: .reply, format: 1), "\"hi\"")
                == #"{"cmd":100,"seq":7,"status":0,"data":"hi"}"#)
        #expect(
            try json(
                EnvelopeHead(cmd: 1003, seq: 41, kind: .push, format: 1, deliveryClass: .must),
                "{\"a\":1}")
                == #"{"cmd":1003,"seq":41,"push":true,"class":"must","data":{"a":1}}"#)
        #expect(
            try json(EnvelopeHead(version: 2, cmd: 10, seq: 0, kind: .request), "")
                == #"{"version":2,"cmd":10,"seq":0}"#)
    }

    @Test(
        "a payload that is not JSON goes as base64",
        arguments: [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
        ])
    func base64(payload: String, expected: String) throws {
        let member = expected.isEmpty ? "" : #","payload":"\#(expected)""#
        #expect(
            try json(EnvelopeHead(cmd: 1, seq: 2, status: 1_401, kind: .reply), payload)
                == #"{"cmd":1,"seq":2,"status":1401\#(member)}"#)
        #expect(
            try json(
                EnvelopeHead(cmd: 1, seq: 2, kind: .push, format: 9, deliveryClass: .droppable),
                payload)
                == #"{"cmd":1,"seq":2,"push":true,"class":"droppable","format":9\#(member)}"#)
    }

    @Test("a payload said to be JSON that is not throws, and nothing is written")
    func notJSON() throws {
        var buffer = ByteBuffer()
        let head = EnvelopeHead(cmd: 1, seq: 1, kind: .reply, format: 1)
        for payload in ["{", "hi", "1}", "1,\"x\":2"] {
            let result = payload.bytes.withBytes { payload in
                outcome { () throws(EnvelopeError) in
                    try encoder.envelope(
                        head, payload: payload, codec: .json, wire: .webSocket, into: &buffer)
                }
            }
            #expect(result.isFailure && buffer.readableBytes == 0)
        }
        // In protobuf nobody looks into it.
        _ = try encode(head, "{".bytes, .protobuf)
    }

    @Test("what is written in JSON reads back as it was")
    func jsonRoundTrip() throws {
        for seed in 0..<200 { try checkJSON(seed: UInt64(seed)) }
    }

    private func checkJSON(seed: UInt64) throws {
        var random = Seeded(seed)
        let head = head(&random)
        let payload = random.bytes(random.pick([0, 1, 2, 3, 60, 90, 91, 200, 49_000]))
        let text = head.format == 1 ? #"{"x":[1,"ä"]}"#.bytes : payload
        let message = try encode(head, text, .json)
        let view = try message.withBytes { try JSONEnvelope.scan($0) }
        #expect(view.cmd == head.cmd && view.seq == head.seq && view.version == head.version)
        #expect(view.status == (head.kind == .reply ? head.status : 0))
        #expect(view.isPayloadBase64 == (head.format != 1 && !text.isEmpty))
        var buffer = ByteBuffer()
        try message.withBytes { try JSONEnvelope.appendProtobuf(view, from: $0, to: &buffer) }
        #expect(Array(try Sluice_V1_Envelope(serializedBytes: buffer.array).payload) == text)
    }

    @Test("what is written in protobuf is what the generated code writes")
    func protobufRoundTrip() throws {
        for seed in 0..<300 { try checkProtobuf(seed: UInt64(seed)) }
    }

    private func checkProtobuf(seed: UInt64) throws {
        var random = Seeded(seed)
        let head = head(&random)
        let payload = random.bytes(random.pick([0, 1, 119, 120, 127, 128, 200, 70_000]))
        let expected = Sluice_V1_Envelope.with {
            $0.version = head.version
            $0.cmd = head.cmd
            $0.seq = head.seq
            $0.status = head.status
            $0.kind = head.kind.rawValue
            $0.format = head.format
            $0.class = UInt32(head.deliveryClass?.rawValue ?? 0)
            $0.payload = .init(payload)
        }
        #expect(try encode(head, payload, .protobuf) == expected.serializedBytes())
    }

    private func head(_ random: inout Seeded) -> EnvelopeHead {
        EnvelopeHead(
            version: random.pick([0, 1, .max]), cmd: random.pick([0, 1, 127, 128, 1_003, .max]),
            seq: random.pick([0, 9, 10, 99, 100, 300, JSONEnvelope.maxSequence]),
            status: random.pick([0, 429, .max]), kind: random.pick(EnvelopeKind.allCases),
            format: random.pick([0, 1, 2, .max]),
            deliveryClass: random.pick([nil, .must, .latest, .droppable]))
    }

    private func refusal(_ refusal: Refusal, cmd: UInt32, seq: UInt64, _ codec: Codec) throws
        -> [UInt8]
    {
        var buffer = ByteBuffer()
        encoder.refusal(refusal, cmd: cmd, seq: seq, codec: codec, wire: .webSocket, into: &buffer)
        return try message(buffer, isText: codec == .json)
    }

    @Test("a refusal is written as documented")
    func refusalText() throws {
        let limited = Refusal(
            .rateLimited, message: "...", rule: "send-per-user", retryAfterMilliseconds: 1_900)
        #expect(
            String(decoding: try refusal(limited, cmd: 100, seq: 8, .json), as: UTF8.self)
                == #"{"cmd":100,"seq":8,"status":429,"refusal":{"status":429,"name":"rate_limited","#
                + #""message":"...","temporary":true,"retry_after_ms":1900,"rule":"send-per-user"}}"#
        )
    }

    @Test("every refusal reads back in both codecs", arguments: RefusalKind.allCases)
    func refusals(kind: RefusalKind) throws {
        for value in [
            Refusal(kind),
            Refusal(
                kind, message: "a \"quoted\"\n\u{1}ä", rule: "r\\1",
                retryAfterMilliseconds: .max >> 1),
        ] {
            let protobuf = try Sluice_V1_Envelope(
                serializedBytes: try refusal(value, cmd: 7, seq: 9, .protobuf))
            #expect(protobuf.cmd == 7 && protobuf.seq == 9 && protobuf.kind == 1)
            #expect(protobuf.status == kind.status && protobuf.format == 0)
            let body = try Sluice_V1_Refusal(serializedBytes: protobuf.payload)
            #expect(
                body.status == kind.status && body.name == kind.name && body.message == value.text)
            #expect(body.temporary == kind.entry.temporary && body.rule == value.rule ?? "")
            #expect(body.retryAfterMs == value.retryAfterMilliseconds)
            let json = try JSONValue(parsing: try refusal(value, cmd: 7, seq: 9, .json))["refusal"]
            #expect(json?["message"]?.string == value.text && json?["rule"]?.string == value.rule)
            #expect(
                json?["temporary"]?.bool == kind.entry.temporary
                    && json?["name"]?.string == kind.name)
            let retry = value.retryAfterMilliseconds
            #expect(json?["retry_after_ms"]?.integer == (retry == 0 ? nil : Int64(retry)))
        }
    }

    @Test("control frames are written bare")
    func control() {
        var buffer = ByteBuffer()
        encoder.ping(into: &buffer)
        [1, 2].withBytes { encoder.pong($0, into: &buffer) }
        encoder.close(code: 4_000, reason: "bye", wire: .webSocket, codec: .json, into: &buffer)
        encoder.close(code: 0, reason: "unseen", wire: .webSocket, codec: .json, into: &buffer)
        #expect(buffer.array == hex("89 00  8a 02 01 02  88 05 0f a0 62 79 65  88 00"))
    }

    @Test("a long close reason is cut at a character's border")
    func longReason() {
        var buffer = ByteBuffer()
        encoder.close(
            code: 1_000, reason: String(repeating: "€", count: 60), wire: .webSocket, codec: .json,
            into: &buffer)
        #expect(buffer.array == [0x88, 125, 0x03, 0xE8] + String(repeating: "€", count: 41).bytes)
    }

    @Test("on TCP a close is cmd 13 in the connection's codec")
    func closeCommand() throws {
        var buffer = ByteBuffer()
        encoder.close(
            code: 4_000, reason: "a\"b", wire: .lengthPrefixed, codec: .json, into: &buffer)
        #expect(
            buffer.text.dropFirst(4) == #"{"cmd":13,"seq":0,"data":{"code":4000,"reason":"a\"b"}}"#)
        buffer.clear()
        encoder.close(
            code: 4_000, reason: "bye", wire: .lengthPrefixed, codec: .protobuf, into: &buffer)
        let length = buffer.readInteger(as: UInt32.self)
        let count = try #require(length)
        #expect(Int(count) == buffer.readableBytes)
        let envelope = try Sluice_V1_Envelope(serializedBytes: buffer.array)
        let close = try Sluice_V1_Close(serializedBytes: envelope.payload)
        #expect(envelope.cmd == 13 && close.code == 4_000 && close.reason == "bye")
    }
}
