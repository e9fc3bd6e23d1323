import NIOCore

/// RFC 6455 section 11.8.
enum WebSocketOpcode: UInt8 {
    case continuation = 0
    case text = 1
    case binary = 2
    case close = 8
    case ping = 9
    case pong = 10

    var isControl: Bool { rawValue >= 8 }
}

/// Headers of the messages the gateway sends.
enum FrameHeader {
    /// Appends what comes before a message of `count` bytes.
    @inline(__always)
    static func write(
        count: Int, isText: Bool, wire: ClientEncoder.Wire, into buffer: inout ByteBuffer
    ) {
        switch wire {
        case .lengthPrefixed: buffer.writeInteger(UInt32(truncatingIfNeeded: count))
        case .webSocket:
            let first: UInt16 = isText ? 0x8100 : 0x8200
            // The shortest length form, as section 5.2 demands.
            if count <= 125 {
                buffer.writeInteger(first | UInt16(truncatingIfNeeded: count))
            } else if count <= 0xFFFF {
                buffer.writeInteger(UInt32(first | 126) << 16 | UInt32(truncatingIfNeeded: count))
            } else {
                buffer.writeMultipleIntegers(first | 127, UInt64(count))
            }
        }
    }

    /// - Parameter count: at most 125 (section 5.5).
    @inline(__always)
    static func writeControl(_ opcode: WebSocketOpcode, count: Int, into buffer: inout ByteBuffer) {
        buffer.writeInteger(
            0x8000 | UInt16(opcode.rawValue) << 8 | UInt16(truncatingIfNeeded: count))
    }
}
