import NIOCore
import SluiceFraming
import SluiceVocabulary

/// A frame as a client writes it, with everything that can be wrong about it.
struct ClientFrame {
    enum LengthForm { case shortest, sixteenBits, sixtyFourBits }

    var opcode: UInt8
    var body: [UInt8] = []
    var isFinal = true
    var reserved: UInt8 = 0
    var isMasked = true
    var key: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]
    var form = LengthForm.shortest

    static func text(_ text: String, isFinal: Bool = true) -> Self {
        Self(opcode: 1, body: text.bytes, isFinal: isFinal)
    }
    static func binary(_ body: [UInt8], isFinal: Bool = true) -> Self {
        Self(opcode: 2, body: body, isFinal: isFinal)
    }
    static func more(_ body: [UInt8], isFinal: Bool = true) -> Self {
        Self(opcode: 0, body: body, isFinal: isFinal)
    }
    static func close(_ code: UInt16, _ reason: String = "") -> Self {
        Self(opcode: 8, body: [UInt8(code >> 8), UInt8(code & 255)] + reason.bytes)
    }
    static func ping(_ body: [UInt8] = []) -> Self { Self(opcode: 9, body: body) }
    static func pong(_ body: [UInt8] = []) -> Self { Self(opcode: 10, body: body) }

    var bytes: [UInt8] {
        var bytes: [UInt8] = [(isFinal ? 0x80 : 0) | reserved << 4 | opcode]
        let mask: UInt8 = isMasked ? 0x80 : 0
        switch form {
        case .shortest where body.count <= 125: bytes.append(mask | UInt8(body.count))
        case .sixteenBits,
            .shortest where body.count <= 0xFFFF:
            bytes += [mask | 126, UInt8(body.count >> 8), UInt8(body.count & 255)]
        default:
            bytes.append(mask | 127)
            bytes += stride(from: 56, through: 0, by: -8).map { UInt8(body.count >> $0 & 255) }
        }
        guard isMasked else { return bytes + body }
        return bytes + key + body.enumerated().map { $1 ^ key[$0 % 4] }
    }
}

/// What a reader made of bytes: an event with the body it left, or the end.
enum Seen: Equatable, CustomStringConvertible {
    case event(WebSocketEvent, [UInt8])
    case failed(CloseReason)

    static func text(_ text: String) -> Self { .event(.message(isText: true), text.bytes) }
    static func binary(_ body: [UInt8]) -> Self { .event(.message(isText: false), body) }
    static func ping(_ body: [UInt8] = []) -> Self { .event(.ping, body) }
    static func pong(_ body: [UInt8] = []) -> Self { .event(.pong, body) }
    static func close(_ code: UInt16?, _ body: [UInt8]) -> Self { .event(.close(code: code), body) }

    var description: String {
        switch self {
        case .event(let event, let body): "\(event) \(body.hexText)"
        case .failed(let reason): "failed: \(reason.name)"
        }
    }
}

/// Gives the pieces to one reader, one after the other, until it fails or closes.
func read(_ pieces: [[UInt8]], maxMessageBytes: Int = 65_536) -> [Seen] {
    var reader = WebSocketReader(maxMessageBytes: maxMessageBytes)
    var input = ByteBuffer()
    var scratch = ByteBuffer(string: "what an earlier connection left")
    var seen: [Seen] = []
    for piece in pieces {
        input.writeBytes(piece)
        do throws(WebSocketError) {
            while let event = try reader.next(&input, scratch: &scratch) {
                seen.append(.event(event, scratch.array))
                if case .close = event { return seen }
            }
        } catch {
            return seen + [.failed(error.closeReason)]
        }
    }
    return seen
}

func read(_ frames: ClientFrame..., maxMessageBytes: Int = 65_536) -> [Seen] {
    read([frames.flatMap(\.bytes)], maxMessageBytes: maxMessageBytes)
}
