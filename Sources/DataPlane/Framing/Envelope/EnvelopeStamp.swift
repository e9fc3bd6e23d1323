package import NIOCore

/// What the gateway adds to a client's protobuf envelope on its way to a service.
///
/// Fields are appended behind the client's: of several values of one field the last counts, so a
/// client cannot keep a value of its own in a field that is stamped.
package enum EnvelopeStamp {
    /// The sender's identity: envelope fields 32-35. Made once per connection; empty ones are left out.
    package static func identity(user: String, session: String, device: String, client: String)
        -> [UInt8]
    {
        var bytes: [UInt8] = []
        for (index, text) in [user, session, device, client].enumerated() where !text.isEmpty {
            appendVarint(UInt64((32 + index) << 3 | 2), to: &bytes)
            appendVarint(UInt64(text.utf8.count), to: &bytes)
            bytes.append(contentsOf: text.utf8)
        }
        return bytes
    }

    /// Appends the time a service has left, envelope field 8. Zero is written too: a client's own
    /// value must not survive.
    package static func appendDeadline(milliseconds: UInt32, to buffer: inout ByteBuffer) {
        var field = FieldBytes()
        field.append(8 << 3)
        field.append(varint: UInt64(milliseconds))
        field.write(to: &buffer)
    }

    /// A sender's identity as text; empty where unknown.
    package struct Sender: Sendable, Equatable {
        package var user = ""
        package var session = ""
        package var device = ""
        package var client = ""
    }

    /// Reads what `identity` made. Other fields are skipped.
    package static func read(_ stamp: RawSpan) throws(EnvelopeError) -> Sender {
        var sender = Sender()
        var reader = ProtobufReader()
        while let tag = try reader.nextTag(stamp) {
            guard (32...35).contains(tag >> 3), tag & 7 == 2 else {
                try reader.skip(tag, stamp)
                continue
            }
            let text = stamp.text(try reader.lengthDelimited(stamp).range)
            switch tag >> 3 {
            case 32: sender.user = text
            case 33: sender.session = text
            case 34: sender.device = text
            default: sender.client = text
            }
        }
        return sender
    }

    private static func appendVarint(_ value: UInt64, to bytes: inout [UInt8]) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }
}
