/// SHA-1 (RFC 3174), for the WebSocket handshake alone: there it proves that both sides speak the
/// protocol and protects nothing.
enum SHA1 {
    /// - Returns: 20 bytes.
    static func digest(_ message: [UInt8]) -> [UInt8] {
        var state: [5 of UInt32] = [
            0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0,
        ]
        var padded = message
        padded.append(0x80)
        while padded.count % 64 != 56 { padded.append(0) }
        for shift in stride(from: 56, through: 0, by: -8) {
            padded.append(UInt8(truncatingIfNeeded: UInt64(message.count * 8) >> UInt64(shift)))
        }
        for start in stride(from: 0, to: padded.count, by: 64) {
            process(padded, from: start, &state)
        }
        var digest: [UInt8] = []
        digest.reserveCapacity(20)
        for index in 0..<5 {
            for shift in [24, 16, 8, 0] as [UInt32] {
                digest.append(UInt8(truncatingIfNeeded: state[index] >> shift))
            }
        }
        return digest
    }

    /// One block of 64 bytes (section 6.1).
    private static func process(_ block: [UInt8], from start: Int, _ state: inout [5 of UInt32]) {
        var words: [80 of UInt32] = InlineArray(repeating: 0)
        for index in 0..<16 {
            let at = start + index * 4
            words[index] =
                UInt32(block[at]) << 24 | UInt32(block[at + 1]) << 16 | UInt32(block[at + 2]) << 8
                | UInt32(block[at + 3])
        }
        for index in 16..<80 {
            words[index] = rotated(
                words[index - 3] ^ words[index - 8] ^ words[index - 14] ^ words[index - 16], by: 1)
        }
        var (a, b, c, d, e) = (state[0], state[1], state[2], state[3], state[4])
        for index in 0..<80 {
            let (mix, constant): (UInt32, UInt32) =
                switch index {
                case 0..<20: ((b & c) | (~b & d), 0x5A82_7999)
                case 20..<40: (b ^ c ^ d, 0x6ED9_EBA1)
                case 40..<60: ((b & c) | (b & d) | (c & d), 0x8F1B_BCDC)
                default: (b ^ c ^ d, 0xCA62_C1D6)
                }
            let next = rotated(a, by: 5) &+ mix &+ e &+ words[index] &+ constant
            (a, b, c, d, e) = (next, a, rotated(b, by: 30), c, d)
        }
        state[0] &+= a
        state[1] &+= b
        state[2] &+= c
        state[3] &+= d
        state[4] &+= e
    }

    @inline(__always)
    private static func rotated(_ word: UInt32, by count: UInt32) -> UInt32 {
        word << count | word >> (32 - count)
    }
}
