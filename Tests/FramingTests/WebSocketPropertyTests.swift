import NIOCore
import SluiceFraming
import SluiceVocabulary
import Testing

@Suite("WebSocket reader: properties")
struct WebSocketPropertyTests {
    /// A stream of frames, most of them good.
    static func stream(_ random: inout Seeded) -> [UInt8] {
        var frames: [ClientFrame] = []
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            switch Int.random(in: 0..<7, using: &random) {
            case 0:
                frames.append(
                    .text(random.pick(["", "hi", "κόσμε", String(repeating: "ä", count: 90)])))
            case 1: frames.append(.binary(random.bytes(random.pick([0, 3, 125, 126, 200]))))
            case 2: frames.append(.ping(random.bytes(random.pick([0, 4, 125]))))
            case 3:
                frames += [.text("a\u{20AC}", isFinal: false), .ping([1]), .more("€".bytes)]
            case 4:
                frames += [.binary([1, 2], isFinal: false), .more([3], isFinal: false), .more([])]
            case 5: frames.append(.pong(random.bytes(3)))
            default:
                frames.append(.close(random.pick([1000, 1005, 4000]), random.pick(["", "bye"])))
            }
        }
        for index in frames.indices { frames[index].key = random.bytes(4) }
        var bytes = frames.flatMap(\.bytes)
        if random.chance(40) {
            bytes[Int.random(in: 0..<bytes.count, using: &random)] ^=
                1 << UInt8.random(in: 0..<8, using: &random)
        }
        return bytes
    }

    @Test("however the input is cut, the events are the same")
    func cuts() {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("WebSocket cuts: seed \(seed)")
        var random = Seeded(seed)
        for _ in 0..<300 {
            let bytes = Self.stream(&random)
            let whole = read([bytes], maxMessageBytes: 400)
            #expect(
                read(bytes.map { [$0] }, maxMessageBytes: 400) == whole, "seed \(seed), bytewise")
            for cut in 0...bytes.count {
                let pieces = [Array(bytes[..<cut]), Array(bytes[cut...])]
                guard read(pieces, maxMessageBytes: 400) == whole else {
                    Issue.record("seed \(seed): cut at \(cut) of \(bytes.hexText)")
                    return
                }
            }
        }
    }

    @Test("what the reader does not consume stays, and nothing else")
    func leftovers() throws {
        var reader = WebSocketReader(maxMessageBytes: 1_000)
        var scratch = ByteBuffer()
        let frame = ClientFrame.text("hello").bytes
        for count in 0..<frame.count {
            var input = ByteBuffer(bytes: frame.prefix(count))
            #expect(try reader.next(&input, scratch: &scratch) == nil)
            #expect(input.array == Array(frame.prefix(count)))
        }
        var input = ByteBuffer(bytes: frame + [0x81])
        #expect(try reader.next(&input, scratch: &scratch) == .message(isText: true))
        #expect(input.array == [0x81])
    }

    @Test("random bytes never crash the reader, and it always comes to an end")
    func noise() {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("WebSocket noise: seed \(seed)")
        var random = Seeded(seed)
        for _ in 0..<20_000 {
            var bytes = random.bytes(Int.random(in: 0...40, using: &random))
            if !bytes.isEmpty { bytes[0] &= 0x8F }
            if bytes.count > 1 { bytes[1] |= 0x80 }
            #expect(read([bytes], maxMessageBytes: 30).count <= bytes.count + 1)
        }
    }

    @Test("unmasking works at every offset and length")
    func unmasking() {
        var random = Seeded(1)
        for count in 0...70 {
            let key = random.bytes(4)
            var frame = ClientFrame.binary(random.bytes(count))
            frame.key = key
            // Two pings of growing size before it move the frame to another alignment.
            for shift in 0..<9 {
                #expect(
                    read(.ping([UInt8](repeating: 1, count: shift)), frame).last
                        == .binary(frame.body))
            }
        }
    }
}
