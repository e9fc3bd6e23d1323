/// Walks JSON text (RFC 8259) in place, without allocating and without recursion.
///
/// Strict: no comments, no trailing commas, no byte order mark, no bare control characters, texts
/// must be UTF-8. Escaped surrogates without a partner are let through, as the RFC's grammar does;
/// whoever needs such a text as UTF-8 must refuse it then (`JSONString`).
enum JSONScanner {
    /// Arrays and objects may nest this deep.
    static let depthLimit = 128

    @inline(__always)
    static func skipWhitespace(_ bytes: RawSpan, _ position: inout Int) {
        while position < bytes.byteCount {
            switch bytes.byte(at: position) {
            case 0x20, 0x0A, 0x0D, 0x09: position &+= 1
            default: return
            }
        }
    }

    /// The byte at `position`, or 0 at the end (which no JSON text holds outside a string).
    @inline(__always)
    static func peek(_ bytes: RawSpan, _ position: Int) -> UInt8 {
        position < bytes.byteCount ? bytes.byte(at: position) : 0
    }

    /// Steps over one expected byte.
    @inline(__always)
    static func expect(_ byte: UInt8, _ bytes: RawSpan, _ position: inout Int) throws(EnvelopeError)
    {
        guard peek(bytes, position) == byte else { throw .malformedJSON(offset: position) }
        position &+= 1
    }

    /// Reads a string, from its opening quote to behind its closing one.
    ///
    /// - Returns: the bytes between the quotes, as written, and whether escapes are among them.
    static func string(
        _ bytes: RawSpan, _ position: inout Int
    ) throws(EnvelopeError) -> (range: ByteRange, hasEscapes: Bool) {
        try expect(0x22, bytes, &position)
        let start = position
        var hasEscapes = false
        var isASCII = true
        while true {
            skipPlain(bytes, &position)
            guard position < bytes.byteCount else { throw .malformedJSON(offset: position) }
            let byte = bytes.byte(at: position)
            if byte == 0x22 { break }
            if byte == 0x5C {
                hasEscapes = true
                try skipEscape(bytes, &position)
            } else if byte < 0x20 {
                throw .malformedJSON(offset: position)
            } else {
                if byte >= 0x80 { isASCII = false }
                position &+= 1
            }
        }
        let range = ByteRange(start, position)
        position &+= 1
        if !isASCII, !UTF8Check.isValid(bytes, in: range.range) { throw .invalidUTF8 }
        return (range, hasEscapes)
    }

    /// Steps over characters that need no attention, eight at a time.
    @inline(__always)
    private static func skipPlain(_ bytes: RawSpan, _ position: inout Int) {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        while position &+ 8 <= bytes.byteCount {
            let word = bytes.word(at: position)
            let quote = word ^ (ones &* 0x22)
            let backslash = word ^ (ones &* 0x5C)
            // The high bit of a byte tells: zero after the xor, below 0x20, or not ASCII. A borrow
            // can only mark a byte too many, which the slow loop then finds to be plain.
            let found = (quote &- ones) | (backslash &- ones) | (word &- ones &* 0x20) | word
            if found & highs != 0 { return }
            position &+= 8
        }
    }

    private static func skipEscape(_ bytes: RawSpan, _ position: inout Int) throws(EnvelopeError) {
        switch peek(bytes, position &+ 1) {
        case 0x22, 0x5C, 0x2F, 0x62, 0x66, 0x6E, 0x72, 0x74: position &+= 2
        case 0x75:
            for index in 2..<6 where JSONString.hexValue(peek(bytes, position &+ index)) == nil {
                throw .malformedJSON(offset: position)
            }
            position &+= 6
        default: throw .malformedJSON(offset: position)
        }
    }

