/// A value of a token's claim: JSON without the text.
package enum ClaimValue: Sendable, Hashable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([ClaimValue])
    case object([String: ClaimValue])

    /// The text if this is a string.
    package var string: String? {
        if case .string(let text) = self { text } else { nil }
    }

    /// The strings of an array of strings; a single string counts as an array of one (RFC 7519, `aud`).
    package var strings: [String]? {
        switch self {
        case .string(let text): [text]
        case .array(let values):
            values.allSatisfy { $0.string != nil } ? values.compactMap(\.string) : nil
        default: nil
        }
    }

    /// What a policy compares and keys buckets by: text of a scalar, nil for the rest.
    package var scalarText: String? {
        switch self {
        case .bool(let value): value ? "true" : "false"
        case .integer(let value): String(value)
        case .number(let value): String(value)
        case .string(let text): text
        case .null, .array, .object: nil
        }
    }
}
