import Foundation
import NIOCore
import SluiceFraming
import Testing

@Suite("Inputs that once made a fuzzer fail")
struct FuzzReplayTests {
    /// The kept inputs of one fuzzer. The folder must be there, so that a move is noticed.
    private func inputs(_ fuzzer: String) throws -> [(name: String, bytes: [UInt8])] {
        let folder = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../Fuzz/FailCases/\(fuzzer)").standardized
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        #expect(names.contains("README"))
        return try names.filter { $0 != "README" }.map { name in
            (name, Array(try Data(contentsOf: folder.appending(path: name))))
        }
    }

    @Test("envelopes are read as by the generated code")
    func envelope() throws {
        for (name, bytes) in try inputs("envelope") {
            #expect(ProtobufEnvelopeTests.difference(bytes) == nil, "\(name)")
        }
    }

    @Test("JSON that the parser takes is JSON, and reads again as it was written")
    func json() throws {
        for (name, bytes) in try inputs("json") {
            let value = try? JSONValue(parsing: bytes)
            let isWellFormed = bytes.withBytes { JSONEnvelope.isWellFormed($0) }
            #expect(value == nil || isWellFormed, "\(name)")
            let again = value.flatMap { try? JSONValue(parsing: $0.text()) }
            #expect(again == value, "\(name)")
        }
    }

    @Test("WebSocket frames give the same events however they are cut")
    func webSocket() throws {
        for (name, bytes) in try inputs("websocket") {
            let stream = Array(bytes.dropFirst())
            let whole = read([stream], maxMessageBytes: 1_000)
            #expect(read(stream.map { [$0] }, maxMessageBytes: 1_000) == whole, "\(name)")
        }
    }

    @Test("link frames are written back as they were read")
    func link() throws {
        for (name, bytes) in try inputs("link") {
            var input = ByteBuffer(bytes: bytes)
            var written = ByteBuffer()
            while let frame = try? LinkCodec.read(&input, maxFrameBytes: 4_096) {
                LinkCodec.write(
                    frame.kind, flags: frame.flags, stream: frame.stream,
                    body: frame.body.readableBytesSpan, into: &written)
            }
            #expect(Array(bytes.prefix(written.readableBytes)) == written.array, "\(name)")
            if let push = try? LinkPush(from: ByteBuffer(bytes: bytes)) {
                #expect(try LinkPush(from: ByteBuffer(bytes: push.encoded())) == push, "\(name)")
            }
        }
    }
}
