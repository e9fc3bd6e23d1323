/// Walks the fields of a protobuf message in place.
///
/// It takes and refuses exactly what SwiftProtobuf's decoder does, which a differential test proves;
/// where the two would be free to differ, the comments say what SwiftProtobuf does.
///
/// It holds a position alone: every call is given the same bytes.
struct ProtobufReader {
    /// Next byte to read.
    private(set) var position = 0

    /// Groups may nest this deep: SwiftProtobuf's `BinaryDecodingOptions.messageDepthLimit` of 100,
    /// of which the message itself takes one.
    private static let groupDepthLimit = 99

    /// Reads the next field's tag.
    ///
    /// - Returns: field number << 3 | wire type, or nil at the end of the message.
    @inline(__always)
    mutating func nextTag(_ bytes: RawSpan) throws(EnvelopeError) -> UInt32? {
        if position >= bytes.byteCount { return nil }
        let first = bytes.byte(at: position)
        if first < 0x80 {
            // Field numbers 1-15, which is nearly always.
            guard first >= 8 else { throw .malformedProtobuf }
            position &+= 1
            return UInt32(first)
        }
        return try longTag(bytes)
    }

    /// At most five bytes, the last at most 15 (so a tag fits 32 bits); shorter overlong forms count.
    private mutating func longTag(_ bytes: RawSpan) throws(EnvelopeError) -> UInt32 {
        var value: UInt32 = 0
        var shift: UInt32 = 0
        while true {
            guard position < bytes.byteCount else { throw .malformedProtobuf }
            let byte = bytes.byte(at: position)
            if shift == 28 && byte > 15 { throw .malformedProtobuf }
            position &+= 1
            value |= UInt32(byte & 0x7F) << shift
            if byte < 0x80 { break }
            shift &+= 7
        }
        guard value >= 8 else { throw .malformedProtobuf }
        return value
    }

    /// Reads a varint of at most ten bytes; bits beyond 64 are dropped.
    @inline(__always)
    mutating func varint(_ bytes: RawSpan) throws(EnvelopeError) -> UInt64 {
        if position < bytes.byteCount {
            let first = bytes.byte(at: position)
            if first < 0x80 {
                position &+= 1
                return UInt64(first)
            }
        }
        return try longVarint(bytes)
    }

    private mutating func longVarint(_ bytes: RawSpan) throws(EnvelopeError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            guard position < bytes.byteCount, shift <= 63 else { throw .malformedProtobuf }
            let byte = bytes.byte(at: position)
            position &+= 1
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift &+= 7
        }
    }

    /// Reads a length and steps over that many bytes.
    @inline(__always)
    mutating func lengthDelimited(_ bytes: RawSpan) throws(EnvelopeError) -> ByteRange {
        let count = try varint(bytes)
        guard count <= UInt64(bytes.byteCount &- position) else { throw .malformedProtobuf }
        let start = position
        position &+= Int(count)
        return ByteRange(start, position)
    }

    /// Steps over the value of the field whose tag was just read.
    mutating func skip(_ tag: UInt32, _ bytes: RawSpan) throws(EnvelopeError) {
        try skip(tag, bytes, depth: 0)
    }

    private mutating func skip(
        _ tag: UInt32, _ bytes: RawSpan, depth: Int
    ) throws(EnvelopeError) {
        switch tag & 7 {
        case 0: _ = try varint(bytes)
        case 1: try skipBytes(8, bytes)
        case 2: _ = try lengthDelimited(bytes)
        case 3: try skipGroup(tag, bytes, depth: depth + 1)
        case 5: try skipBytes(4, bytes)
        // 4 is the end of a group nobody opened; 6 and 7 do not exist.
        default: throw .malformedProtobuf
        }
    }

    private mutating func skipBytes(_ count: Int, _ bytes: RawSpan) throws(EnvelopeError) {
        guard bytes.byteCount &- position >= count else { throw .malformedProtobuf }
        position &+= count
    }

    /// Steps over a group's fields and its end tag. Tags inside may be up to ten bytes long
    /// as long as their value fits 32 bits, as SwiftProtobuf has it.
    private mutating func skipGroup(
        _ start: UInt32, _ bytes: RawSpan, depth: Int
    ) throws(EnvelopeError) {
        guard depth <= Self.groupDepthLimit else { throw .malformedProtobuf }
        while true {
            let value = try varint(bytes)
            guard value < UInt64(UInt32.max), value >= 8 else { throw .malformedProtobuf }
            let tag = UInt32(truncatingIfNeeded: value)
            if tag & 7 == 4 {
                guard tag >> 3 == start >> 3 else { throw .malformedProtobuf }
                return
            }
            try skip(tag, bytes, depth: depth)
        }
    }
}
