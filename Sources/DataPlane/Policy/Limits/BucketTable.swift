import Synchronization

/// From keys to buckets, for one limit. Locked in shards, and only where a key is looked up.
///
/// A bucket that is not as good as new is never let go: its owner would come back to a new one. Over
/// `maxKeys` further keys share hashed buckets.
final class BucketTable: Sendable {
    static let overflowBuckets = 4_096
    private static let shardCount = 64

    /// Made for the first key: most limits of a large set never see one.
    private let shards = AtomicLazyReference<Shards>()
    private let count = Atomic<Int>(0)
    private let overflowed = Atomic<UInt64>(0)
    /// Empty until the table first overflows.
    private let overflow = Mutex<[Bucket]>([])

    private final class Shards: Sendable {
        let tables: [64 of Mutex<KeyTable>] = InlineArray { _ in Mutex(KeyTable()) }
    }

    /// Keys with a bucket of their own.
    var liveKeys: Int { count.load(ordering: .relaxed) }

    /// How often a key had to share a bucket.
    var overflowCount: UInt64 { overflowed.load(ordering: .relaxed) }

    /// The bucket of a key; new when it was not seen before.
    func bucket(of key: KeyFingerprint, _ request: BucketRequest) -> Bucket {
        let shards = self.shards.load() ?? self.shards.storeIfNil(Shards())
        return shards.tables[Int(key.high >> 58)].withLock { table in
            if let known = table[key.low] {
                if !request.kind.isWatched { return known }
                // Nil when it is retired: nobody may use it any more.
                let watched = known.watched() ?? request.makeBucket()
                if watched !== known { table.set(key.low, watched) }
                return watched
            }
            if let shared = sharedBucket(of: key, request) {
                overflowed.wrappingAdd(1, ordering: .relaxed)
                return shared
            }
            let fresh = request.makeBucket()
            table.set(key.low, fresh)
            return fresh
        }
    }

    /// The overflow bucket a key has to use, or nil when it may have one of its own, which is then
    /// counted already.
    ///
    /// A key moves out of the overflow only when its shared bucket is as good as new: it must not
    /// find tokens elsewhere that it spent here. The shared one is retired with it, so that a
    /// connection which still holds it looks the key up again.
    private func sharedBucket(of key: KeyFingerprint, _ request: BucketRequest) -> Bucket? {
        overflow.withLock { buckets in
            let hasRoom = count.load(ordering: .relaxed) < request.maxKeys
            if buckets.isEmpty {
                if hasRoom {
                    count.wrappingAdd(1, ordering: .relaxed)
                    return nil
                }
                buckets = (0..<Self.overflowBuckets).map { _ in request.makeBucket() }
            }
            let index = Int(key.low % UInt64(Self.overflowBuckets))
            if !hasRoom || !request.isFresh(buckets[index]) {
                if request.kind.isWatched {
                    buckets[index] = buckets[index].watched() ?? request.makeBucket()
                }
                return buckets[index]
            }
            guard request.retire(buckets[index]) else { return buckets[index] }
            buckets[index] = request.makeBucket()
            count.wrappingAdd(1, ordering: .relaxed)
            return nil
        }
    }

    /// Lets go of buckets that are as good as new. Call it off the loops.
    ///
    /// Returns how many went. One shard is locked at a time. A connection that still holds a bucket
    /// finds it retired and looks its key up again.
    func forget(_ request: BucketRequest) -> Int {
        guard let shards = shards.load() else { return 0 }
        var forgotten = 0
        for index in 0..<Self.shardCount {
            let gone = shards.tables[index].withLock { $0.keep { !request.retire($0) } }
            count.wrappingSubtract(gone, ordering: .relaxed)
            forgotten += gone
        }
        return forgotten
    }

    func visit(_ body: (Bucket) -> Void) {
        if let shards = shards.load() {
            for index in 0..<Self.shardCount {
                shards.tables[index].withLock { $0.forEach(body) }
            }
        }
        overflow.withLock { $0.forEach(body) }
    }
}
