package import SluiceVocabulary

/// JSON as a value, for the cold path: logins, tokens, answers of the user service.
///
/// Members keep their order. Duplicate names are refused when parsing.
package enum JSONValue: Sendable {
    case null
    case bool(Bool)
    /// A number without fraction and exponent that fits 64 bits.
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([(String, JSONValue)])

    /// Arrays and objects may nest this deep.
    package static let depthLimit = 32

    /// Parses one JSON text (RFC 8259) with nothing but whitespace around it.
    package init(parsing bytes: RawSpan) throws(EnvelopeError) {
        var position = 0
        JSONScanner.skipWhitespace(bytes, &position)
        self = try JSONParser.value(bytes, &position, depth: 0)
        JSONScanner.skipWhitespace(bytes, &position)
        guard position == bytes.byteCount else { throw .malformedJSON(offset: position) }
    }

    package init(parsing bytes: [UInt8]) throws(EnvelopeError) {
        self = try bytes.withBytes { bytes throws(EnvelopeError) in try JSONValue(parsing: bytes) }
    }

    /// The member of an object; nil where there is none, or where this is no object.
    package subscript(_ name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.0 == name }?.1
    }

    package var string: String? { if case .string(let text) = self { text } else { nil } }
    package var integer: Int64? { if case .integer(let value) = self { value } else { nil } }
    package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    package var array: [JSONValue]? { if case .array(let values) = self { values } else { nil } }
    package var members: [(String, JSONValue)]? {
        if case .object(let members) = self { members } else { nil }
    }
    package var isNull: Bool { if case .null = self { true } else { false } }
}

extension JSONValue: Equatable {
    /// Objects are equal when they have the same members in the same order.
    package static func == (left: Self, right: Self) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let left), .bool(let right)): left == right
        case (.integer(let left), .integer(let right)): left == right
        case (.number(let left), .number(let right)): left == right
        case (.string(let left), .string(let right)): left == right
        case (.array(let left), .array(let right)): left == right
        case (.object(let left), .object(let right)):
            left.count == right.count
                && zip(left, right).allSatisfy { $0.0 == $1.0 && $0.1 == $1.1 }
        default: false
        }
    }
}

extension JSONValue {
    /// The same as a claim of a token.
    package var claim: ClaimValue {
        switch self {
        case .null: .null
        case .bool(let value): .bool(value)
        case .integer(let value): .integer(value)
        case .number(let value): .number(value)
        case .string(let text): .string(text)
        case .array(let values): .array(values.map(\.claim))
        case .object(let members):
            .object(
                Dictionary(
                    members.map { ($0.0, $0.1.claim) }, uniquingKeysWith: { _, last in last }))
        }
    }

    /// The same as JSON, members in the order of their names.
    package init(_ claim: ClaimValue) {
        switch claim {
        case .null: self = .null
        case .bool(let value): self = .bool(value)
        case .integer(let value): self = .integer(value)
        case .number(let value): self = .number(value)
        case .string(let text): self = .string(text)
        case .array(let values): self = .array(values.map(JSONValue.init(_:)))
        case .object(let members):
            self = .object(members.sorted { $0.key < $1.key }.map { ($0.key, JSONValue($0.value)) })
        }
    }
}
