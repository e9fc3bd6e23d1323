/// An open-addressing table from keys to buckets; for one shard, under its lock.
///
/// 16 bytes a slot, at most 7 of 8 in use, a quarter larger when it grows: what a key costs beside
/// its bucket stays below 23 bytes (a `Dictionary` with its powers of two takes up to 64). Of a key
/// 64 bits are kept; with those that chose the shard a million keys collide with a probability
/// of 10^-9.
struct KeyTable {
    private var keys: ContiguousArray<UInt64> = []
    private var buckets: ContiguousArray<Bucket?> = []
    private(set) var count = 0

    subscript(key: UInt64) -> Bucket? {
        if keys.isEmpty { return nil }
        return buckets[slot(of: key)]
    }

    /// Adds a key, or gives one that is there another bucket.
    mutating func set(_ key: UInt64, _ bucket: Bucket) {
        if (count + 1) * 8 > keys.count * 7 {
            resize(to: max(8, keys.count * 5 / 4 + 1)) { _ in true }
        }
        let slot = slot(of: key)
        if buckets[slot] == nil { count += 1 }
        keys[slot] = key
        buckets[slot] = bucket
    }

    /// Keeps the buckets for which `stays` says so. Returns how many went.
    mutating func keep(where stays: (Bucket) -> Bool) -> Int {
        let before = count
        // Room for a quarter more than stay, found before anything moves.
        var kept = 0
        var verdicts = ContiguousArray(repeating: false, count: keys.count)
        for slot in keys.indices {
            guard let bucket = buckets[slot], stays(bucket) else { continue }
            verdicts[slot] = true
            kept += 1
        }
        if kept == before { return 0 }
        resize(to: kept == 0 ? 0 : max(8, kept * 5 / 4 + 1)) { verdicts[$0] }
        return before - kept
    }

    func forEach(_ body: (Bucket) -> Void) {
        for case .some(let bucket) in buckets { body(bucket) }
    }

    /// Where a key is, or where it would be put.
    private func slot(of key: UInt64) -> Int {
        var slot = Int(key.multipliedFullWidth(by: UInt64(keys.count)).high)
        while buckets[slot] != nil, keys[slot] != key {
            slot = slot + 1 == keys.count ? 0 : slot + 1
        }
        return slot
    }

    private mutating func resize(to capacity: Int, _ stays: (Int) -> Bool) {
        let (oldKeys, oldBuckets) = (keys, buckets)
        keys = ContiguousArray(repeating: 0, count: capacity)
        buckets = ContiguousArray(repeating: nil, count: capacity)
        count = 0
        for slot in oldKeys.indices where stays(slot) {
            guard let bucket = oldBuckets[slot] else { continue }
            let new = self.slot(of: oldKeys[slot])
            keys[new] = oldKeys[slot]
            buckets[new] = bucket
            count += 1
        }
    }
}
