import Synchronization

/// One key's tokens, shared by all loops. 32 bytes with the allocator's share.
final class Bucket: Sendable {
    private let word: Atomic<UInt64>

    init(_ initial: BucketWord) { word = Atomic(initial.rawValue) }

    @inline(__always)
    func load() -> BucketWord { BucketWord(rawValue: word.load(ordering: .acquiring)) }

    /// Writes `desired` if nobody wrote since `expected` was read.
    @inline(__always)
    func replace(_ expected: BucketWord, by desired: BucketWord) -> Bool {
        word.compareExchange(
            expected: expected.rawValue, desired: desired.rawValue, ordering: .acquiringAndReleasing
        ).exchanged
    }
}
