extension RawSpan {
    /// The byte at `offset`. Traps outside the span.
    @inlinable @inline(__always)
    package func byte(at offset: Int) -> UInt8 {
        // `unsafeLoad` checks the bounds; a UInt8 has no invalid bit patterns.
        unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
    }

    /// The eight bytes from `offset` as they lie in memory, in the machine's order. Traps outside.
    @inlinable @inline(__always)
    package func word(at offset: Int) -> UInt64 {
        unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }

    /// A big-endian 16-bit number at `offset`.
    @inline(__always)
    func bigEndian16(at offset: Int) -> UInt16 {
        UInt16(bigEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self))
    }

    /// A big-endian 32-bit number at `offset`.
    @inline(__always)
    func bigEndian32(at offset: Int) -> UInt32 {
        UInt32(bigEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    /// A big-endian 64-bit number at `offset`.
    @inline(__always)
    func bigEndian64(at offset: Int) -> UInt64 {
        UInt64(bigEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    /// The bytes of `range` as text. Bytes that are not UTF-8 become U+FFFD.
    func text(_ range: Range<Int>) -> String {
        let part = extracting(range)
        return unsafe part.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
    }

    /// A copy.
    package func array() -> [UInt8] {
        unsafe withUnsafeBytes { unsafe Array($0) }
    }

    /// Whether the bytes of `range` are exactly `text`.
    @inline(__always)
    func matches(_ range: Range<Int>, _ text: StaticString) -> Bool {
        guard range.count == text.utf8CodeUnitCount else { return false }
        var index = 0
        while index < range.count {
            // In bounds: `index` is below the literal's own count, checked above.
            let expected = unsafe text.utf8Start[index]
            if byte(at: range.lowerBound + index) != expected { return false }
            index += 1
        }
        return true
    }
}

extension Array where Element == UInt8 {
    /// Calls `body` with the bytes of this array.
    package func withBytes<Result, Failure: Error>(
        _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let span = self.span
        return try body(unsafe span.bytes)
    }
}

extension String {
    /// Calls `body` with the UTF-8 of this text.
    @inline(__always)
    func withBytes(_ body: (RawSpan) -> Void) {
        let span = utf8Span.span
        body(unsafe span.bytes)
    }
}
