import Foundation
import NIOCore
import SluiceFraming
import SluiceVocabulary
import SwiftProtobuf
import Testing

@Suite("Protobuf envelope")
struct ProtobufEnvelopeTests {
    /// Nil where the reader and the generated code say the same of `bytes`; else what differs.
    static func difference(_ bytes: [UInt8]) -> String? {
        let generated = try? Sluice_V1_Envelope(serializedBytes: bytes)
        let view = bytes.withBytes { bytes in try? ProtobufEnvelope.scan(bytes) }
        guard let view else { return generated == nil ? nil : "refused what is good" }
        guard let generated else { return "took what is broken" }
        let text = { (range: ByteRange) in bytes.withBytes { ProtobufEnvelope.text(range, in: $0) }
        }
        let numbers =
            view.version == generated.version && view.cmd == generated.cmd
            && view.seq == generated.seq
            && view.status == generated.status && view.kind == generated.kind
            && view.format == generated.format && view.deadlineMilliseconds == generated.deadlineMs
            && view.deliveryClass == generated.class
        guard numbers else { return "another number" }
        let texts =
            text(view.topic) == generated.topic && text(view.trace) == generated.trace
            && text(view.key) == generated.key
            && Data(bytes[view.payload.range]) == generated.payload
        return texts ? stripDifference(bytes, generated, view) : "another text"
    }

    /// What is wrong with the envelope without the gateway's fields.
    static func stripDifference(
        _ bytes: [UInt8], _ generated: Sluice_V1_Envelope, _ view: EnvelopeView
    ) -> String? {
        guard let stripped = strip(bytes), let unknown = strip(Array(generated.unknownFields.data))
        else {
            return "cannot be stripped"
        }
        guard let left = try? Sluice_V1_Envelope(serializedBytes: stripped) else {
            return "stripped is broken"
        }
        var expected = generated
        (expected.userID, expected.session, expected.device, expected.client) = ("", "", "", "")
        expected.unknownFields = UnknownStorage()
        var found = left
        found.unknownFields = UnknownStorage()
        guard found == expected else { return "stripping changed a field" }
        guard left.unknownFields.data == Data(unknown) else {
            return "stripping lost an unknown field"
        }
        return (stripped.count != bytes.count) == view.hasGatewayFields
            ? nil : "hasGatewayFields is wrong"
    }

    static func strip(_ bytes: [UInt8]) -> [UInt8]? {
        var buffer = ByteBuffer()
        let isDone = bytes.withBytes { bytes in
            (try? ProtobufEnvelope.appendWithoutGatewayFields(bytes, to: &buffer)) != nil
        }
        return isDone ? buffer.array : nil
    }

    @Test(
        "the reader takes, refuses and reads what SwiftProtobuf does: 60,000 random and broken envelopes"
    )
    func differential() {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("Protobuf differential: seed \(seed)")
        var chunks = ProtobufChunks(random: Seeded(seed))
        var taken = 0
        for _ in 0..<20_000 {
            let good = chunks.message().flatMap(\.bytes)
            for bytes in [good, chunks.mutated(good), chunks.mutated(good)] {
                if let difference = Self.difference(bytes) {
                    Issue.record("seed \(seed): \(difference): \(bytes.hexText)")
                    return
                }
                if (try? Sluice_V1_Envelope(serializedBytes: bytes)) != nil { taken += 1 }
            }
        }
        // Both sides of the decision must be well visited for this to mean anything.
        #expect((10_000...50_000).contains(taken))
    }

    @Test("pure noise is judged alike")
    func noise() {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("Protobuf noise: seed \(seed)")
        var random = Seeded(seed)
        for _ in 0..<20_000 {
            let bytes = random.bytes(Int.random(in: 0...12, using: &random))
            if let difference = Self.difference(bytes) {
                Issue.record("seed \(seed): \(difference): \(bytes.hexText)")
                return
            }
        }
    }

    @Test("all two-byte messages, and all one-byte tags with a value, are judged alike")
    func exhaustive() {
        for first in 0...255 as ClosedRange<UInt8> {
            #expect(Self.difference([first]) == nil)
            for second in 0...255 as ClosedRange<UInt8> {
                for bytes in [[first, second], [first, second, 1, 0, 0, 0, 0, 0, 0, 0]] {
                    if let difference = Self.difference(bytes) {
                        Issue.record("\(difference): \(bytes.hexText)")
                    }
                }
            }
        }
    }

