import NIOCore
import SluiceFraming
import SluiceVocabulary
import Testing

@Suite("WebSocket reader: RFC 6455, server side")
struct WebSocketReaderTests {
    @Test("the masked example of section 5.7 reads as Hello")
    func example() {
        #expect(read([hex("81 85 37 fa 21 3d 7f 9f 4d 51 58")]) == [.text("Hello")])
    }

    @Test(
        "messages of every length form arrive unmasked",
        arguments: [
            0, 1, 7, 8, 9, 125, 126, 127, 128, 65_535, 65_536, 70_001,
        ])
    func lengths(count: Int) {
        var random = Seeded(UInt64(count))
        var frame = ClientFrame.binary(random.bytes(count))
        frame.key = random.bytes(4)
        #expect(read(frame, maxMessageBytes: 100_000) == [.binary(frame.body)])
    }

    @Test("several messages in one read come one by one, in order")
    func pipelined() {
        #expect(
            read(.text("a"), .binary([1, 2]), .ping([9]), .text("b"))
                == [.text("a"), .binary([1, 2]), .ping([9]), .text("b")])
    }

    @Test("fragments are put together; control frames between them come at once")
    func fragments() {
        #expect(
            read(
                .text("Hel", isFinal: false), .ping([1]), .more("lo ".bytes, isFinal: false),
                .pong([2]), .more([], isFinal: false), .more("you".bytes), .text("next"))
                == [.ping([1]), .pong([2]), .text("Hello you"), .text("next")])
    }

    @Test("a message of nothing but empty fragments is an empty message")
    func emptyFragments() {
        #expect(
            read(.binary([], isFinal: false), .more([], isFinal: false), .more([])) == [.binary([])]
        )
    }

    @Test("a frame without a mask is refused (5.1)", arguments: [UInt8(0), 1, 2, 8, 9, 10])
    func unmasked(opcode: UInt8) {
        #expect(read(ClientFrame(opcode: opcode, isMasked: false)) == [.failed(.protocolError)])
    }

    @Test("reserved bits are refused (5.2)", arguments: 1...7)
    func reservedBits(bits: Int) {
        #expect(
            read(ClientFrame(opcode: 1, reserved: UInt8(bits))) == [.failed(.protocolError)])
        #expect(
            read(ClientFrame(opcode: 9, reserved: UInt8(bits))) == [.failed(.protocolError)])
    }

    @Test("reserved opcodes are refused (5.2)", arguments: [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
    func reservedOpcodes(opcode: Int) {
        #expect(read(ClientFrame(opcode: UInt8(opcode))) == [.failed(.protocolError)])
    }

    @Test("a control frame may have 125 bytes, not 126 (5.5)", arguments: [UInt8(9), 10])
    func controlSize(opcode: UInt8) {
        let body = [UInt8](repeating: 7, count: 125)
        let event: WebSocketEvent = opcode == 9 ? .ping : .pong
        #expect(read(ClientFrame(opcode: opcode, body: body)) == [.event(event, body)])
        #expect(
            read(ClientFrame(opcode: opcode, body: body + [7])) == [.failed(.protocolError)])
        #expect(
            read(ClientFrame(opcode: opcode, body: [1], form: .sixteenBits))
                == [.failed(.protocolError)])
    }

    @Test("a control frame must not be fragmented (5.5)", arguments: [UInt8(8), 9, 10])
    func controlFragment(opcode: UInt8) {
        #expect(read(ClientFrame(opcode: opcode, isFinal: false)) == [.failed(.protocolError)])
    }

    @Test("a continuation of nothing, and a new message inside a message, are refused (5.4)")
    func order() {
        #expect(read(.more([1])) == [.failed(.protocolError)])
        #expect(read(.more([1], isFinal: false)) == [.failed(.protocolError)])
        #expect(
            read(.text("a", isFinal: false), .text("b")) == [.failed(.protocolError)])
        #expect(
            read(.text("a", isFinal: false), .binary([1], isFinal: false))
                == [.failed(.protocolError)])
        #expect(
            read(.text("a"), .more("b".bytes)) == [.text("a"), .failed(.protocolError)])
    }

    @Test("lengths must be in their shortest form and below 2^63 (5.2)")
    func nonMinimal() {
        #expect(
            read(ClientFrame(opcode: 2, body: [1], form: .sixteenBits)) == [.failed(.protocolError)]
        )
        #expect(
            read(ClientFrame(opcode: 2, body: [1], form: .sixtyFourBits))
                == [.failed(.protocolError)])
        let short = [UInt8](repeating: 1, count: 125)
        #expect(
            read(ClientFrame(opcode: 2, body: short, form: .sixteenBits))
                == [.failed(.protocolError)])
        let long = [UInt8](repeating: 1, count: 0xFFFF)
        #expect(
            read(ClientFrame(opcode: 2, body: long, form: .sixtyFourBits))
                == [.failed(.protocolError)])
        #expect(
            read([hex("82 ff 80 00 00 00 00 00 00 01 00 00 00 00")]) == [.failed(.protocolError)])
    }

    @Test("a message of exactly the limit passes; one more byte is refused from its header alone")
    func sizeLimit() {
        let body = [UInt8](repeating: 1, count: 1_000)
        #expect(read(.binary(body), maxMessageBytes: 1_000) == [.binary(body)])
        let header = Array(ClientFrame.binary(body).bytes.prefix(4))
        #expect(read([header], maxMessageBytes: 999) == [.failed(.tooLarge)])
        #expect(
            read([hex("82 ff 7f ff ff ff ff ff ff ff")], maxMessageBytes: 999)
                == [.failed(.tooLarge)])
    }

    @Test("the limit counts all fragments of a message together")
    func fragmentLimit() {
        let half = [UInt8](repeating: 1, count: 500)
        #expect(
            read(.binary(half, isFinal: false), .more(half), maxMessageBytes: 1_000)
                == [.binary(half + half)])
        #expect(
            read(.binary(half, isFinal: false), .more(half + [1]), maxMessageBytes: 1_000)
                == [.failed(.tooLarge)])
        // A control frame in between is no part of the message.
        #expect(
            read(
                .binary(half, isFinal: false), .ping(half.prefix(125) + []), .more(half),
                maxMessageBytes: 1_000) == [.ping(Array(half.prefix(125))), .binary(half + half)])
    }

    @Test("a reader is at most 64 bytes and holds no buffer between messages")
    func size() throws {
        #expect(MemoryLayout<WebSocketReader>.size <= 64)
        var reader = WebSocketReader(maxMessageBytes: 100)
        var input = ByteBuffer(bytes: ClientFrame.text("a", isFinal: false).bytes)
        var scratch = ByteBuffer()
        #expect(try reader.next(&input, scratch: &scratch) == nil)
        #expect(reader.isInsideMessage)
        input.writeBytes(ClientFrame.more([0x62]).bytes)
        #expect(try reader.next(&input, scratch: &scratch) == .message(isText: true))
        #expect(!reader.isInsideMessage && input.readableBytes == 0)
    }
}
