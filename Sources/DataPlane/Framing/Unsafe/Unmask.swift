import NIOCore

extension ByteBuffer {
    /// Appends `count` bytes of `source` from `offset`, each combined with its octet of the masking
    /// key (RFC 6455 section 5.3), eight at a time.
    ///
    /// - Parameter key: the four key bytes as a number in the machine's order.
    @inline(__always)
    mutating func writeUnmasked(_ source: RawSpan, from offset: Int, count: Int, key: UInt32) {
        if count == 0 { return }
        let part = source.extracting(offset..<(offset + count))
        // The span proves `count` readable bytes; NIO gives at least `count` writable ones.
        unsafe writeWithUnsafeMutableBytes(minimumWritableBytes: count) { target in
            unsafe part.withUnsafeBytes { bytes in
                unsafe unmask(bytes, into: target, key: key)
            }
            return count
        }
    }
}

/// - Parameter target: at least as long as `source`.
@inline(__always)
private func unmask(
    _ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer, key: UInt32
) {
    let wide = UInt64(key) << 32 | UInt64(key)
    let count = source.count
    var index = 0
    while index &+ 8 <= count {
        let word = unsafe source.loadUnaligned(fromByteOffset: index, as: UInt64.self) ^ wide
        unsafe target.storeBytes(of: word, toByteOffset: index, as: UInt64.self)
        index &+= 8
    }
    // The key repeats every four bytes and `index` is a multiple of eight.
    var rest = key.littleEndian
    while index < count {
        unsafe target[index] = unsafe source[index] ^ UInt8(truncatingIfNeeded: rest)
        rest = rest >> 8 | rest << 24
        index &+= 1
    }
}
