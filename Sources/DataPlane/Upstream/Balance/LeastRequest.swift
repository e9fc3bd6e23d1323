/// The power of two choices (Mitzenmacher, 2001): of two members drawn at random, in proportion to
/// their weights, the one with fewer calls under way for its weight.
///
/// Asking all members instead would send every loop's calls to the one that is idle.
package struct LeastRequest {
    /// Vose's alias table (1991): a draw in proportion to weights in constant time. Empty where
    /// all weights are equal.
    private var shares: [UInt32] = []
    private var aliases: [Int32] = []
    private var count = 0

    package init() {}

    /// Takes over the weights of all places.
    package mutating func rebuild(weights: [Int]) {
        count = weights.count
        shares.removeAll(keepingCapacity: true)
        aliases.removeAll(keepingCapacity: true)
        guard let first = weights.first, weights.contains(where: { $0 != first }) else { return }
        let sum = Double(weights.reduce(0) { $0 + max(1, $1) })
        var scaled = weights.map { Double(max(1, $0)) * Double(weights.count) / sum }
        shares = Array(repeating: .max, count: count)
        aliases = weights.indices.map { Int32(truncatingIfNeeded: $0) }
        var small = scaled.indices.filter { scaled[$0] < 1 }
        var large = scaled.indices.filter { scaled[$0] >= 1 }
        while let less = small.popLast(), let more = large.last {
            shares[less] = UInt32(scaled[less] * Double(UInt32.max))
            aliases[less] = Int32(truncatingIfNeeded: more)
            scaled[more] -= 1 - scaled[less]
            if scaled[more] < 1 {
                large.removeLast()
                small.append(more)
            }
        }
    }

    /// Two places to choose from; the same one twice where there is no other.
    @inline(__always)
    package func draw(_ random: inout SeededRandom) -> (first: Int, second: Int) {
        let word = random.next()
        if shares.isEmpty {
            let first = Self.scale(UInt32(truncatingIfNeeded: word), count)
            guard count > 1 else { return (first, first) }
            let step = Self.scale(UInt32(truncatingIfNeeded: word >> 32), count &- 1) &+ 1
            let second = first &+ step
            return (first, second < count ? second : second &- count)
        }
        return (weighted(word), weighted(random.next()))
    }

    @inline(__always)
    private func weighted(_ word: UInt64) -> Int {
        let place = Self.scale(UInt32(truncatingIfNeeded: word), count)
        return UInt32(truncatingIfNeeded: word >> 32) <= shares[place]
            ? place : Int(aliases[place])
    }

    /// 0..<count, each as likely as the other (Lemire, 2019).
    @inline(__always)
    private static func scale(_ word: UInt32, _ count: Int) -> Int {
        Int((UInt64(word) &* UInt64(count)) >> 32)
    }
}
