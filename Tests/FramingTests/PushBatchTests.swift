import NIOCore
import SluiceFraming
import SluiceVocabulary
import SwiftProtobuf
import Testing

@Suite("Several pushes in one envelope")
struct PushBatchTests {
    private let encoder = ClientEncoder()

    private func head(_ seq: UInt64, format: UInt32 = 1) -> EnvelopeHead {
        EnvelopeHead(cmd: 1003, seq: seq, kind: .push, format: format, deliveryClass: .must)
    }

    private func batch(_ payloads: [[UInt8]], _ codec: Codec, format: UInt32 = 1) throws
        -> ByteBuffer
    {
        var batch = PushBatch(in: ByteBuffer())
        for (index, payload) in payloads.enumerated() {
            try payload.withBytes { bytes throws(EnvelopeError) in
                try encoder.add(
                    head(UInt64(index + 1), format: format), payload: bytes, codec: codec,
                    to: &batch)
            }
        }
        var out = ByteBuffer()
        encoder.pushes(batch, codec: codec, wire: .lengthPrefixed, into: &out)
        let length = out.readInteger(as: UInt32.self)
        #expect(length == UInt32(out.readableBytes))
        return out
    }

    /// What version 1 writes for the same push.
    private func single(_ payload: [UInt8], _ codec: Codec, seq: UInt64, format: UInt32 = 1) throws
        -> [UInt8]
    {
        var out = ByteBuffer()
        try payload.withBytes { bytes throws(EnvelopeError) in
            try encoder.envelope(
                head(seq, format: format), payload: bytes, codec: codec, wire: .lengthPrefixed,
                into: &out)
        }
        return Array(out.readableBytesView.dropFirst(4))
    }

    private let payloads: [[UInt8]] = [
        Array(#"{"a":1}"#.utf8), [], Array("2".utf8),
        Array("[\(String(repeating: "0,", count: 200))0]".utf8),
    ]

    @Test("one push alone is what version 1 writes, byte for byte", arguments: Codec.allCases)
    func alone(_ codec: Codec) throws {
        for payload in payloads {
            #expect(
                try Array(batch([payload], codec).readableBytesView)
                    == single(payload, codec, seq: 1))
        }
    }

    @Test("protobuf: message Pushes holds each as the envelope it would be alone")
    func protobuf() throws {
        let bytes = try Array(batch(payloads, .protobuf).readableBytesView)
        let envelope = try Sluice_V1_Envelope(serializedBytes: bytes)
        #expect(envelope.cmd == 14 && envelope.kind == 2 && envelope.seq == 0)
        let pushes = try Sluice_V1_Pushes(serializedBytes: envelope.payload)
        #expect(pushes.pushes.count == payloads.count)
        for (index, push) in pushes.pushes.enumerated() {
            let alone: [UInt8] = try push.serializedBytes()
            #expect(
                try Sluice_V1_Envelope(
                    serializedBytes: single(payloads[index], .protobuf, seq: UInt64(index + 1)))
                    == push)
            #expect(!alone.isEmpty)
        }
    }

    @Test("JSON: `data` is the list of them", arguments: [UInt32(1), 0])
    func json(_ format: UInt32) throws {
        let bytes = try Array(batch(payloads, .json, format: format).readableBytesView)
        let envelope = try JSONValue(parsing: bytes)
        #expect(envelope["cmd"]?.integer == 14 && envelope["push"]?.bool == true)
        guard case .array(let pushes) = envelope["data"] else {
            Issue.record("no list")
            return
        }
        let expected = try payloads.enumerated().map {
            try JSONValue(
                parsing: single($0.element, .json, seq: UInt64($0.offset + 1), format: format))
        }
        #expect(pushes == expected)
    }

    @Test("a payload that is called JSON and is not leaves the batch as it was")
    func broken() throws {
        var batch = PushBatch(in: ByteBuffer())
        for (text, isGood) in [("1", true), ("{", false), ("2", true)] {
            let bytes = Array(text.utf8)
            do throws(EnvelopeError) {
                try bytes.withBytes { bytes throws(EnvelopeError) in
                    try encoder.add(head(1), payload: bytes, codec: .json, to: &batch)
                }
                #expect(isGood)
            } catch {
                #expect(!isGood && error == .payloadNotJSON)
            }
        }
        #expect(batch.count == 2)
        var out = ByteBuffer()
        encoder.pushes(batch, codec: .json, wire: .webSocket, into: &out)
        #expect(String(buffer: out).hasSuffix(#""data":2}]}"#))
    }
}
