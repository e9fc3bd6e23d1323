/// The buckets one connection has come upon, by limit: a small table with linear probing.
struct BucketSlots {
    struct Slot {
        /// Index of the limit in its snapshot; -1 = free.
        var limit: Int32 = -1
        /// Index into the limit's numbers.
        var variant: Int32 = 0
        var bucket: Bucket?
    }

    private(set) var slots: [Slot] = []
    private var used = 0

    /// Position of a limit's slot, or -1.
    @inline(__always)
    func find(_ limit: Int32) -> Int {
        let mask = slots.count &- 1
        if mask < 0 { return -1 }
        var index = Int(limit) & mask
        while slots[index].limit != limit {
            if slots[index].limit < 0 { return -1 }
            index = (index &+ 1) & mask
        }
        return index
    }

    /// Adds the slot of a limit, or replaces it.
    mutating func set(_ slot: Slot) {
        let known = find(slot.limit)
        if known >= 0 {
            slots[known] = slot
            return
        }
        if used * 4 >= slots.count * 3 { grow() }
        insert(slot)
        used += 1
    }

    private mutating func grow() {
        let old = slots
        slots = Array(repeating: Slot(), count: max(4, old.count * 2))
        for slot in old where slot.limit >= 0 { insert(slot) }
    }

    private mutating func insert(_ slot: Slot) {
        let mask = slots.count - 1
        var index = Int(slot.limit) & mask
        while slots[index].limit >= 0 { index = (index + 1) & mask }
        slots[index] = slot
    }
}
