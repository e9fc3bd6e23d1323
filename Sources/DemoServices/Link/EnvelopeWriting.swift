import NIOCore
import SluiceFraming

/// Envelopes as a service writes and reads them, beside what Framing offers gateways.
enum ServiceEnvelope {
    /// Appends an envelope in protobuf form; zeros are left out.
    static func append(
        cmd: UInt32, seq: UInt64, status: UInt32 = 0, kind: EnvelopeKind, format: UInt32,
        payload: RawSpan, to buffer: inout ByteBuffer
    ) {
        buffer.reserveCapacity(minimumWritableBytes: payload.byteCount + 48)
        append(field: 2, UInt64(cmd), to: &buffer)
        append(field: 3, seq, to: &buffer)
        append(field: 4, UInt64(status), to: &buffer)
        append(field: 5, UInt64(kind.rawValue), to: &buffer)
        append(field: 6, UInt64(format), to: &buffer)
        guard payload.byteCount > 0 else { return }
        buffer.writeInteger(UInt8(15 << 3 | 2))
        append(varint: UInt64(payload.byteCount), to: &buffer)
        buffer.writeBytes(payload)
    }

    private static func append(field: UInt8, _ value: UInt64, to buffer: inout ByteBuffer) {
        guard value != 0 else { return }
        buffer.writeInteger(field << 3)
        append(varint: value, to: &buffer)
    }

    private static func append(varint value: UInt64, to buffer: inout ByteBuffer) {
        var rest = value
        while rest >= 0x80 {
            buffer.writeInteger(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        buffer.writeInteger(UInt8(truncatingIfNeeded: rest))
    }

    /// The user on whose behalf the gateway calls: envelope field 32, the last of several.
    ///
    /// - Parameter bytes: an envelope that `ProtobufEnvelope.scan` took.
    /// - Returns: nil where the gateway stamped nobody. Also behind a group (wire types 3 and 4,
    ///   given up by protobuf long ago): whose field is whose is not worth telling apart there.
    static func user(in bytes: RawSpan) -> String? {
        var reader = FieldReader()
        var found: Range<Int>?
        while let field = reader.next(bytes) {
            if field.tag == 32 << 3 | 2 { found = field.value }
        }
        guard let found, !found.isEmpty, reader.position == bytes.byteCount else { return nil }
        return ProtobufEnvelope.text(
            ByteRange(start: Int32(found.lowerBound), count: Int32(found.count)), in: bytes)
    }
}

/// Walks the fields of protobuf bytes; stops before the end where they are broken.
private struct FieldReader {
    private(set) var position = 0

    /// The next field's tag and where its value lies.
    mutating func next(_ bytes: RawSpan) -> (tag: UInt64, value: Range<Int>)? {
        guard position < bytes.byteCount, let tag = varint(bytes) else { return nil }
        let start: Int
        switch tag & 7 {
        case 0:
            start = position
            guard varint(bytes) != nil else { return nil }
        case 1:
            start = position
            position += 8
        case 2:
            guard let count = varint(bytes), count <= UInt64(bytes.byteCount - position) else {
                return nil
            }
            start = position
            position += Int(count)
        case 5:
            start = position
            position += 4
        default: return nil
        }
        return position <= bytes.byteCount ? (tag, start..<position) : nil
    }

    private mutating func varint(_ bytes: RawSpan) -> UInt64? {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while position < bytes.byteCount, shift < 64 {
            let byte = bytes.byte(at: position)
            position += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
        return nil
    }
}
