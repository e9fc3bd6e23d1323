import NIOCore
import SluiceFraming
import SluiceVocabulary
import Testing

@Suite("WebSocket reader: text and close frames")
struct WebSocketTextTests {
    /// UTF-8 that is none: overlong, surrogates, too high, cut, lone continuation (RFC 3629 section 3).
    static let badTexts: [[UInt8]] = [
        [0x80], [0xBF], [0xC0, 0x80], [0xC1, 0xBF], [0xC2], [0xC2, 0x20], [0xE0, 0x80, 0x80],
        [0xE0, 0x9F, 0xBF], [0xE1, 0x80], [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xEF, 0xBF],
        [0xF0, 0x80, 0x80, 0x80], [0xF0, 0x8F, 0xBF, 0xBF], [0xF1, 0x80, 0x80],
        [0xF4, 0x90, 0x80, 0x80],
        [0xF5, 0x80, 0x80, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80], [0xFE], [0xFF],
    ]

    @Test("text that is not UTF-8 is refused, wherever in the text it is", arguments: badTexts)
    func badText(bad: [UInt8]) {
        for before in ["", "a", "sieben.", "acht....", "neun.....", "äöü€𝄞"] {
            let body = before.bytes + bad
            #expect(read(ClientFrame(opcode: 1, body: body)) == [.failed(.invalidUTF8)])
            #expect(read(ClientFrame(opcode: 1, body: body + "x".bytes)) == [.failed(.invalidUTF8)])
            #expect(read(.binary(body)) == [.binary(body)])
        }
    }

    @Test("the borders of every length of UTF-8 pass")
    func goodText() {
        let text =
            "\u{0}\u{7F}\u{80}\u{7FF}\u{800}\u{D7FF}\u{E000}\u{FFFD}\u{FFFF}\u{10000}\u{10FFFF}"
        #expect(read(.text(text)) == [.text(text)])
        for count in 0..<20 {
            let padded = String(repeating: "x", count: count) + text
            #expect(read(.text(padded)) == [.text(padded)])
        }
    }

    @Test("a character may be split between fragments at every byte")
    func splitCharacter() {
        let text = "κόσμε €𝄞"
        for cut in 0...text.utf8.count {
            let bytes = text.bytes
            #expect(
                read(
                    ClientFrame(opcode: 1, body: Array(bytes[..<cut]), isFinal: false), .ping(),
                    .more(Array(bytes[cut...]))) == [.ping(), .text(text)])
        }
    }

    @Test("a text is refused at the fragment that breaks it, not at its end")
    func earlyRefusal() {
        #expect(
            read(ClientFrame(opcode: 1, body: [0x61, 0xC0], isFinal: false), .ping())
                == [.failed(.invalidUTF8)])
        // The first half of a character, continued wrongly.
        #expect(
            read(
                ClientFrame(opcode: 1, body: [0xE2, 0x82], isFinal: false),
                .more([0x41], isFinal: false), .ping()) == [.failed(.invalidUTF8)])
        // Cut at the end of the message.
        #expect(
            read(ClientFrame(opcode: 1, body: [0x61], isFinal: false), .more([0xE2, 0x82]))
                == [.failed(.invalidUTF8)])
    }

    @Test(
        "close codes that may be sent are told (7.4)",
        arguments: [
            1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999,
            4000,
            4501, 4999,
        ])
    func goodCodes(code: Int) {
        let frame = ClientFrame.close(UInt16(code), "why")
        #expect(read(frame) == [.close(UInt16(code), frame.body)])
    }

    @Test(
        "close codes that must not be sent are refused (7.4)",
        arguments: [
            0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535,
        ])
    func badCodes(code: Int) {
        #expect(read(.close(UInt16(code))) == [.failed(.protocolError)])
    }

    @Test("a close frame has no body, or a code and a text")
    func closeBodies() {
        #expect(read(ClientFrame(opcode: 8)) == [.close(nil, [])])
        #expect(read(ClientFrame(opcode: 8, body: [3])) == [.failed(.protocolError)])
        #expect(
            read(ClientFrame(opcode: 8, body: [0x03, 0xE8, 0xC0])) == [.failed(.invalidUTF8)])
        let full = ClientFrame.close(1000, String(repeating: "x", count: 123))
        #expect(read(full) == [.close(1000, full.body)])
        #expect(
            read(.close(1000, String(repeating: "x", count: 124))) == [.failed(.protocolError)])
    }

    @Test("a close inside a fragmented message is told")
    func closeInside() {
        #expect(read(.text("a", isFinal: false), .close(1001)) == [.close(1001, [3, 0xE9])])
    }
}
