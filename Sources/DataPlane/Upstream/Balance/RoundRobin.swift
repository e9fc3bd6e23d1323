/// One after the other, each as often as its weight says and as evenly spread as that allows.
///
/// Equal weights simply rotate. Others are scheduled by the earliest deadline: each turn of a member
/// sets its next deadline one interval (1 / weight) later. O(1) and O(log n), no allocation.
package struct RoundRobin {
    private struct Turn {
        var due: UInt64
        var place: Int32
    }

    private var count = 0
    private var turn = 0
    /// A binary heap, the earliest deadline first; empty where all weights are equal.
    private var heap: [Turn] = []
    private var intervals: [UInt64] = []

    package init() {}

    /// Takes over the weights of all places.
    ///
    /// - Parameter random: spreads the first deadlines, so that not every loop begins with the same
    ///   place whenever something changes.
    package mutating func rebuild(weights: [Int], random: inout SeededRandom) {
        count = weights.count
        if turn >= count { turn = 0 }
        heap.removeAll(keepingCapacity: true)
        intervals.removeAll(keepingCapacity: true)
        guard let first = weights.first, weights.contains(where: { $0 != first }) else { return }
        for (place, weight) in weights.enumerated() {
            let interval = (1 << 40) / UInt64(max(1, weight))
            intervals.append(interval)
            heap.append(
                Turn(
                    due: UInt64.random(in: 0..<max(1, interval), using: &random),
                    place: Int32(truncatingIfNeeded: place)))
        }
        heap.sort { $0.due < $1.due }
    }

    /// The place whose turn it is.
    package mutating func next() -> Int {
        if heap.isEmpty {
            turn = turn &+ 1 < count ? turn &+ 1 : 0
            return turn
        }
        let place = heap[0].place
        var moved = heap[0]
        moved.due &+= intervals[Int(place)]
        // A billion turns of the heaviest fit well below the end.
        if moved.due > 1 << 62 { rebase(&moved) }
        sift(moved)
        return Int(place)
    }

    /// Puts `moved`, which was the first, where it belongs.
    private mutating func sift(_ moved: Turn) {
        var hole = 0
        let count = heap.count
        while true {
            var child = hole &* 2 &+ 1
            if child >= count { break }
            if child &+ 1 < count, heap[child &+ 1].due < heap[child].due { child &+= 1 }
            if heap[child].due > moved.due { break }
            heap[hole] = heap[child]
            hole = child
        }
        heap[hole] = moved
    }

    private mutating func rebase(_ moved: inout Turn) {
        let base = heap.dropFirst().map(\.due).min() ?? moved.due
        for place in heap.indices { heap[place].due = max(heap[place].due, base) &- base }
        moved.due &-= base
    }
}
