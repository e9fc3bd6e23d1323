package import NIOCore

/// Reads and trims envelopes in protobuf form without decoding them.
package enum ProtobufEnvelope {
    /// Reads an envelope's fields in place.
    ///
    /// Takes and refuses what the generated `Sluice_V1_Envelope` does, with the same values: the last
    /// of several counts, a known field of another wire type is an unknown one.
    package static func scan(_ bytes: RawSpan) throws(EnvelopeError) -> EnvelopeView {
        var view = EnvelopeView()
        var reader = ProtobufReader()
        while let tag = try reader.nextTag(bytes) {
            switch tag {
            case 1 << 3: view.version = UInt32(truncatingIfNeeded: try reader.varint(bytes))
            case 2 << 3: view.cmd = UInt32(truncatingIfNeeded: try reader.varint(bytes))
            case 3 << 3: view.seq = try reader.varint(bytes)
            case 4 << 3: view.status = UInt32(truncatingIfNeeded: try reader.varint(bytes))
            case 5 << 3: view.kind = UInt32(truncatingIfNeeded: try reader.varint(bytes))
            case 6 << 3: view.format = UInt32(truncatingIfNeeded: try reader.varint(bytes))
            case 7 << 3 | 2: view.topic = try text(reader: &reader, bytes)
            case 8 << 3:
                view.deadlineMilliseconds = UInt32(truncatingIfNeeded: try reader.varint(bytes))
            case 9 << 3 | 2: view.trace = try text(reader: &reader, bytes)
            case 10 << 3 | 2: view.key = try text(reader: &reader, bytes)
            case 11 << 3: view.deliveryClass = UInt32(truncatingIfNeeded: try reader.varint(bytes))
            case 15 << 3 | 2: view.payload = try reader.lengthDelimited(bytes)
            default: try other(tag, reader: &reader, bytes, view: &view)
            }
        }
        return view
    }

    @inline(__always)
    private static func text(
        reader: inout ProtobufReader, _ bytes: RawSpan
    ) throws(EnvelopeError) -> ByteRange {
        let range = try reader.lengthDelimited(bytes)
        guard UTF8Check.isValid(bytes, in: range.range) else { throw .invalidUTF8 }
        return range
    }

    /// Unknown fields, and the gateway's own, whose texts must be UTF-8 like all others.
    private static func other(
        _ tag: UInt32, reader: inout ProtobufReader, _ bytes: RawSpan, view: inout EnvelopeView
    ) throws(EnvelopeError) {
        if (32...63).contains(tag >> 3) { view.hasGatewayFields = true }
        switch tag {
        case 32 << 3 | 2, 33 << 3 | 2, 34 << 3 | 2, 35 << 3 | 2:
            _ = try text(reader: &reader, bytes)
        default: try reader.skip(tag, bytes)
        }
    }

    /// The text at `range`, which `scan` has found to be UTF-8.
    package static func text(_ range: ByteRange, in bytes: RawSpan) -> String {
        range.isEmpty ? "" : bytes.text(range.range)
    }

    /// Appends all fields except 32...63 (duplicates and wrong types too), byte for byte.
    ///
    /// - Parameter bytes: an envelope; what `scan` refuses is refused here too, but for UTF-8.
    package static func appendWithoutGatewayFields(
        _ bytes: RawSpan, to buffer: inout ByteBuffer
    ) throws(EnvelopeError) {
        var reader = ProtobufReader()
        var keptFrom = 0
        var fieldStart = 0
        while let tag = try reader.nextTag(bytes) {
            try reader.skip(tag, bytes)
            if (32...63).contains(tag >> 3) {
                buffer.writeBytes(bytes.extracting(keptFrom..<fieldStart))
                keptFrom = reader.position
            }
            fieldStart = reader.position
        }
        buffer.writeBytes(bytes.extracting(keptFrom..<bytes.byteCount))
    }
}
