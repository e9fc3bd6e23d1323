import SluiceVocabulary

/// Places that one call holds under one limit.
struct HeldPlace {
    let bucket: WordBucket
    let amount: Int64

    func release() {
        while true {
            let seen = bucket.load()
            invariant(
                !seen.isRetired && seen.places >= amount,
                "a place is given back once, and held before")
            let after = BucketWord(places: seen.places - amount, generation: seen.generation)
            if bucket.replace(seen, by: after) { return }
        }
    }
}

/// Places that the call under decision has taken so far, on one loop.
///
/// Not part of the pass, which most calls make without holding any.
final class PlaceStack {
    private var places: [HeldPlace] = []

    func push(_ place: HeldPlace) { places.append(place) }

    func pop() -> HeldPlace { places.removeLast() }
}

@available(*, unavailable)
extension PlaceStack: Sendable {}

/// Who holds places, on one loop: leases by number.
struct LeaseTable {
    private struct Slot {
        /// Nil while nobody has the slot.
        var first: HeldPlace?
        /// Few calls hold places under more than one limit.
        var others: [HeldPlace] = []
        /// How often the slot was given out.
        var generation: UInt32 = 0
    }

    private var slots: [Slot] = []
    private var free: [Int] = []

    /// Leases that are out.
    var count: Int { slots.count - free.count }

    /// - Parameter count: places on top of `stack`, at least 1.
    mutating func take(_ count: Int, from stack: PlaceStack) -> Lease {
        let index: Int
        if let used = free.popLast() {
            index = used
        } else {
            index = slots.count
            slots.append(Slot())
        }
        slots[index].first = stack.pop()
        for _ in 1..<count { slots[index].others.append(stack.pop()) }
        slots[index].generation &+= 1
        return Lease(rawValue: UInt64(slots[index].generation) << 32 | UInt64(index + 1))
    }

    /// The one place where places come free.
    mutating func release(_ lease: Lease) {
        if lease.isNone { return }
        let index = Int(lease.rawValue & 0xFFFF_FFFF) - 1
        invariant(
            slots.indices.contains(index)
                && slots[index].generation == UInt32(lease.rawValue >> 32)
                && slots[index].first != nil, "a lease is released once, by whoever gave it")
        slots[index].first?.release()
        slots[index].first = nil
        if !slots[index].others.isEmpty {
            for place in slots[index].others { place.release() }
            slots[index].others.removeAll(keepingCapacity: true)
        }
        free.append(index)
    }
}
