/// A connection, unique within the life of one process: loop, slot and generation in one word.
///
/// The loop that owns a connection finds it by slot without a hash; the generation tells a
/// connection from an earlier one that used the same slot.
package struct ConnectionID: Sendable, Hashable {
    package var rawValue: UInt64

    @inlinable
    package init(rawValue: UInt64) { self.rawValue = rawValue }

    /// - Parameters:
    ///   - loop: index of the owning event loop, 0...255.
    ///   - slot: place in that loop's table, 0..<2^24.
    ///   - generation: how often the slot was used, wraps at 2^32.
    @inlinable
    package init(loop: Int, slot: Int, generation: UInt32) {
        rawValue = UInt64(loop) << 56 | UInt64(slot) << 32 | UInt64(generation)
    }

    @inlinable
    package var loop: Int { Int(rawValue >> 56) }
    @inlinable
    package var slot: Int { Int(rawValue >> 32 & 0xFF_FFFF) }
    @inlinable
    package var generation: UInt32 { UInt32(truncatingIfNeeded: rawValue) }

    /// 16 hexadecimal digits, as the journal shows it.
    package var text: String { hexadecimal(rawValue) }
}

/// A session: 128 random bits, so that nobody guesses another's.
package struct SessionID: Sendable, Hashable {
    package var high: UInt64
    package var low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// A new one from the system's generator.
    package static func random() -> Self {
        var source = SystemRandomNumberGenerator()
        return Self(high: source.next(), low: source.next())
    }

    /// What `text` says; nil for anything but 32 hexadecimal digits.
    package init?(text: String) {
        guard text.utf8.count == 32, text.allSatisfy(\.isHexDigit),
            let high = UInt64(text.prefix(16), radix: 16),
            let low = UInt64(text.suffix(16), radix: 16)
        else { return nil }
        self.init(high: high, low: low)
    }

    /// 32 hexadecimal digits.
    package var text: String { hexadecimal(high) + hexadecimal(low) }
}

/// 16 lower-case hexadecimal digits of a word.
package func hexadecimal(_ word: UInt64) -> String {
    let digits = String(word, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}
