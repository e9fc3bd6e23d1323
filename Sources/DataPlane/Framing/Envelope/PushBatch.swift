package import NIOCore
package import SluiceVocabulary

/// Pushes of one turn on their way into one envelope (version 2, cmd 14 `pushes`).
///
/// Holds each push as the envelope it would be on its own: in protobuf as field 1 of message
/// `Pushes`, in JSON as items of a list. One push alone leaves as itself.
package struct PushBatch {
    fileprivate(set) var bytes: ByteBuffer
    /// Pushes so far.
    package fileprivate(set) var count: Int32 = 0
    /// Bytes before the first push's own.
    fileprivate var lead: Int32 = 0

    /// - Parameter buffer: empty; `storage` gives it back.
    package init(in buffer: ByteBuffer) { bytes = buffer }

    /// The buffer, to be used again.
    package var storage: ByteBuffer { bytes }

    /// Bytes gathered so far.
    package var byteCount: Int { bytes.readableBytes }
}

@available(*, unavailable)
extension PushBatch: Sendable {}

extension ClientEncoder {
    /// Adds a push to a batch.
    ///
    /// - Throws: `payloadNotJSON` as `envelope` does; the batch is as before then.
    package func add(
        _ head: EnvelopeHead, payload: RawSpan, codec: Codec, to batch: inout PushBatch
    ) throws(EnvelopeError) {
        var bytes = HeadBytes()
        switch codec {
        case .protobuf:
            bytes.append(protobuf: head)
            if payload.byteCount > 0 {
                bytes.append(15 << 3 | 2)
                bytes.append(varint: UInt64(payload.byteCount))
            }
            var field = FieldBytes()
            field.append(1 << 3 | 2)
            field.append(varint: UInt64(bytes.count + payload.byteCount))
            if batch.count == 0 { batch.lead = Int32(field.count) }
            field.write(to: &batch.bytes)
            bytes.write(to: &batch.bytes)
            batch.bytes.writeBytes(payload)
        case .json:
            let isData = head.format == PayloadFormat.json.rawValue
            if isData, payload.byteCount > 0, !JSONEnvelope.isWellFormed(payload) {
                throw .payloadNotJSON
            }
            if batch.count > 0 { batch.bytes.writeInteger(UInt8(ascii: ",")) }
            bytes.append(json: head)
            _ = Self.openPayload(&bytes, payload, isData: isData)
            bytes.write(to: &batch.bytes)
            Self.writePayload(payload, isData: isData, into: &batch.bytes)
        }
        batch.count += 1
    }

    /// Appends a batch of at least one push: that push, or all of them in one cmd 14.
    package func pushes(
        _ batch: PushBatch, codec: Codec, wire: Wire, into buffer: inout ByteBuffer
    ) {
        guard batch.count > 1 else {
            var push = batch.bytes
            push.moveReaderIndex(forwardBy: Int(batch.lead))
            FrameHeader.write(
                count: push.readableBytes, isText: codec == .json, wire: wire, into: &buffer)
            buffer.writeImmutableBuffer(push)
            return
        }
        let head = EnvelopeHead(cmd: GatewayCommand.pushes.rawValue, seq: 0, kind: .push)
        var bytes = HeadBytes()
        switch codec {
        case .protobuf:
            bytes.append(protobuf: head)
            bytes.append(15 << 3 | 2)
            bytes.append(varint: UInt64(batch.byteCount))
        case .json:
            bytes.append(json: head)
            bytes.append(",\"data\":[")
        }
        let tail = codec == .json ? 2 : 0
        FrameHeader.write(
            count: bytes.count + batch.byteCount + tail, isText: codec == .json, wire: wire,
            into: &buffer)
        bytes.write(to: &buffer)
        buffer.writeImmutableBuffer(batch.bytes)
        if codec == .json { buffer.writeStaticString("]}") }
    }
}
