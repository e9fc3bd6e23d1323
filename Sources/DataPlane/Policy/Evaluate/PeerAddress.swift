import SluiceVocabulary

/// An address as two words, for cutting and hashing. IPv4 mapped into IPv6 is IPv4.
struct PeerAddress: Sendable {
    let high: UInt64
    let low: UInt64
    let isV4: Bool

    /// - Parameter bytes: 4 or 16 in network order; anything else counts as the address `::`.
    init(_ bytes: [UInt8]) {
        func word(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
        let mapped = bytes.count == 16 && word(bytes[0..<8]) == 0 && word(bytes[8..<12]) == 0xFFFF
        if bytes.count == 4 || mapped {
            high = word(bytes.suffix(4)) << 32
            low = 0
            isV4 = true
        } else if bytes.count == 16 {
            high = word(bytes[0..<8])
            low = word(bytes[8..<16])
            isV4 = false
        } else {
            high = 0
            low = 0
            isV4 = false
        }
    }

    /// The leading bits alone, as two words.
    func prefix(bits4: UInt8, bits6: UInt8) -> (high: UInt64, low: UInt64) {
        let bits = UInt64(isV4 ? bits4 : bits6)
        let highMask = bits >= 64 ? UInt64.max : ~(UInt64.max >> bits)
        let lowMask = bits <= 64 ? 0 : ~(UInt64.max >> (bits - 64))
        return (high & highMask, low & lowMask)
    }

    /// The whole address.
    var ip: IPAddress {
        IPAddress(value: isV4 ? 0xFFFF_0000_0000 | UInt128(high >> 32) : wide(high, low))
    }

    /// The leading bits as text, without the bits where all of them count.
    func text(bits4: UInt8, bits6: UInt8) -> String {
        let cut = prefix(bits4: bits4, bits6: bits6)
        let value = isV4 ? 0xFFFF_0000_0000 | UInt128(cut.high >> 32) : wide(cut.high, cut.low)
        let bits = isV4 ? bits4 : bits6
        let text = IPAddress(value: value).text
        return bits == (isV4 ? 32 : 128) ? text : "\(text)/\(bits)"
    }

    private func wide(_ high: UInt64, _ low: UInt64) -> UInt128 {
        UInt128(high) << 64 | UInt128(low)
    }
}
