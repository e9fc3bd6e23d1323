import Synchronization

/// From keys to buckets, for one limit. Locked in shards, and only where a key is first seen.
///
/// A bucket that is not full is never let go: its owner would come back to a full one. Over
/// `maxKeys` further keys share hashed buckets.
final class BucketTable: Sendable {
    static let overflowBuckets = 4_096
    private static let shardCount = 16

    private let shards: [16 of Shard] = InlineArray { _ in Shard() }
    private let count = Atomic<Int>(0)
    private let overflowed = Atomic<UInt64>(0)
    /// Empty until the table first overflows.
    private let overflow = Mutex<[Bucket]>([])

    private final class Shard: Sendable {
        let buckets = Mutex<[KeyFingerprint: Bucket]>([:])
    }

    /// Keys with a bucket of their own.
    var liveKeys: Int { count.load(ordering: .relaxed) }

    /// How often a key had to share a bucket.
    var overflowCount: UInt64 { overflowed.load(ordering: .relaxed) }

    /// The bucket of a key; a new one is full at `now`.
    func bucket(of key: KeyFingerprint, maxKeys: Int, generation: UInt64, now: Int64) -> Bucket {
        shards[Int(key.high >> 60)].buckets.withLock { buckets in
            if let known = buckets[key] { return known }
            if let shared = sharedBucket(
                of: key, maxKeys: maxKeys, generation: generation, now: now)
            {
                overflowed.wrappingAdd(1, ordering: .relaxed)
                return shared
            }
            let fresh = Bucket(BucketWord(fullAt: now, generation: generation))
            buckets[key] = fresh
            return fresh
        }
    }

    /// The overflow bucket a key has to use, or nil when it may have one of its own, which is then
    /// counted already.
    ///
    /// A key moves out of the overflow only when its shared bucket is full: it must not find tokens
    /// elsewhere that it spent here. The shared one is retired with it, so that a connection which
    /// still holds it looks the key up again.
    private func sharedBucket(of key: KeyFingerprint, maxKeys: Int, generation: UInt64, now: Int64)
        -> Bucket?
    {
        overflow.withLock { buckets in
            let hasRoom = count.load(ordering: .relaxed) < maxKeys
            let full = BucketWord(fullAt: now, generation: generation)
            if buckets.isEmpty {
                if hasRoom {
                    count.wrappingAdd(1, ordering: .relaxed)
                    return nil
                }
                buckets = (0..<Self.overflowBuckets).map { _ in Bucket(full) }
            }
            let index = Int(key.low % UInt64(Self.overflowBuckets))
            let shared = buckets[index]
            let word = shared.load()
            if !hasRoom || word.used(at: now) > 0 { return shared }
            guard shared.replace(word, by: .retired) else { return shared }
            buckets[index] = Bucket(full)
            count.wrappingAdd(1, ordering: .relaxed)
            return nil
        }
    }

    /// Lets go of buckets that are full. Call it off the loops.
    ///
    /// Returns how many went. One shard is locked at a time. A connection that still
    /// holds a bucket finds it retired and looks its key up again.
    func forgetFull(now: Int64) -> Int {
        var forgotten = 0
        for index in 0..<Self.shardCount {
            let gone = shards[index].buckets.withLock { buckets in
                let before = buckets.count
                buckets = buckets.filter { !Self.retire($0.value, now: now) }
                return before - buckets.count
            }
            count.wrappingSubtract(gone, ordering: .relaxed)
            forgotten += gone
        }
        return forgotten
    }

    private static func retire(_ bucket: Bucket, now: Int64) -> Bool {
        let word = bucket.load()
        return word.used(at: now) == 0 && bucket.replace(word, by: .retired)
    }

    func visit(_ body: (Bucket) -> Void) {
        for index in 0..<Self.shardCount {
            shards[index].buckets.withLock { $0.values.forEach(body) }
        }
        overflow.withLock { $0.forEach(body) }
    }
}
