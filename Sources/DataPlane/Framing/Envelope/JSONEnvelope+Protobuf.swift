package import NIOCore

extension JSONEnvelope {
    /// Appends a request in protobuf form, for a service: version, cmd, seq, format, topic, trace, key
    /// and payload. What else the client wrote is the gateway's to say, or nobody's.
    ///
    /// - Parameters:
    ///   - view: what `scan` made of exactly these bytes.
    ///   - buffer: untouched when this throws.
    package static func appendProtobuf(
        _ view: EnvelopeView, from bytes: RawSpan, to buffer: inout ByteBuffer
    ) throws(EnvelopeError) {
        var head = StackBytes<40>()
        head.append(field: 1, varint: UInt64(view.version))
        head.append(field: 2, varint: UInt64(view.cmd))
        head.append(field: 3, varint: view.seq)
        head.append(field: 6, varint: UInt64(view.format))
        let start = buffer.writerIndex
        head.write(to: &buffer)
        append(text: view.topic, field: 7, view, from: bytes, to: &buffer)
        append(text: view.trace, field: 9, view, from: bytes, to: &buffer)
        append(text: view.key, field: 10, view, from: bytes, to: &buffer)
        do throws(EnvelopeError) {
            try appendPayload(view, from: bytes, to: &buffer)
        } catch {
            buffer.moveWriterIndex(to: start)
            throw error
        }
    }

    private static func append(
        text range: ByteRange, field: UInt8, _ view: EnvelopeView, from bytes: RawSpan,
        to buffer: inout ByteBuffer
    ) {
        guard !range.isEmpty else { return }
        if view.hasEscapes {
            let text = text(range, in: bytes)
            appendTag(field: field, count: text.utf8.count, to: &buffer)
            buffer.writeString(text)
        } else {
            appendTag(field: field, count: Int(range.count), to: &buffer)
            buffer.writeBytes(bytes.extracting(range.range))
        }
    }

    private static func appendPayload(
        _ view: EnvelopeView, from bytes: RawSpan, to buffer: inout ByteBuffer
    ) throws(EnvelopeError) {
        guard !view.payload.isEmpty else { return }
        guard view.isPayloadBase64 else {
            appendTag(field: 15, count: Int(view.payload.count), to: &buffer)
            buffer.writeBytes(bytes.extracting(view.payload.range))
            return
        }
        // The length comes before the bytes, so base64 is read twice: to count and to write.
        var count = 0
        guard Base64.decode(view.payload, in: bytes, sink: { _ in count &+= 1 }) else {
            throw .badBase64
        }
        appendTag(field: 15, count: count, to: &buffer)
        buffer.reserveCapacity(minimumWritableBytes: count)
        _ = Base64.decode(view.payload, in: bytes, sink: { buffer.writeInteger($0) })
    }

    @inline(__always)
    private static func appendTag(field: UInt8, count: Int, to buffer: inout ByteBuffer) {
        var tag = FieldBytes()
        tag.append(field << 3 | 2)
        tag.append(varint: UInt64(count))
        tag.write(to: &buffer)
    }
}
