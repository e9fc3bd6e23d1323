import Crypto
import SluiceVocabulary

/// Verified tokens by their SHA-256, bounded, so that the same token costs one signature check.
///
/// The token itself is not kept. When the cache is full a hand goes round the slots and takes the
/// first that was not used since it last came by (CLOCK), looking at no more than `maxSteps`.
struct TokenCache {
    struct Entry {
        let digest: SHA256.Digest
        let principal: Principal
        let validFromSeconds: Int64
        let expiresAtSeconds: Int64
        var wasUsed: Bool
    }

    private static let maxSteps = 16

    private let capacity: Int
    private var slots: [Entry] = []
    private var places: [SHA256.Digest: Int] = [:]
    private var hand = 0

    /// - Parameter capacity: 0 remembers nothing.
    init(capacity: Int) { self.capacity = max(0, capacity) }

    var count: Int { slots.count }

    /// The entry of a token, noted as used.
    mutating func find(_ digest: SHA256.Digest) -> Entry? {
        guard let place = places[digest] else { return nil }
        if !slots[place].wasUsed { slots[place].wasUsed = true }
        return slots[place]
    }

    mutating func insert(_ entry: Entry) {
        guard capacity > 0 else { return }
        if let place = places[entry.digest] {
            slots[place] = entry
        } else if slots.count < capacity {
            places[entry.digest] = slots.count
            slots.append(entry)
        } else {
            let place = placeToReuse()
            places[slots[place].digest] = nil
            places[entry.digest] = place
            slots[place] = entry
        }
    }

    mutating func remove(_ digest: SHA256.Digest) {
        guard let place = places.removeValue(forKey: digest) else { return }
        let last = slots.removeLast()
        guard place < slots.count else { return }
        slots[place] = last
        places[last.digest] = place
    }

    mutating func removeAll() {
        slots.removeAll()
        places.removeAll()
        hand = 0
    }

    private mutating func placeToReuse() -> Int {
        for _ in 0..<min(Self.maxSteps, slots.count) {
            advance()
            if !slots[hand].wasUsed { return hand }
            slots[hand].wasUsed = false
        }
        return hand
    }

    private mutating func advance() { hand = hand + 1 < slots.count ? hand + 1 : 0 }
}
