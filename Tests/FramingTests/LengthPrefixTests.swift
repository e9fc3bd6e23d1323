import NIOCore
import SluiceFraming
import SluiceVocabulary
import Testing

@Suite("Length-prefixed messages")
struct LengthPrefixTests {
    private func stream(_ messages: [[UInt8]]) -> [UInt8] {
        messages.flatMap { message in
            (0..<4).map { UInt8(truncatingIfNeeded: message.count >> (24 - 8 * $0)) } + message
        }
    }

    /// Reads as a connection does: chunk by chunk, what is left over first.
    private func read(
        _ chunks: [ArraySlice<UInt8>], maxMessageBytes: Int = 1_000
    ) throws(LengthPrefix.TooLarge) -> [[UInt8]] {
        var found: [[UInt8]] = []
        var input = ByteBuffer()
        for chunk in chunks {
            input.writeBytes(chunk)
            while let message = try LengthPrefix.next(&input, maxMessageBytes: maxMessageBytes) {
                found.append(Array(message.readableBytesView))
            }
        }
        #expect(input.readableBytes == 0)
        return found
    }

    @Test("any chunking of a stream gives the same messages", arguments: 0..<50)
    func chunking(_ seed: Int) throws {
        var random = Seeded(UInt64(seed))
        let messages = (0..<Int.random(in: 1...20, using: &random)).map { _ in
            (0..<Int.random(in: 0...300, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
        }
        let bytes = stream(messages)
        var chunks: [ArraySlice<UInt8>] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = Int.random(in: 1...min(40, rest.count), using: &random)
            chunks.append(rest.prefix(count))
            rest = rest.dropFirst(count)
        }
        #expect(try read(chunks) == messages)
        #expect(try read([bytes[...]]) == messages)
        #expect(try read(bytes.indices.map { bytes[$0...$0] }) == messages)
    }

    @Test("a length over the limit is refused by its four bytes, one at the limit is not")
    func limit() throws {
        let whole = stream([Array(repeating: 1, count: 1_000)])
        #expect(try read([whole[...]]).count == 1)
        #expect(throws: LengthPrefix.TooLarge.self) { try self.read([[0, 0, 3, 0xE9]]) }
        #expect(throws: LengthPrefix.TooLarge.self) { try self.read([[0xFF, 0xFF, 0xFF, 0xFF]]) }
        // What a browser or a TLS client says first reads as a length beyond any limit.
        #expect(throws: LengthPrefix.TooLarge.self) { try self.read([Array("GET ".utf8)[...]]) }
        #expect(throws: LengthPrefix.TooLarge.self) { try self.read([[0x16, 3, 1, 2]]) }
    }

    @Test("the first byte shows the codec")
    func codec() {
        #expect(LengthPrefix.codec(of: ByteBuffer(string: #"{"cmd":1}"#)) == .json)
        #expect(LengthPrefix.codec(of: ByteBuffer(bytes: [0x10, 1])) == .protobuf)
        #expect(LengthPrefix.codec(of: ByteBuffer()) == .protobuf)
    }
}
