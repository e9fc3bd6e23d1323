import NIOCore
import SluiceFraming
import Testing

/// A message's bytes behind its prefix.
private func body(_ buffer: ByteBuffer) throws -> ByteBuffer {
    var rest = buffer
    let message = try #require(try BackendMessage.read(&rest, maxBytes: 1 << 20))
    #expect(rest.readableBytes == 0)
    return message
}

private func bytes(_ hex: String) -> ByteBuffer {
    ByteBuffer(bytes: hex.split(separator: " ").map { UInt8($0, radix: 16)! })
}

@Suite("Messages of a gRPC service") struct BackendMessageTests {
    @Test("a call is the envelope as it is, and the command's name behind it")
    func call() throws {
        // cmd 100, seq 7, format 1, payload `"hi"`, user `alice`.
        let envelope = bytes("10 64 18 07 30 01 7a 04 22 68 69 22 82 02 05 61 6c 69 63 65")
        var written = ByteBuffer()
        BackendMessage.write(
            call: envelope.readableBytesSpan, command: "echo", to: &written)
        let message = try body(written)
        let start = message.readerIndex
        #expect(message.getSlice(at: start, length: 20) == envelope)
        #expect(message.getSlice(at: start + 20, length: 7) == bytes("a2 02 04 65 63 68 6f"))
        #expect(message.readableBytes == 27)
    }

    @Test("hello and the result of a push are fields 1 and 2 of ToBackend")
    func toBackend() throws {
        var hello = ByteBuffer()
        LinkHello(node: "gw-1").encoded().withBytes { BackendMessage.write(hello: $0, to: &hello) }
        #expect(try body(hello) == bytes("0a 08 08 01 12 04 67 77 2d 31"))
        var result = ByteBuffer()
        BackendMessage.write(
            result: bytes("08 02 18 01").readableBytesSpan, id: 300, to: &result)
        #expect(try body(result) == bytes("12 08 08 02 18 01 80 01 ac 02"))
    }

    @Test("a push is read with its id; one without is 0 and empty")
    func push() throws {
        let push = try BackendMessage.push(
            in: bytes("08 07 12 0b 0a 03 62 6f 62 7a 04 10 eb 07 30"))
        #expect(push.id == 7)
        #expect(push.body == bytes("0a 03 62 6f 62 7a 04 10 eb 07 30"))
        let none = try BackendMessage.push(in: ByteBuffer())
        #expect(none.id == 0 && none.body.readableBytes == 0)
        #expect(throws: LinkError.badBody(.push)) {
            try BackendMessage.push(in: bytes("12 05 0a"))
        }
    }

    @Test("a message is taken when it is whole, and not before")
    func chunks() throws {
        let whole = bytes("00 00 00 00 03 01 02 03 00 00 00 00 00")
        for count in 0..<8 {
            var part = try #require(whole.getSlice(at: 0, length: count))
            #expect(try BackendMessage.read(&part, maxBytes: 3) == nil)
            #expect(part.readableBytes == count, "unchanged")
        }
        var input = whole
        #expect(try BackendMessage.read(&input, maxBytes: 3) == bytes("01 02 03"))
        #expect(try BackendMessage.read(&input, maxBytes: 3) == ByteBuffer())
        #expect(input.readableBytes == 0)
    }

    @Test("a compressed message and one over the limit are refused by their prefix")
    func refused() {
        var compressed = bytes("01 00 00 00 01")
        #expect(throws: LinkError.badBody(.reply)) {
            try BackendMessage.read(&compressed, maxBytes: 3)
        }
        var long = bytes("00 00 00 00 04")
        #expect(throws: LinkError.tooLarge(length: 4)) {
            try BackendMessage.read(&long, maxBytes: 3)
        }
    }

    @Test("only SERVING is well")
    func health() {
        #expect(BackendMessage.isServing(bytes("08 01")))
        for other in ["", "08 00", "08 02", "08 03", "08", "10 01"] {
            #expect(!BackendMessage.isServing(bytes(other)))
        }
    }
}
