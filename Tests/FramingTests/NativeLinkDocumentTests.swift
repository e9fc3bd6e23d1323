import Foundation
import NIOCore
import SluiceFraming
import SluiceVocabulary
import SwiftProtobuf
import Testing

@Suite("docs/native-link.md")
struct NativeLinkDocumentTests {
    /// First and second cell of every row whose second (or first) cell is hex in backquotes.
    private func rows() throws -> [(name: String, bytes: [UInt8])] {
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../docs/native-link.md")
        let text = try String(contentsOf: file, encoding: .utf8)
        return text.split(separator: "\n").compactMap { line in
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            guard cells.count >= 2, let cell = cells.first(where: isHex) else { return nil }
            return (cells[0], hex(cell.replacing("`", with: "")))
        }
    }

    private func isHex(_ cell: String) -> Bool {
        cell.count > 2 && cell.hasPrefix("`") && cell.hasSuffix("`")
            && cell.dropFirst().dropLast().allSatisfy { $0.isHexDigit || $0 == " " }
    }

    private func frame(_ body: [UInt8], _ kind: LinkFrameKind, _ stream: UInt32, flags: UInt8 = 0)
        -> [UInt8]
    {
        var buffer = ByteBuffer()
        body.withBytes {
            LinkCodec.write(kind, flags: flags, stream: stream, body: $0, into: &buffer)
        }
        return buffer.array
    }

    /// What the table says in words, written by the code.
    private func expected() throws -> [String: [UInt8]] {
        var call = ByteBuffer()
        let request = #"{"cmd":100,"seq":7,"data":"hi"}"#.bytes
        try request.withBytes {
            try JSONEnvelope.appendProtobuf(try JSONEnvelope.scan($0), from: $0, to: &call)
        }
        EnvelopeStamp.appendDeadline(milliseconds: 5_000, to: &call)
        call.writeBytes(EnvelopeStamp.identity(user: "alice", session: "", device: "", client: ""))
        let reply =
            try Sluice_V1_Envelope.with {
                ($0.cmd, $0.seq, $0.kind, $0.format, $0.payload) = (
                    100, 7, 1, 1, Data("\"hi\"".utf8)
                )
            }.serializedBytes() as [UInt8]
        let deliver = ByteBuffer(bytes: hex("10 eb 07"))
        var result = PushResult()
        (result.delivered, result.offline) = (2, 1)
        let session = SessionID(high: 0x0001_0203_0405_0607, low: 0x0809_0A0B_0C0D_0E0F)
        return [
            "hello": frame(LinkHello(node: "gw-1").encoded(), .hello, 0),
            "call": frame(call.array, .call, 1),
            "reply": frame(reply, .reply, 1),
            "push to a user": frame(
                LinkPush(
                    targets: .users(["bob"]), deliveryClass: .latest, ttlMilliseconds: 1_000,
                    envelope: ByteBuffer(bytes: hex("10 eb 07 30 01"))
                ).encoded(), .push, 5),
            "push to a session": frame(
                LinkPush(targets: .sessions([session]), envelope: deliver).encoded(), .push, 6),
            "push to all": frame(
                LinkPush(targets: .all, deliveryClass: .droppable, envelope: deliver).encoded(),
                .push, 0),
            "push_result": frame(result.linkBody(), .pushResult, 5),
            "cancel": frame([], .cancel, 1),
            "ping": frame([0xBE, 0xEF], .ping, 0),
            "pong": frame([0xBE, 0xEF], .ping, 0, flags: LinkFlags.answer),
            "goaway": frame(LinkGoaway(reason: "drain").encoded(), .goaway, 0),
        ]
    }

    @Test("every vector is what the code writes, and reads back")
    func vectors() throws {
        let expected = try expected()
        let rows = try rows().filter { !isHex($0.name) }
        #expect(Set(rows.map(\.name)) == Set(expected.keys))
        for (name, bytes) in rows {
            let written = expected[name] ?? []
            #expect(bytes == written, "\(name): the code writes \(written.hexText)")
            var input = ByteBuffer(bytes: bytes)
            let read = try #require(try LinkCodec.read(&input, maxFrameBytes: 1_000), "\(name)")
            #expect(input.readableBytes == 0)
            #expect(frame(read.body.array, read.kind, read.stream, flags: read.flags) == bytes)
        }
    }

    @Test("what the document says is refused is refused")
    func refused() throws {
        let rows = try rows().filter { isHex($0.name) }
        #expect(rows.count == 5)
        for (name, bytes) in rows {
            var input = ByteBuffer(bytes: bytes)
            let result = outcome { () throws(LinkError) in
                try LinkCodec.read(&input, maxFrameBytes: 4_194_304)
            }
            #expect(result.isFailure, "\(name)")
        }
    }

    @Test("the document's table of kinds names every kind")
    func kinds() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../docs/native-link.md")
        let text = try String(contentsOf: file, encoding: .utf8)
        for kind in LinkFrameKind.allCases {
            let name = kind == .pushResult ? "push_result" : "\(kind)"
            #expect(text.contains("\n| \(kind.rawValue) | \(name) |"), "\(name)")
        }
    }
}
