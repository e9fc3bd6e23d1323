import SluiceVocabulary

/// 128 bits that stand for a key: two independent keyed hashes (SipHash, seeded per process).
///
/// Nobody outside can aim for a collision, and by chance a million keys meet with a probability of
/// 10^-27; so the key itself need not be kept.
struct KeyFingerprint: Sendable {
    let high: UInt64
    let low: UInt64
}

/// Builds a fingerprint from the parts of a key. Parts are told apart by kind and length.
struct KeyFingerprintBuilder {
    private var first = Hasher()
    private var second = Hasher()

    init() {
        first.combine(UInt64(0x9E37_79B9_7F4A_7C15))
        second.combine(UInt64(0xC2B2_AE3D_27D4_EB4F))
    }

    private mutating func add(_ word: UInt64) {
        first.combine(word)
        second.combine(word)
    }

    mutating func add(text: String, kind: UInt64) {
        add(kind << 56 | UInt64(text.utf8.count))
        var word: UInt64 = 0
        var filled = 0
        for byte in text.utf8 {
            word = word << 8 | UInt64(byte)
            filled += 1
            if filled == 8 {
                add(word)
                word = 0
                filled = 0
            }
        }
        if filled > 0 { add(word) }
    }

    mutating func add(high: UInt64, low: UInt64, kind: UInt64) {
        add(kind << 56)
        add(high)
        add(low)
    }

    func finish() -> KeyFingerprint {
        KeyFingerprint(
            high: UInt64(bitPattern: Int64(first.finalize())),
            low: UInt64(bitPattern: Int64(second.finalize())))
    }
}
