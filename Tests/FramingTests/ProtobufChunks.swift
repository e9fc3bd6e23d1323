/// Makes protobuf fields of every kind, good and bad.
struct ProtobufChunks {
    var random: Seeded

    /// One field: its number, and all its bytes.
    struct Chunk {
        var number: UInt32
        var bytes: [UInt8]
    }

    static func varint(_ value: UInt64, padding: Int = 0) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
        // Longer than it need be, which protobuf takes.
        for _ in 0..<padding {
            bytes[bytes.count - 1] |= 0x80
            bytes.append(0)
        }
        return bytes
    }

    mutating func number() -> UInt32 {
        switch Int.random(in: 0..<20, using: &random) {
        case 0..<12: random.pick([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 15])
        case 12..<14: random.pick([32, 33, 34, 35])
        case 14..<16: UInt32.random(in: 31...64, using: &random)
        case 16: UInt32.random(in: 12...14, using: &random)
        case 17: 0x1FFF_FFFF
        default: UInt32.random(in: 1...70_000, using: &random)
        }
    }

    private static func wireType(of number: UInt32) -> UInt32 {
        switch number {
        case 7, 9, 10, 15, 32...35: 2
        default: 0
        }
    }

    mutating func text() -> [UInt8] {
        if random.chance(8) { return random.bytes(Int.random(in: 1...6, using: &random)) }
        return random.pick([
            "", "room-1", "κόσμε", "𝄞", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            String(repeating: "x", count: 130),
        ]).bytes
    }

    /// - Parameter isMostlyGood: tags and lengths are never broken on purpose.
    mutating func chunk(depth: Int = 0) -> Chunk {
        let number = number()
        let type =
            random.chance(85) ? Self.wireType(of: number) : UInt32.random(in: 0...5, using: &random)
        var padding = random.chance(5) ? Int.random(in: 1...2, using: &random) : 0
        if number > 1 << 20 { padding = 0 }
        let tag = Self.varint(UInt64(number << 3 | type), padding: padding)
        switch type {
        case 0:
            let value = random.pick([0, 1, 127, 128, 300, UInt64(UInt32.max), 1 << 32, UInt64.max])
            let padding =
                random.chance(5) && value < 1 << 32 ? Int.random(in: 1...4, using: &random) : 0
            return Chunk(number: number, bytes: tag + Self.varint(value, padding: padding))
        case 1: return Chunk(number: number, bytes: tag + random.bytes(8))
        case 2:
            let text = text()
            return Chunk(number: number, bytes: tag + Self.varint(UInt64(text.count)) + text)
        case 3:
            var inner: [UInt8] = []
            if depth < 3 {
                for _ in 0..<Int.random(in: 0...2, using: &random) {
                    inner += chunk(depth: depth + 1).bytes
                }
            }
            return Chunk(number: number, bytes: tag + inner + Self.varint(UInt64(number << 3 | 4)))
        case 4: return Chunk(number: number, bytes: tag)
        default: return Chunk(number: number, bytes: tag + random.bytes(4))
        }
    }

    mutating func message() -> [Chunk] {
        (0..<Int.random(in: 0...8, using: &random)).map { _ in chunk() }
    }

    /// The bytes with something broken: flipped, cut, inserted, doubled.
    mutating func mutated(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            let at = Int.random(in: 0...bytes.count, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0: bytes.insert(random.pick([0x00, 0x80, 0xFF, 0x0B, 0x0C, 0x7A]), at: at)
            case 1: bytes.removeSubrange(at...)
            case 2: bytes.insert(contentsOf: bytes.prefix(at), at: at)
            default: if at < bytes.count { bytes[at] = UInt8.random(in: 0...255, using: &random) }
            }
        }
        return bytes
    }
}
