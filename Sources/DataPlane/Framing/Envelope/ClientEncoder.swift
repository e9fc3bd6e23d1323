package import NIOCore
package import SluiceVocabulary

/// What the gateway writes above a payload towards clients.
package struct EnvelopeHead: Sendable, Equatable {
    /// 0 = leave out.
    package var version: UInt32
    package var cmd: UInt32
    package var seq: UInt64
    package var status: UInt32
    package var kind: EnvelopeKind
    /// `PayloadFormat` or what a service made of it.
    package var format: UInt32
    /// Pushes alone.
    package var deliveryClass: DeliveryClass?

    @inlinable
    package init(
        version: UInt32 = 0, cmd: UInt32, seq: UInt64, status: UInt32 = 0, kind: EnvelopeKind,
        format: UInt32 = 0, deliveryClass: DeliveryClass? = nil
    ) {
        self.version = version
        self.cmd = cmd
        self.seq = seq
        self.status = status
        self.kind = kind
        self.format = format
        self.deliveryClass = deliveryClass
    }
}

/// Writes whole wire messages for clients: frame header and envelope, into one growing buffer.
///
/// Loop-bound; owns scratch space, so that nothing is allocated once that has grown.
package final class ClientEncoder {
    /// How messages are told apart on the wire.
    package enum Wire: Sendable {
        /// RFC 6455, server to client: unmasked.
        case webSocket
        /// TCP: four bytes of length, big-endian, then the envelope.
        case lengthPrefixed
    }

    /// Texts of refusals and closes before their length is known.
    private var scratch = ByteBuffer()

    package init() {}

    /// Appends an envelope.
    ///
    /// - Parameters:
    ///   - payload: in the JSON codec written as `data` where the format is 1, else as base64.
    /// - Throws: `payloadNotJSON` in the JSON codec, where the format is 1 and the payload is no JSON;
    ///   nothing has been written then.
    package func envelope(
        _ head: EnvelopeHead, payload: RawSpan, codec: Codec, wire: Wire,
        into buffer: inout ByteBuffer
    ) throws(EnvelopeError) {
        var bytes = HeadBytes()
        switch codec {
        case .protobuf:
            bytes.append(protobuf: head)
            if payload.byteCount > 0 {
                bytes.append(15 << 3 | 2)
                bytes.append(varint: UInt64(payload.byteCount))
            }
            let count = bytes.count + payload.byteCount
            FrameHeader.write(count: count, isText: false, wire: wire, into: &buffer)
            bytes.write(to: &buffer)
            buffer.writeBytes(payload)
        case .json:
            let isData = head.format == PayloadFormat.json.rawValue
            if isData, payload.byteCount > 0, !JSONEnvelope.isWellFormed(payload) {
                throw .payloadNotJSON
            }
            bytes.append(json: head)
            writeJSON(bytes, payload: payload, isData: isData, wire: wire, into: &buffer)
        }
    }

    private func writeJSON(
        _ head: HeadBytes, payload: RawSpan, isData: Bool, wire: Wire,
        into buffer: inout ByteBuffer
    ) {
        var bytes = head
        let bodyCount = Self.openPayload(&bytes, payload, isData: isData)
        FrameHeader.write(count: bytes.count + bodyCount, isText: true, wire: wire, into: &buffer)
        bytes.write(to: &buffer)
        Self.writePayload(payload, isData: isData, into: &buffer)
    }

    /// Ends the head with the payload's name, or the object where there is no payload.
    ///
    /// - Returns: bytes that `writePayload` will write.
    @inline(__always)
    static func openPayload(_ head: inout HeadBytes, _ payload: RawSpan, isData: Bool) -> Int {
        guard payload.byteCount > 0 else {
            head.append("}")
            return 0
        }
        head.append(isData ? ",\"data\":" : ",\"payload\":\"")
        return isData ? payload.byteCount + 1 : Base64.encodedCount(payload.byteCount) + 2
    }

    /// Appends the payload and the end of the object.
    @inline(__always)
    static func writePayload(_ payload: RawSpan, isData: Bool, into buffer: inout ByteBuffer) {
        if payload.byteCount == 0 { return }
        if isData {
            buffer.writeBytes(payload)
        } else {
            Base64.append(payload, to: &buffer)
            buffer.writeInteger(UInt8(ascii: "\""))
        }
        buffer.writeInteger(UInt8(ascii: "}"))
    }

    /// Appends a refusal as the reply to `seq`. Cheap: refusals are what an attacker gets most of.
    package func refusal(
        _ refusal: Refusal, cmd: UInt32, seq: UInt64, codec: Codec, wire: Wire,
        into buffer: inout ByteBuffer
    ) {
        let entry = refusal.kind.entry
        let head = EnvelopeHead(cmd: cmd, seq: seq, status: entry.status, kind: .reply)
        var bytes = HeadBytes()
        scratch.clear()
        switch codec {
        case .protobuf:
            RefusalPayload.appendProtobuf(refusal, entry, to: &scratch)
            bytes.append(protobuf: head)
            bytes.append(15 << 3 | 2)
            bytes.append(varint: UInt64(scratch.readableBytes))
        case .json:
            bytes.append(json: head)
            bytes.append(",\"refusal\":")
            RefusalPayload.appendJSON(refusal, entry, to: &scratch)
            scratch.writeInteger(UInt8(ascii: "}"))
        }
        FrameHeader.write(
            count: bytes.count + scratch.readableBytes, isText: codec == .json, wire: wire,
            into: &buffer)
        bytes.write(to: &buffer)
        buffer.writeImmutableBuffer(scratch)
    }

    /// Appends the last message of a connection: a close frame, or on TCP cmd 13.
    ///
    /// - Parameters:
    ///   - code: 0 = a close frame without a body (RFC 6455 section 5.5.1).
    ///   - reason: cut at a character's border where it does not fit a control frame.
    package func close(
        code: UInt16, reason: String, wire: Wire, codec: Codec, into buffer: inout ByteBuffer
    ) {
        scratch.clear()
        guard wire == .webSocket else {
            return closeCommand(code: code, reason: reason, codec: codec, into: &buffer)
        }
        if code != 0 {
            scratch.writeInteger(code)
            for character in reason.unicodeScalars {
                guard let bytes = UTF8.encode(character), scratch.readableBytes + bytes.count <= 125
                else { break }
                scratch.writeBytes(bytes)
            }
        }
        FrameHeader.writeControl(.close, count: scratch.readableBytes, into: &buffer)
        buffer.writeImmutableBuffer(scratch)
    }

    private func closeCommand(
        code: UInt16, reason: String, codec: Codec, into buffer: inout ByteBuffer
    ) {
        let head = EnvelopeHead(cmd: 13, seq: 0, kind: .request)
        var bytes = HeadBytes()
        switch codec {
        case .protobuf:
            ProtobufText.append(field: 1, varint: UInt64(code), to: &scratch)
            ProtobufText.append(field: 2, text: reason, to: &scratch)
            bytes.append(protobuf: head)
            bytes.append(15 << 3 | 2)
            bytes.append(varint: UInt64(scratch.readableBytes))
        case .json:
            bytes.append(json: head)
            bytes.append(",\"data\":{\"code\":")
            bytes.append(decimal: UInt64(code))
            bytes.append(",\"reason\":")
            JSONText.append(reason, to: &scratch)
            scratch.writeStaticString("}}")
        }
        FrameHeader.write(
            count: bytes.count + scratch.readableBytes, isText: codec == .json,
            wire: .lengthPrefixed,
            into: &buffer)
        bytes.write(to: &buffer)
        buffer.writeImmutableBuffer(scratch)
    }

    /// Appends a WebSocket ping without a body.
    package func ping(into buffer: inout ByteBuffer) {
        FrameHeader.writeControl(.ping, count: 0, into: &buffer)
    }

    /// Appends a WebSocket pong.
    ///
    /// - Parameter payload: the ping's, at most 125 bytes; what is beyond is cut off.
    package func pong(_ payload: RawSpan, into buffer: inout ByteBuffer) {
        let count = min(payload.byteCount, 125)
        FrameHeader.writeControl(.pong, count: count, into: &buffer)
        buffer.writeBytes(payload.extracting(0..<count))
    }
}

@available(*, unavailable)
extension ClientEncoder: Sendable {}
