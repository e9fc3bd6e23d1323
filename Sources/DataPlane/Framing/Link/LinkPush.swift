package import NIOCore
package import SluiceVocabulary

/// A service's push to clients: to whom, how urgently, and the envelope.
///
/// Read and written by hand: a chat service sends one for every message.
package struct LinkPush: Sendable, Equatable {
    package var targets: PushTargets
    package var deliveryClass: DeliveryClass
    /// How long it is worth keeping; 0 = the gateway's default.
    package var ttlMilliseconds: UInt32
    /// An envelope in protobuf form: cmd, seq, format, payload. When read, a slice of the frame's body.
    package var envelope: ByteBuffer

    package init(
        targets: PushTargets, deliveryClass: DeliveryClass = .must, ttlMilliseconds: UInt32 = 0,
        envelope: ByteBuffer
    ) {
        self.targets = targets
        self.deliveryClass = deliveryClass
        self.ttlMilliseconds = ttlMilliseconds
        self.envelope = envelope
    }

    /// Reads the body of a push frame.
    ///
    /// - Throws: `badBody` where it is no `LinkPush`, names targets of several kinds or none, or a
    ///   class that does not exist.
    package init(from body: ByteBuffer) throws(LinkError) {
        var fields = Fields()
        do throws(EnvelopeError) {
            try fields.read(body.readableBytesSpan)
        } catch {
            throw .badBody(.push)
        }
        guard
            let deliveryClass = UInt8(exactly: fields.deliveryClass).flatMap(
                DeliveryClass.init(rawValue:)),
            let targets = fields.targets,
            let envelope = body.getSlice(
                at: body.readerIndex + Int(fields.envelope.start),
                length: Int(fields.envelope.count))
        else { throw .badBody(.push) }
        self.init(
            targets: targets, deliveryClass: deliveryClass, ttlMilliseconds: fields.ttlMilliseconds,
            envelope: envelope)
    }

    private struct Fields {
        var users: [String] = []
        var sessions: [SessionID] = []
        var isAll = false
        var deliveryClass: UInt32 = 0
        var ttlMilliseconds: UInt32 = 0
        var envelope = ByteRange.none

        /// Nil unless exactly one kind of target is named.
        var targets: PushTargets? {
            switch (users.isEmpty, sessions.isEmpty, isAll) {
            case (false, true, false): .users(users)
            case (true, false, false): .sessions(sessions)
            case (true, true, true): .all
            default: nil
            }
        }

        mutating func read(_ bytes: RawSpan) throws(EnvelopeError) {
            var reader = ProtobufReader()
            while let tag = try reader.nextTag(bytes) {
                switch tag {
                case 1 << 3 | 2:
                    let range = try reader.lengthDelimited(bytes).range
                    guard UTF8Check.isValid(bytes, in: range) else { throw .invalidUTF8 }
                    users.append(bytes.text(range))
                case 2 << 3 | 2:
                    let range = try reader.lengthDelimited(bytes).range
                    guard range.count == 16 else { throw .malformedProtobuf }
                    sessions.append(
                        SessionID(
                            high: bytes.bigEndian64(at: range.lowerBound),
                            low: bytes.bigEndian64(at: range.lowerBound + 8)))
                case 3 << 3: isAll = try reader.varint(bytes) != 0
                case 4 << 3: deliveryClass = UInt32(truncatingIfNeeded: try reader.varint(bytes))
                case 5 << 3: ttlMilliseconds = UInt32(truncatingIfNeeded: try reader.varint(bytes))
                case 15 << 3 | 2: envelope = try reader.lengthDelimited(bytes)
                default: try reader.skip(tag, bytes)
                }
            }
        }
    }

    /// Appends a whole push frame.
    ///
    /// - Parameter stream: of the pushing side's choice; the answer carries it.
    package func append(stream: UInt32, to buffer: inout ByteBuffer) {
        let start = LinkCodec.beginFrame(.push, stream: stream, into: &buffer)
        appendBody(to: &buffer)
        LinkCodec.endFrame(at: start, in: &buffer)
    }

    /// The body of a push frame.
    package func encoded() -> [UInt8] {
        var body = ByteBuffer()
        appendBody(to: &body)
        return Array(buffer: body)
    }

    private func appendBody(to buffer: inout ByteBuffer) {
        switch targets {
        case .users(let users):
            // An empty text names nobody, but as a repeated field it must be there.
            for user in users {
                Self.appendField(1, count: user.utf8.count, to: &buffer) { $0.writeString(user) }
            }
        case .sessions(let sessions):
            for session in sessions {
                Self.appendField(2, count: 16, to: &buffer) {
                    $0.writeMultipleIntegers(session.high, session.low)
                }
            }
        case .all: ProtobufText.append(field: 3, varint: 1, to: &buffer)
        }
        ProtobufText.append(field: 4, varint: UInt64(deliveryClass.rawValue), to: &buffer)
        ProtobufText.append(field: 5, varint: UInt64(ttlMilliseconds), to: &buffer)
        if envelope.readableBytes > 0 {
            Self.appendField(15, count: envelope.readableBytes, to: &buffer) {
                $0.writeImmutableBuffer(envelope)
            }
        }
    }

    @inline(__always)
    private static func appendField(
        _ field: UInt8, count: Int, to buffer: inout ByteBuffer, body: (inout ByteBuffer) -> Int
    ) {
        var head = FieldBytes()
        head.append(field << 3 | 2)
        head.append(varint: UInt64(count))
        head.write(to: &buffer)
        let written = body(&buffer)
        invariant(written == count, "a field is as long as its length says")
    }
}
