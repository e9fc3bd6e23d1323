import SluiceVocabulary

/// Writes claims as JSON: keys sorted, so that the same claims are always the same bytes.
struct ClaimsWriter {
    /// How deep each level is indented; nil writes everything on one line.
    private let indent: Int?
    private var text: [UInt8] = []

    private init(indent: Int?) { self.indent = indent }

    /// - Parameter indent: spaces per level; nil for one line without spaces.
    static func write(_ members: [String: ClaimValue], indent: Int? = nil) -> [UInt8] {
        var writer = Self(indent: indent)
        writer.append(.object(members), level: 0)
        return writer.text
    }

    /// False when JSON cannot say this: a number that is infinite or none.
    static func canWrite(_ value: ClaimValue) -> Bool {
        switch value {
        case .number(let number): number.isFinite
        case .array(let elements): elements.allSatisfy(canWrite)
        case .object(let members): members.values.allSatisfy(canWrite)
        case .null, .bool, .integer, .string: true
        }
    }

    private mutating func append(_ value: ClaimValue, level: Int) {
        switch value {
        case .null: append("null")
        case .bool(let value): append(value ? "true" : "false")
        case .integer(let value): append(String(value))
        case .number(let value): append(String(value))
        case .string(let value): appendQuoted(value)
        case .array(let elements):
            appendList(open: "[", close: "]", count: elements.count, level: level) {
                $0.append(elements[$1], level: level + 1)
            }
        case .object(let members):
            let keys = members.keys.sorted()
            appendList(open: "{", close: "}", count: keys.count, level: level) {
                $0.appendQuoted(keys[$1])
                $0.append($0.indent == nil ? ":" : ": ")
                $0.append(members[keys[$1]] ?? .null, level: level + 1)
            }
        }
    }

    private mutating func appendList(
        open: String, close: String, count: Int, level: Int, element: (inout Self, Int) -> Void
    ) {
        append(open)
        for index in 0..<count {
            if index > 0 { append(",") }
            appendLineBreak(level: level + 1)
            element(&self, index)
        }
        if count > 0 { appendLineBreak(level: level) }
        append(close)
    }

    private mutating func appendLineBreak(level: Int) {
        guard let indent else { return }
        text.append(0x0A)
        text.append(contentsOf: repeatElement(0x20, count: indent * level))
    }

    private mutating func append(_ part: String) { text.append(contentsOf: Array(part.utf8)) }

    /// Escapes control characters of both sets, so that a token shown on a terminal cannot steer it.
    private mutating func appendQuoted(_ value: String) {
        text.append(UInt8(ascii: "\""))
        for scalar in value.unicodeScalars {
            switch scalar.value {
            case 0x22: append("\\\"")
            case 0x5C: append("\\\\")
            case 0..<0x20, 0x7F..<0xA0:
                append("\\u" + hexadecimal(UInt64(scalar.value)).suffix(4))
            default: append(String(scalar))
            }
        }
        text.append(UInt8(ascii: "\""))
    }
}
