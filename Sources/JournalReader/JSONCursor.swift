package import SluiceVocabulary

/// Reads JSON (RFC 8259) from left to right. Every call returns nil or false where the text is none.
///
/// The values of claims and of JSON are the same, so one type stands for both.
package struct JSONCursor {
    package typealias Value = ClaimValue

    private var position = 0
    private var depth = 0

    private static let maxDepth = 64

    init() {}

    /// Reads a whole text; nil when it is not JSON.
    package static func parse(_ text: String) -> Value? {
        let bytes = Array(text.utf8)
        var cursor = JSONCursor()
        guard let value = cursor.value(bytes.span), cursor.isAtEnd(bytes.span) else { return nil }
        return value
    }

    /// Steps over a sign, if it is the next.
    mutating func take(_ sign: UInt8, _ text: Span<UInt8>) -> Bool {
        skipBlanks(text)
        guard position < text.count, text[position] == sign else { return false }
        position += 1
        return true
    }

    /// Whether only blanks are left.
    mutating func isAtEnd(_ text: Span<UInt8>) -> Bool {
        skipBlanks(text)
        return position == text.count
    }

    /// The place of a member's name. Names with escapes are no fields of journald: their place is
    /// given as it is written.
    mutating func name(_ text: Span<UInt8>) -> Range<Int>? {
        guard take(UInt8(ascii: "\""), text) else { return nil }
        let start = position
        guard skipString(text) else { return nil }
        return start..<(position - 1)
    }

    mutating func value(_ text: Span<UInt8>) -> Value? {
        skipBlanks(text)
        guard position < text.count else { return nil }
        switch text[position] {
        case UInt8(ascii: "\""): return string(text).map(Value.string)
        case UInt8(ascii: "{"): return object(text)
        case UInt8(ascii: "["): return array(text)
        case UInt8(ascii: "t"): return word("true", text) ? .bool(true) : nil
        case UInt8(ascii: "f"): return word("false", text) ? .bool(false) : nil
        case UInt8(ascii: "n"): return word("null", text) ? .null : nil
        default: return number(text)
        }
    }

    /// Steps over a value.
    mutating func skip(_ text: Span<UInt8>) -> Bool {
        skipBlanks(text)
        guard position < text.count, text[position] == UInt8(ascii: "\"") else {
            return value(text) != nil
        }
        position += 1
        return skipString(text)
    }

    // MARK: Parts

    private mutating func skipBlanks(_ text: Span<UInt8>) {
        while position < text.count {
            switch text[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            default: return
            }
        }
    }

    private mutating func word(_ word: StaticString, _ text: Span<UInt8>) -> Bool {
        for byte in "\(word)".utf8 {
            guard position < text.count, text[position] == byte else { return false }
            position += 1
        }
        return true
    }

    private mutating func object(_ text: Span<UInt8>) -> Value? {
        guard enter(), take(UInt8(ascii: "{"), text) else { return nil }
        defer { depth -= 1 }
        var members: [String: Value] = [:]
        if take(UInt8(ascii: "}"), text) { return .object(members) }
        repeat {
            skipBlanks(text)
            guard position < text.count, text[position] == UInt8(ascii: "\""),
                let name = string(text), take(UInt8(ascii: ":"), text), let value = value(text)
            else { return nil }
            members[name] = value
        } while take(UInt8(ascii: ","), text)
        return take(UInt8(ascii: "}"), text) ? .object(members) : nil
    }

    private mutating func array(_ text: Span<UInt8>) -> Value? {
        guard enter(), take(UInt8(ascii: "["), text) else { return nil }
        defer { depth -= 1 }
        var items: [Value] = []
        if take(UInt8(ascii: "]"), text) { return .array(items) }
        repeat {
            guard let value = value(text) else { return nil }
            items.append(value)
        } while take(UInt8(ascii: ","), text)
        return take(UInt8(ascii: "]"), text) ? .array(items) : nil
    }

    private mutating func enter() -> Bool {
        depth += 1
        return depth <= Self.maxDepth
    }

    private mutating func number(_ text: Span<UInt8>) -> Value? {
        let start = position
        while position < text.count {
            switch text[position] {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"),
                UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"):
                position += 1
                continue
            default: break
            }
            break
        }
        guard let written = text.extracting(start..<position).text else { return nil }
        if let whole = Int64(written) { return .integer(whole) }
        return Double(written).flatMap { $0.isFinite ? .number($0) : nil }
    }

    // MARK: Strings

    /// From behind the opening quote to behind the closing one.
    private mutating func skipString(_ text: Span<UInt8>) -> Bool {
        while position < text.count {
            let byte = text[position]
            position += 1
            if byte == UInt8(ascii: "\"") { return true }
            if byte == UInt8(ascii: "\\") { position += 1 }
        }
        return false
    }

    private mutating func string(_ text: Span<UInt8>) -> String? {
        position += 1
        let start = position
        guard skipString(text) else { return nil }
        let inside = text.extracting(start..<(position - 1))
        if inside.first(UInt8(ascii: "\\")) == inside.count { return inside.text }
        return Self.unescaped(inside)
    }

    private static func unescaped(_ text: Span<UInt8>) -> String? {
        var units: [UInt8] = []
        units.reserveCapacity(text.count)
        var place = 0
        while place < text.count {
            let byte = text[place]
            place += 1
            guard byte == UInt8(ascii: "\\") else {
                units.append(byte)
                continue
            }
            guard place < text.count else { return nil }
            let sign = text[place]
            place += 1
            if sign == UInt8(ascii: "u") {
                guard let scalar = scalar(text, &place) else { return nil }
                units += Array(String(scalar).utf8)
            } else if let plain = escapes[sign] {
                units.append(plain)
            } else {
                return nil
            }
        }
        return units.span.text
    }

    private static let escapes: [UInt8: UInt8] = [
        0x22: 0x22, 0x5C: 0x5C, 0x2F: 0x2F, 0x62: 0x08, 0x66: 0x0C, 0x6E: 0x0A, 0x72: 0x0D,
        0x74: 0x09,
    ]

    /// What `\u` introduced; the second half of a pair is taken too (RFC 8259 section 7).
    private static func scalar(_ text: Span<UInt8>, _ place: inout Int) -> Unicode.Scalar? {
        guard let first = hexadecimal(text, &place) else { return nil }
        guard (0xD800..<0xDC00).contains(first) else { return Unicode.Scalar(first) }
        guard place + 1 < text.count, text[place] == UInt8(ascii: "\\"),
            text[place + 1] == UInt8(ascii: "u")
        else { return nil }
        place += 2
        guard let second = hexadecimal(text, &place), (0xDC00..<0xE000).contains(second) else {
            return nil
        }
        return Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
    }

    private static func hexadecimal(_ text: Span<UInt8>, _ place: inout Int) -> UInt32? {
        guard place + 4 <= text.count, let digits = text.extracting(place..<(place + 4)).text
        else { return nil }
        place += 4
        return UInt32(digits, radix: 16)
    }
}
