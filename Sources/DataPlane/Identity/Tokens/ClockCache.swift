/// A bounded table that forgets what was not used lately.
///
/// When it is full a hand goes round the slots and takes the first that was not used since it last
/// came by (CLOCK), looking at no more than `maxSteps`.
struct ClockCache<Key: Hashable, Value> {
    private struct Slot {
        let key: Key
        var value: Value
        var wasUsed: Bool
    }

    private static var maxSteps: Int { 16 }

    private let capacity: Int
    private var slots: [Slot] = []
    private var places: [Key: Int] = [:]
    private var hand = 0

    /// - Parameter capacity: 0 remembers nothing.
    init(capacity: Int) { self.capacity = max(0, capacity) }

    var count: Int { slots.count }

    /// The value of a key, noted as used.
    mutating func find(_ key: Key) -> Value? {
        guard let place = places[key] else { return nil }
        if !slots[place].wasUsed { slots[place].wasUsed = true }
        return slots[place].value
    }

    mutating func insert(_ value: Value, for key: Key) {
        guard capacity > 0 else { return }
        if let place = places[key] {
            slots[place].value = value
        } else if slots.count < capacity {
            places[key] = slots.count
            slots.append(Slot(key: key, value: value, wasUsed: false))
        } else {
            let place = placeToReuse()
            places[slots[place].key] = nil
            places[key] = place
            slots[place] = Slot(key: key, value: value, wasUsed: false)
        }
    }

    mutating func remove(_ key: Key) {
        guard let place = places.removeValue(forKey: key) else { return }
        let last = slots.removeLast()
        guard place < slots.count else { return }
        slots[place] = last
        places[last.key] = place
    }

    /// Forgets all of which this is not true.
    mutating func keep(where isKept: (Value) -> Bool) {
        let old = slots
        removeAll()
        for slot in old where isKept(slot.value) {
            places[slot.key] = slots.count
            slots.append(slot)
        }
    }

    mutating func removeAll() {
        slots.removeAll()
        places.removeAll()
        hand = 0
    }

    private mutating func placeToReuse() -> Int {
        for _ in 0..<min(Self.maxSteps, slots.count) {
            hand = hand + 1 < slots.count ? hand + 1 : 0
            if !slots[hand].wasUsed { return hand }
            slots[hand].wasUsed = false
        }
        return hand
    }
}
