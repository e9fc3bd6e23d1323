/// A part of scanned bytes, by position. Both numbers fit because no message reaches 2 GiB.
package struct ByteRange: Sendable, Equatable {
    /// First byte.
    package var start: Int32
    /// Number of bytes.
    package var count: Int32

    @inlinable
    package init(start: Int32, count: Int32) {
        self.start = start
        self.count = count
    }

    @inlinable
    init(_ start: Int, _ end: Int) {
        self.init(
            start: Int32(truncatingIfNeeded: start), count: Int32(truncatingIfNeeded: end - start))
    }

    /// No bytes, nowhere.
    package static let none = ByteRange(start: 0, count: 0)

    @inlinable
    package var isEmpty: Bool { count == 0 }

    @inlinable
    package var range: Range<Int> { Int(start)..<(Int(start) + Int(count)) }
}

/// An envelope's fields, read in place: numbers, and positions into the scanned bytes.
///
/// Meanings are in Protos/envelope.proto. Absent fields are 0 or empty. The positions are good for
/// exactly the bytes that were scanned.
package struct EnvelopeView: Sendable, Equatable {
    package var version: UInt32 = 0
    package var cmd: UInt32 = 0
    package var seq: UInt64 = 0
    package var status: UInt32 = 0
    package var kind: UInt32 = 0
    package var format: UInt32 = 0
    package var deadlineMilliseconds: UInt32 = 0
    package var deliveryClass: UInt32 = 0
    package var topic = ByteRange(start: 0, count: 0)
    package var trace = ByteRange(start: 0, count: 0)
    package var key = ByteRange(start: 0, count: 0)
    package var payload = ByteRange(start: 0, count: 0)
    /// Protobuf form: fields 32-63 are present, which a client must not send.
    package var hasGatewayFields = false
    /// JSON form: the payload is base64 text (member `payload`), else raw JSON (member `data`).
    package var isPayloadBase64 = false
    /// JSON form: topic, trace or key hold backslash escapes.
    package var hasEscapes = false

    @inlinable
    package init() {}
}

/// The values of the envelope field `kind`.
package enum EnvelopeKind: UInt32, Sendable, CaseIterable {
    case request = 0
    case reply, push
}

/// The values of the envelope field `format`.
package enum PayloadFormat: UInt32, Sendable, CaseIterable {
    /// Bytes that only the service and its clients understand.
    case opaque = 0
    /// JSON text: clients of the JSON codec get it as `data`.
    case json = 1
}

/// Why bytes are not an envelope, or not the payload they should be.
package enum EnvelopeError: Error, Equatable, Sendable {
    /// Protobuf: a field's tag, number or length is wrong, or the bytes end too early.
    case malformedProtobuf
    /// A text field is not UTF-8.
    case invalidUTF8
    /// Not JSON (RFC 8259), at this byte.
    case malformedJSON(offset: Int)
    /// JSON nested deeper than is read.
    case tooDeep
    /// JSON that is not an object.
    case notAnObject
    /// A JSON object names a member twice that counts.
    case duplicateMember(StaticMember)
    /// A member of the wrong type, or a number out of its range.
    case badMember(StaticMember)
    /// Both `data` and `payload`.
    case twoPayloads
    /// The payload is not base64 (RFC 4648 section 4, with padding).
    case badBase64
    /// The payload is said to be JSON and is not.
    case payloadNotJSON
    /// A typed payload lacks a member it must have, or has one of the wrong type.
    case badPayload(StaticMember)

    /// A member's name: only ever one of ours, never a client's text.
    package struct StaticMember: Sendable, Equatable {
        package let name: String
        package init(_ name: String) { self.name = name }
    }

    /// What is wrong, for clients and operators. Never holds any of the message.
    package var text: String {
        switch self {
        case .malformedProtobuf: "the protobuf encoding is broken"
        case .invalidUTF8: "a text is not UTF-8"
        case .malformedJSON(let offset): "not JSON at byte \(offset)"
        case .tooDeep: "JSON is nested too deep"
        case .notAnObject: "the JSON is not an object"
        case .duplicateMember(let member): "member `\(member.name)` is there twice"
        case .badMember(let member): "member `\(member.name)` has the wrong type or is out of range"
        case .twoPayloads: "there is both `data` and `payload`"
        case .badBase64: "member `payload` is not base64"
        case .payloadNotJSON: "the payload is not JSON"
        case .badPayload(let member): "`\(member.name)` is missing or wrong in the payload"
        }
    }
}