    @Test("groups may nest 99 deep, not 100", arguments: [1, 98, 99, 100, 5_000])
    func groups(depth: Int) {
        let bytes =
            [UInt8](repeating: 12 << 3 | 3, count: depth)
            + [UInt8](repeating: 12 << 3 | 4, count: depth)
        #expect(Self.difference(bytes) == nil)
        let isTaken = bytes.withBytes { bytes in (try? ProtobufEnvelope.scan(bytes)) != nil }
        #expect(isTaken == (depth < 100))
    }

    @Test(
        "the borders of tags and varints are judged alike",
        arguments: [
            "", "00", "07", "08", "0f", "0b", "0c", "0b 0c", "0b 14", "f8 01 01", "88 00 05",
            "88 80 00 05", "88 80 80 80 00 05", "88 80 80 80 80 00 05", "f8 ff ff ff 0f 01",
            "f8 ff ff ff 1f 01", "80 00 01", "18 ff ff ff ff ff ff ff ff ff 01",
            "18 ff ff ff ff ff ff ff ff ff 7f", "18 ff ff ff ff ff ff ff ff ff ff 01",
            "10 ff ff ff ff ff ff ff ff ff 01", "7a ff ff ff ff 07",
            "7a ff ff ff ff ff ff ff ff ff 01",
            "7a 80 00", "63 88 80 80 80 80 00 01 64", "63 f8 ff ff ff 7f 01 64", "63 00 64",
            "3a 01 ff", "82 02 01 ff", "a2 02 01 ff", "80 02 01", "0a 00", "7d 00 00 00 00",
        ])
    func borders(text: String) {
        #expect(Self.difference(hex(text)) == nil, "\(text)")
    }

    @Test("the last of several values counts")
    func lastWins() throws {
        let view = try scan("10 01 10 02 3a 01 61 3a 01 62 7a 01 01 7a 02 02 03")
        #expect(view.cmd == 2)
        #expect(view.topic == ByteRange(start: 9, count: 1))
        #expect(view.payload == ByteRange(start: 15, count: 2))
    }

    @Test(
        "fields 32 to 63 are stripped with all their duplicates and wrong types, the rest stays byte for byte"
    )
    func strip() {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("Protobuf strip: seed \(seed)")
        var chunks = ProtobufChunks(random: Seeded(seed))
        for _ in 0..<5_000 {
            let message = chunks.message()
            let bytes = message.flatMap(\.bytes)
            guard bytes.withBytes({ bytes in try? ProtobufEnvelope.scan(bytes) }) != nil else {
                continue
            }
            let kept = message.filter { !(32...63).contains($0.number) }.flatMap(\.bytes)
            #expect(Self.strip(bytes) == kept, "seed \(seed): \(bytes.hexText)")
        }
    }

    @Test("a client cannot say who it is, and the stamp says it")
    func stamp() throws {
        var forged = Sluice_V1_Envelope.with {
            $0.cmd = 1001
            $0.deadlineMs = 99_999
            $0.userID = "root"
            $0.session = "s"
        }
        var unknown = UnknownStorage()
        unknown.append(protobufData: hex("82 02 03 61 62 63"))
        forged.unknownFields = unknown
        var buffer = ByteBuffer(bytes: try #require(Self.strip(try forged.serializedBytes())))
        EnvelopeStamp.appendDeadline(milliseconds: 300, to: &buffer)
        buffer.writeBytes(
            EnvelopeStamp.identity(user: "alice", session: "", device: "d", client: "127.0.0.1"))
        let read = try Sluice_V1_Envelope(serializedBytes: buffer.array)
        #expect(read.userID == "alice" && read.session.isEmpty && read.device == "d")
        #expect(read.client == "127.0.0.1" && read.deadlineMs == 300 && read.cmd == 1001)
        EnvelopeStamp.appendDeadline(milliseconds: 0, to: &buffer)
        #expect(try Sluice_V1_Envelope(serializedBytes: buffer.array).deadlineMs == 0)
    }

    private func scan(_ text: String) throws -> EnvelopeView {
        try hex(text).withBytes { try ProtobufEnvelope.scan($0) }
    }
}

extension UnknownStorage {
    /// Unknown fields can only be made by decoding them.
    mutating func append(protobufData bytes: [UInt8]) {
        guard let carrier = try? Sluice_V1_Refusal(serializedBytes: bytes) else { return }
        self = carrier.unknownFields
    }
}
