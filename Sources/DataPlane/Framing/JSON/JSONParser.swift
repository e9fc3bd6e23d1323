/// Builds `JSONValue`s. Recursion is bounded by `JSONValue.depthLimit`.
enum JSONParser {
    static func value(
        _ bytes: RawSpan, _ position: inout Int, depth: Int
    ) throws(EnvelopeError) -> JSONValue {
        switch JSONScanner.peek(bytes, position) {
        case 0x22: return .string(try text(bytes, &position))
        case 0x7B: return .object(try members(bytes, &position, depth: depth + 1))
        case 0x5B: return .array(try elements(bytes, &position, depth: depth + 1))
        case 0x2D, 0x30...0x39: return try number(bytes, &position)
        case let first:
            try JSONScanner.literal(bytes, &position)
            return first == 0x6E ? .null : .bool(first == 0x74)
        }
    }

    private static func text(_ bytes: RawSpan, _ position: inout Int) throws(EnvelopeError)
        -> String
    {
        let (range, hasEscapes) = try JSONScanner.string(bytes, &position)
        guard hasEscapes else { return bytes.text(range.range) }
        guard let text = JSONString.decoded(range, in: bytes) else { throw .invalidUTF8 }
        return text
    }

    private static func members(
        _ bytes: RawSpan, _ position: inout Int, depth: Int
    ) throws(EnvelopeError) -> [(String, JSONValue)] {
        guard depth <= JSONValue.depthLimit else { throw .tooDeep }
        var members: [(String, JSONValue)] = []
        var names: Set<String> = []
        position += 1
        JSONScanner.skipWhitespace(bytes, &position)
        if JSONScanner.peek(bytes, position) == 0x7D {
            position += 1
            return members
        }
        while true {
            let start = position
            let name = try text(bytes, &position)
            guard names.insert(name).inserted else { throw .malformedJSON(offset: start) }
            JSONScanner.skipWhitespace(bytes, &position)
            try JSONScanner.expect(0x3A, bytes, &position)
            JSONScanner.skipWhitespace(bytes, &position)
            members.append((name, try value(bytes, &position, depth: depth)))
            if try isEnd(0x7D, bytes, &position) { return members }
        }
    }

    private static func elements(
        _ bytes: RawSpan, _ position: inout Int, depth: Int
    ) throws(EnvelopeError) -> [JSONValue] {
        guard depth <= JSONValue.depthLimit else { throw .tooDeep }
        var elements: [JSONValue] = []
        position += 1
        JSONScanner.skipWhitespace(bytes, &position)
        if JSONScanner.peek(bytes, position) == 0x5D {
            position += 1
            return elements
        }
        while true {
            elements.append(try value(bytes, &position, depth: depth))
            if try isEnd(0x5D, bytes, &position) { return elements }
        }
    }

    /// Steps over a comma (false) or the closing bracket (true).
    private static func isEnd(
        _ bracket: UInt8, _ bytes: RawSpan, _ position: inout Int
    ) throws(EnvelopeError) -> Bool {
        JSONScanner.skipWhitespace(bytes, &position)
        if JSONScanner.peek(bytes, position) == 0x2C {
            position += 1
            JSONScanner.skipWhitespace(bytes, &position)
            return false
        }
        try JSONScanner.expect(bracket, bytes, &position)
        return true
    }

    /// A whole number that fits 64 bits is exact; anything else is a double, and must be finite.
    private static func number(_ bytes: RawSpan, _ position: inout Int) throws(EnvelopeError)
        -> JSONValue
    {
        let start = position
        try JSONScanner.number(bytes, &position)
        let text = bytes.text(start..<position)
        if let integer = Int64(text), text != "-0" { return .integer(integer) }
        guard let number = Double(text), number.isFinite else {
            throw .malformedJSON(offset: start)
        }
        return .number(number)
    }
}
