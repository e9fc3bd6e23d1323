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

    private static func appendVarint(_ value: UInt64, to bytes: inout [UInt8]) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }
}
