/// The characters of a JSON string that `JSONScanner` has already found to be well-formed.
enum JSONString {
    @inline(__always)
    static func hexValue(_ byte: UInt8) -> UInt32? {
        switch byte {
        case 0x30...0x39: UInt32(byte &- 0x30)
        case 0x41...0x46: UInt32(byte &- 0x37)
        case 0x61...0x66: UInt32(byte &- 0x57)
        default: nil
        }
    }

    /// The next byte of UTF-8, or the code unit of an escape.
    enum Unit: Equatable {
        case byte(UInt8)
        case scalar(Unicode.Scalar)
        /// An escaped surrogate without a partner: no character.
        case loneSurrogate
    }

    static func next(_ bytes: RawSpan, _ position: inout Int, end: Int) -> Unit {
        let byte = bytes.byte(at: position)
        guard byte == 0x5C else {
            position &+= 1
            return .byte(byte)
        }
        let letter = bytes.byte(at: position &+ 1)
        guard letter == 0x75 else {
            position &+= 2
            return .byte(simple(letter))
        }
        let first = codeUnit(bytes, at: position)
        position &+= 6
        if let scalar = Unicode.Scalar(first) { return .scalar(scalar) }
        guard first < 0xDC00, position &+ 6 <= end, bytes.byte(at: position) == 0x5C,
            bytes.byte(at: position &+ 1) == 0x75
        else { return .loneSurrogate }
        let second = codeUnit(bytes, at: position)
        guard (0xDC00...0xDFFF).contains(second) else { return .loneSurrogate }
        position &+= 6
        let combined = 0x10000 &+ (first &- 0xD800) << 10 &+ (second &- 0xDC00)
        return Unicode.Scalar(combined).map(Unit.scalar) ?? .loneSurrogate
    }

    /// The four hexadecimal digits of the escape at `position`.
    private static func codeUnit(_ bytes: RawSpan, at position: Int) -> UInt32 {
        var value: UInt32 = 0
        for index in 2..<6 {
            value = value << 4 | (hexValue(bytes.byte(at: position &+ index)) ?? 0)
        }
        return value
    }

    private static func simple(_ letter: UInt8) -> UInt8 {
        switch letter {
        case 0x62: 0x08
        case 0x66: 0x0C
        case 0x6E: 0x0A
        case 0x72: 0x0D
        case 0x74: 0x09
        default: letter
        }
    }

    /// The text with escapes resolved.
    ///
    /// - Returns: nil when it holds half a surrogate pair, which has no UTF-8.
    static func decoded(_ range: ByteRange, in bytes: RawSpan) -> String? {
        guard !range.isEmpty else { return "" }
        var utf8: [UInt8] = []
        utf8.reserveCapacity(Int(range.count))
        var position = range.range.lowerBound
        while position < range.range.upperBound {
            switch next(bytes, &position, end: range.range.upperBound) {
            case .byte(let byte): utf8.append(byte)
            case .scalar(let scalar): utf8.append(contentsOf: UTF8.encode(scalar) ?? .init())
            case .loneSurrogate: return nil
            }
        }
        return String(decoding: utf8, as: UTF8.self)
    }
}
