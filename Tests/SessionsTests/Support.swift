import SluiceSessions
import SluiceVocabulary

/// A seeded generator (SplitMix64).
struct Seeded: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
        return word ^ word >> 31
    }
}

/// An entry whose connection has this slot on a loop.
func entry(
    _ user: String, _ slot: Int, device: String = "", platform: String = "", loop: Int = 0
) -> SessionEntry {
    SessionEntry(
        user: user, session: SessionID(high: 0, low: UInt64(slot)),
        connection: ConnectionID(loop: loop, slot: slot, generation: 1), device: device,
        platform: platform)
}

extension [SessionEntry] {
    var slots: [Int] { map(\.connection.slot) }
}

/// Phones in a class of their own, browsers in another.
let classes = ["ios": "mobile", "android": "mobile", "web": "web"]
