import NIOCore

/// Writes JSON strings.
enum JSONText {
    /// Appends `text` in quotes; only what RFC 8259 section 7 demands is escaped.
    static func append(_ text: String, to buffer: inout ByteBuffer) {
        buffer.writeInteger(UInt8(ascii: "\""))
        text.withBytes { bytes in
            var start = 0
            var position = 0
            while position < bytes.byteCount {
                let byte = bytes.byte(at: position)
                if byte < 0x20 || byte == 0x22 || byte == 0x5C {
                    buffer.writeBytes(bytes.extracting(start..<position))
                    append(byte, to: &buffer)
                    start = position + 1
                }
                position &+= 1
            }
            buffer.writeBytes(bytes.extracting(start..<position))
        }
        buffer.writeInteger(UInt8(ascii: "\""))
    }

    private static func append(_ byte: UInt8, to buffer: inout ByteBuffer) {
        switch byte {
        case 0x22: buffer.writeStaticString("\\\"")
        case 0x5C: buffer.writeStaticString("\\\\")
        case 0x0A: buffer.writeStaticString("\\n")
        case 0x0D: buffer.writeStaticString("\\r")
        case 0x09: buffer.writeStaticString("\\t")
        case 0..<0x20:
            buffer.writeStaticString("\\u00")
            buffer.writeInteger(hexadecimalDigit(byte >> 4))
            buffer.writeInteger(hexadecimalDigit(byte & 15))
        default: buffer.writeInteger(byte)
        }
    }

    private static func hexadecimalDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? value + 0x30 : value + 0x57
    }
}
