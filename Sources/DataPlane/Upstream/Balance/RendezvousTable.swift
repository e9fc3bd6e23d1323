/// Rendezvous hashing (Thaler and Ravishankar, 1998), with its answers kept: keys share 16,384
/// slots, and each slot's winner is computed when it is first asked for.
///
/// When a member leaves, only its slots move, and each to a member of its own; when one comes, it
/// takes its share from all. Computed for each key, a choice among 100 members costs 300 ns.
package struct RendezvousTable {
    private static let slotBits: UInt64 = 14

    private struct Entry {
        var hash: UInt64
        var weight: Double
    }

    private var members: [Entry] = []
    /// The winner's place; -1 = not computed yet.
    private var slots: [Int16] = []

    package init() {}

    /// Takes over all places; the answers so far are forgotten.
    package mutating func rebuild(hashes: [UInt64], weights: [Int]) {
        members.removeAll(keepingCapacity: true)
        for (hash, weight) in zip(hashes, weights).prefix(Int(Int16.max)) {
            members.append(Entry(hash: hash, weight: Double(max(1, weight))))
        }
        // Not before it is used: most services never are asked by key.
        if !slots.isEmpty {
            for slot in slots.indices { slots[slot] = -1 }
        }
    }

    /// The place of a key. Members after the 32,767th get none.
    @inline(__always)
    package mutating func place(of key: UInt64) -> Int {
        let slot = Int(truncatingIfNeeded: mixed(key) >> (64 &- Self.slotBits))
        if slot < slots.count, slots[slot] >= 0 { return Int(slots[slot]) }
        return compute(slot)
    }

    private mutating func compute(_ slot: Int) -> Int {
        if slots.isEmpty { slots = Array(repeating: -1, count: 1 << Int(Self.slotBits)) }
        let word = mixed(UInt64(slot) &+ 0x9E37_79B9_7F4A_7C15)
        var best = 0
        var bestScore = -1.0
        for place in members.indices {
            let score = members[place].weight / Self.exponential(mixed(word ^ members[place].hash))
            if score > bestScore {
                best = place
                bestScore = score
            }
        }
        slots[slot] = Int16(truncatingIfNeeded: best)
        return best
    }

    /// -log2 of a hash taken as a fraction of 1: weights divided by it win in proportion to
    /// themselves (Schindelhauer and Schomaker, 2005).
    ///
    /// By the series of artanh, to 1e-5: the same on every machine, which no libm promises.
    package static func exponential(_ hash: UInt64) -> Double {
        let word = hash | 1
        let zeros = word.leadingZeroBitCount
        let mantissa = Double(word << UInt64(zeros)) * 0x1p-63
        let ratio = (mantissa - 1) / (mantissa + 1)
        let square = ratio * ratio
        let series = 1 + square * (1.0 / 3 + square * (0.2 + square * (1.0 / 7 + square / 9)))
        return max(0x1p-40, Double(zeros + 1) - 2 * ratio * series * 1.442_695_040_888_963_4)
    }
}
