package import SluiceVocabulary
package import SwiftProtobuf

/// The payload of one of the gateway's own commands (1-99): protobuf in protobuf, the same names as
/// members in JSON. An empty payload is the message with everything left out, in both codecs.
package protocol TypedPayload: Sendable, Equatable {
    associatedtype Body: Message

    init(_ body: Body)
    /// - Throws: `badPayload` where a member has the wrong type or a number is out of its range.
    init(json: JSONValue) throws(EnvelopeError)

    var body: Body { get }
    var json: JSONValue { get }
}

extension TypedPayload {
    /// Reads a payload. Members that are absent are empty; unknown ones are ignored.
    package init(from bytes: RawSpan, codec: Codec) throws(EnvelopeError) {
        switch codec {
        case .protobuf:
            do {
                self.init(try Body(serializedBytes: bytes.array()))
            } catch {
                throw .malformedProtobuf
            }
        case .json:
            let value = bytes.byteCount == 0 ? JSONValue.object([]) : try JSONValue(parsing: bytes)
            guard case .object = value else { throw .notAnObject }
            try self.init(json: value)
        }
    }

    package func encoded(codec: Codec) -> [UInt8] {
        switch codec {
        case .protobuf:
            do {
                return try body.serializedBytes()
            } catch {
                // Only required fields, extensions and 2 GiB can fail; proto3 messages of ours have none.
                preconditionFailure("a payload of the gateway's own cannot be encoded")
            }
        case .json: return json.text()
        }
    }
}

extension JSONValue {
    /// A text member; empty where absent or null.
    func text(_ name: String) throws(EnvelopeError) -> String {
        guard let value = self[name], !value.isNull else { return "" }
        guard let text = value.string else { throw .badPayload(.init(name)) }
        return text
    }

    /// A yes-or-no member; false where absent or null.
    func flag(_ name: String) throws(EnvelopeError) -> Bool {
        guard let value = self[name], !value.isNull else { return false }
        guard let flag = value.bool else { throw .badPayload(.init(name)) }
        return flag
    }

    /// A whole number that fits `Number`; 0 where absent or null.
    func whole<Number: FixedWidthInteger>(
        _ name: String, _ type: Number.Type = Number.self
    ) throws(EnvelopeError) -> Number {
        guard let value = self[name], !value.isNull else { return 0 }
        guard let integer = value.integer, let number = Number(exactly: integer) else {
            throw .badPayload(.init(name))
        }
        return number
    }

    /// A whole number for JSON; one beyond 2^63 is held there.
    init(whole value: UInt64) { self = .integer(Int64(clamping: value)) }
}
