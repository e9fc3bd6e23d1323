import NIOCore

/// Base64 with the standard alphabet and padding (RFC 4648 section 4), strict: canonical, no breaks.
enum Base64 {
    /// Characters that `count` bytes become.
    @inline(__always)
    static func encodedCount(_ count: Int) -> Int { (count + 2) / 3 * 4 }

    /// Appends the base64 form of `bytes`.
    static func append(_ bytes: RawSpan, to buffer: inout ByteBuffer) {
        buffer.writeWithOutputRawSpan(minimumWritableBytes: encodedCount(bytes.byteCount)) {
            output in
            var index = 0
            while index &+ 3 <= bytes.byteCount {
                append(
                    UInt32(bytes.byte(at: index)) << 16 | UInt32(bytes.byte(at: index &+ 1)) << 8
                        | UInt32(bytes.byte(at: index &+ 2)), characters: 4, to: &output)
                index &+= 3
            }
            switch bytes.byteCount &- index {
            case 1: append(UInt32(bytes.byte(at: index)) << 16, characters: 2, to: &output)
            case 2:
                append(
                    UInt32(bytes.byte(at: index)) << 16 | UInt32(bytes.byte(at: index &+ 1)) << 8,
                    characters: 3, to: &output)
            default: break
            }
        }
    }

    /// Appends the characters of 24 bits, `=` for those that hold none of the input.
    @inline(__always)
    private static func append(_ group: UInt32, characters: Int, to output: inout OutputRawSpan) {
        output.append(character(group >> 18))
        output.append(character(group >> 12 & 63))
        output.append(characters > 2 ? character(group >> 6 & 63) : 0x3D)
        output.append(characters > 3 ? character(group & 63) : 0x3D)
    }

    @inline(__always)
    private static func character(_ value: UInt32) -> UInt8 {
        let byte = UInt8(truncatingIfNeeded: value)
        return switch byte {
        case 0..<26: byte &+ 0x41
        case 26..<52: byte &+ 0x47
        case 52..<62: byte &- 4
        case 62: 0x2B
        default: 0x2F
        }
    }

    /// The value of a character; nil for all others, `=` among them.
    @inline(__always)
    static func value(_ character: UInt8) -> UInt32? {
        switch character {
        case 0x41...0x5A: UInt32(character &- 0x41)
        case 0x61...0x7A: UInt32(character &- 0x47)
        case 0x30...0x39: UInt32(character &+ 4)
        case 0x2B: 62
        case 0x2F: 63
        default: nil
        }
    }

    /// Decodes a JSON string's characters (escapes such as `\/` are resolved on the way).
    ///
    /// - Parameter sink: gets every decoded byte, in order.
    /// - Returns: false where the text is not strict base64; bytes may have been given out by then.
    @inline(__always)
    static func decode(_ range: ByteRange, in bytes: RawSpan, sink: (UInt8) -> Void) -> Bool {
        var position = range.range.lowerBound
        let end = range.range.upperBound
        var group: UInt32 = 0
        var count = 0
        var padding = 0
        while position < end {
            let character: UInt8
            switch JSONString.next(bytes, &position, end: end) {
            case .byte(let byte): character = byte
            case .scalar(let scalar) where scalar.isASCII:
                character = UInt8(truncatingIfNeeded: scalar.value)
            default: return false
            }
            if character == 0x3D {
                padding &+= 1
                guard count >= 2, count &+ padding <= 4 else { return false }
                continue
            }
            guard padding == 0, let value = value(character) else { return false }
            group = group << 6 | value
            count &+= 1
            if count == 4 {
                sink(UInt8(truncatingIfNeeded: group >> 16))
                sink(UInt8(truncatingIfNeeded: group >> 8))
                sink(UInt8(truncatingIfNeeded: group))
                group = 0
                count = 0
            }
        }
        return finish(group: group, count: count, padding: padding, sink: sink)
    }

    /// The last group; the bits that no byte takes must be zero (RFC 4648 section 3.5).
    @inline(__always)
    private static func finish(group: UInt32, count: Int, padding: Int, sink: (UInt8) -> Void)
        -> Bool
    {
        switch (count, padding) {
        case (0, 0): return true
        case (2, 2):
            sink(UInt8(truncatingIfNeeded: group >> 4))
            return group & 0xF == 0
        case (3, 1):
            sink(UInt8(truncatingIfNeeded: group >> 10))
            sink(UInt8(truncatingIfNeeded: group >> 2))
            return group & 3 == 0
        default: return false
        }
    }
}