    /// Steps over a number.
    static func number(_ bytes: RawSpan, _ position: inout Int) throws(EnvelopeError) {
        if peek(bytes, position) == 0x2D { position &+= 1 }
        if peek(bytes, position) == 0x30 {
            position &+= 1
        } else {
            try digits(bytes, &position)
        }
        if peek(bytes, position) == 0x2E {
            position &+= 1
            try digits(bytes, &position)
        }
        if peek(bytes, position) | 0x20 == 0x65 {
            position &+= 1
            let sign = peek(bytes, position)
            if sign == 0x2B || sign == 0x2D { position &+= 1 }
            try digits(bytes, &position)
        }
    }

    @inline(__always)
    private static func digits(_ bytes: RawSpan, _ position: inout Int) throws(EnvelopeError) {
        let start = position
        while peek(bytes, position) &- 0x30 < 10 { position &+= 1 }
        if position == start { throw .malformedJSON(offset: position) }
    }

    /// Steps over `true`, `false` or `null`.
    static func literal(_ bytes: RawSpan, _ position: inout Int) throws(EnvelopeError) {
        let rest = bytes.byteCount &- position
        if rest >= 4, bytes.matches(position..<(position &+ 4), "true") {
            position &+= 4
        } else if rest >= 5, bytes.matches(position..<(position &+ 5), "false") {
            position &+= 5
        } else if rest >= 4, bytes.matches(position..<(position &+ 4), "null") {
            position &+= 4
        } else {
            throw .malformedJSON(offset: position)
        }
    }

    /// Steps over any value that begins at `position` (no whitespace before it).
    static func value(_ bytes: RawSpan, _ position: inout Int) throws(EnvelopeError) {
        // One bit per open bracket, 1 = object; the lowest is the innermost.
        var open: UInt128 = 0
        var depth = 0
        while true {
            switch peek(bytes, position) {
            case 0x22: _ = try string(bytes, &position)
            case 0x7B:
                try push(isObject: true, &open, &depth)
                position &+= 1
                skipWhitespace(bytes, &position)
                if peek(bytes, position) != 0x7D {
                    try memberName(bytes, &position)
                    continue
                }
            // An empty object: its end is taken below.
            case 0x5B:
                try push(isObject: false, &open, &depth)
                position &+= 1
                skipWhitespace(bytes, &position)
                if peek(bytes, position) != 0x5D { continue }
            case 0x2D, 0x30...0x39: try number(bytes, &position)
            default: try literal(bytes, &position)
            }
            try closeOrContinue(bytes, &position, &open, &depth)
            if depth == 0 { return }
        }
    }

    /// After a value: steps over ends of arrays and objects, and over the comma to the next value.
    ///
    /// On return either `depth` is 0 or `position` is at the next value.
    private static func closeOrContinue(
        _ bytes: RawSpan, _ position: inout Int, _ open: inout UInt128, _ depth: inout Int
    ) throws(EnvelopeError) {
        while depth > 0 {
            skipWhitespace(bytes, &position)
            let isObject = open & 1 == 1
            switch peek(bytes, position) {
            case 0x2C:
                position &+= 1
                skipWhitespace(bytes, &position)
                if isObject { try memberName(bytes, &position) }
                return
            case 0x7D where isObject, 0x5D where !isObject:
                position &+= 1
                open >>= 1
                depth &-= 1
            default: throw .malformedJSON(offset: position)
            }
        }
    }

    @inline(__always)
    private static func push(
        isObject: Bool, _ open: inout UInt128, _ depth: inout Int
    ) throws(EnvelopeError) {
        guard depth < depthLimit else { throw .tooDeep }
        open = open << 1 | (isObject ? 1 : 0)
        depth &+= 1
    }

    /// A member's name, the colon and the whitespace around it.
    private static func memberName(_ bytes: RawSpan, _ position: inout Int) throws(EnvelopeError) {
        _ = try string(bytes, &position)
        skipWhitespace(bytes, &position)
        try expect(0x3A, bytes, &position)
        skipWhitespace(bytes, &position)
    }
}
