/// Checks UTF-8 (RFC 3629) piece by piece: a text may arrive in fragments that split a character.
enum UTF8Check {
    /// How far `bytes` are good UTF-8.
    enum Outcome: Equatable {
        /// All of it.
        case valid
        /// Up to `validEnd`; what follows is the beginning of a character that may yet be completed.
        case incomplete(validEnd: Int)
        case invalid
    }

    /// Whether the bytes of `range` are UTF-8 from beginning to end.
    @inline(__always)
    static func isValid(_ bytes: RawSpan, in range: Range<Int>) -> Bool {
        check(bytes, in: range) == .valid
    }

    static func check(_ bytes: RawSpan, in range: Range<Int>) -> Outcome {
        var position = range.lowerBound
        let end = range.upperBound
        while position < end {
            while position &+ 8 <= end, bytes.word(at: position) & 0x8080_8080_8080_8080 == 0 {
                position &+= 8
            }
            guard position < end else { break }
            let lead = bytes.byte(at: position)
            if lead < 0x80 {
                position &+= 1
                continue
            }
            let (length, second) = shape(of: lead)
            guard length > 0 else { return .invalid }
            var index = 1
            while index < length {
                guard position &+ index < end else { return .incomplete(validEnd: position) }
                let byte = bytes.byte(at: position &+ index)
                let allowed = index == 1 ? second : 0x80...0xBF
                guard allowed.contains(byte) else { return .invalid }
                index &+= 1
            }
            position &+= length
        }
        return .valid
    }

    /// Length of the sequence that begins with `lead` and the range of its second byte, which is
    /// what rules out overlong forms, surrogates and values above U+10FFFF (RFC 3629 section 4).
    @inline(__always)
    private static func shape(of lead: UInt8) -> (length: Int, second: ClosedRange<UInt8>) {
        switch lead {
        case 0xC2...0xDF: (2, 0x80...0xBF)
        case 0xE0: (3, 0xA0...0xBF)
        case 0xE1...0xEC, 0xEE...0xEF: (3, 0x80...0xBF)
        case 0xED: (3, 0x80...0x9F)
        case 0xF0: (4, 0x90...0xBF)
        case 0xF1...0xF3: (4, 0x80...0xBF)
        case 0xF4: (4, 0x80...0x8F)
        default: (0, 0x80...0xBF)
        }
    }
}
