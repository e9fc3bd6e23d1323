import Synchronization

/// What a limit knows of one key, shared by all loops.
///
/// Unchecked: every stored property of every subclass is an atomic, and there is no other.
class Bucket: @unchecked Sendable {
    /// What a limit's buckets must be able to hold.
    struct Kind: Equatable, Sendable {
        /// Two words that change together, for `sliding_window` and `quota`.
        var isWindow: Bool
        /// Refusals are counted, for `ban`.
        var isWatched: Bool
    }

    /// - Parameter word: of a bucket as good as new.
    static func make(_ kind: Kind, _ word: UInt64) -> Bucket {
        switch (kind.isWindow, kind.isWatched) {
        case (false, false): WordBucket(word)
        case (false, true): WatchedWordBucket(word)
        case (true, false): WindowBucket(WordPair(first: UInt(word), second: 0))
        case (true, true): WatchedWindowBucket(WordPair(first: UInt(word), second: 0))
        }
    }

    /// The same state able to be watched. The old one is retired; nil when it was already.
    func watched() -> Bucket? { nil }

    /// What its key was refused; of no meaning where nobody watches.
    var offences: OffenceWord { OffenceWord() }

    /// Writes `desired` if nobody wrote since `expected` was read.
    func replace(_ expected: OffenceWord, by desired: OffenceWord) -> Bool { true }
}

/// One word: when the bucket is full again, or how many places are taken. 32 bytes with the
/// allocator's share.
class WordBucket: Bucket, @unchecked Sendable {
    private final let word: Atomic<UInt64>

    init(_ word: UInt64) { self.word = Atomic(word) }

    @inline(__always)
    final func load() -> BucketWord { BucketWord(rawValue: word.load(ordering: .acquiring)) }

    /// Writes `desired` if nobody wrote since `expected` was read.
    @inline(__always)
    final func replace(_ expected: BucketWord, by desired: BucketWord) -> Bool {
        word.compareExchange(
            expected: expected.rawValue, desired: desired.rawValue, ordering: .acquiringAndReleasing
        ).exchanged
    }

    override func watched() -> Bucket? {
        while true {
            let state = load()
            if state.isRetired { return nil }
            if replace(state, by: .retired) { return WatchedWordBucket(state.rawValue) }
        }
    }
}

/// A word and what its key was refused. 48 bytes with the allocator's share.
final class WatchedWordBucket: WordBucket, @unchecked Sendable {
    private let record = Atomic<UInt64>(0)

    override func watched() -> Bucket? { self }

    override var offences: OffenceWord {
        OffenceWord(rawValue: record.load(ordering: .acquiring))
    }

    override func replace(_ expected: OffenceWord, by desired: OffenceWord) -> Bool {
        record.compareExchange(
            expected: expected.rawValue, desired: desired.rawValue, ordering: .acquiringAndReleasing
        ).exchanged
    }
}

/// Two words that are read and written as one: counts, and the window they belong to. 48 bytes with
/// the allocator's share.
class WindowBucket: Bucket, @unchecked Sendable {
    private final let pair: Atomic<WordPair>

    init(_ pair: WordPair) { self.pair = Atomic(pair) }

    @inline(__always)
    final func load() -> WindowState {
        let value = pair.load(ordering: .acquiring)
        return WindowState(head: UInt64(value.first), counts: UInt64(value.second))
    }

    /// Writes `desired` if nobody wrote since `expected` was read.
    @inline(__always)
    final func replace(_ expected: WindowState, by desired: WindowState) -> Bool {
        pair.compareExchange(
            expected: expected.pair, desired: desired.pair, ordering: .acquiringAndReleasing
        ).exchanged
    }

    override func watched() -> Bucket? {
        while true {
            let state = load()
            if state.isRetired { return nil }
            if replace(state, by: .retired) { return WatchedWindowBucket(state.pair) }
        }
    }
}

final class WatchedWindowBucket: WindowBucket, @unchecked Sendable {
    private let record = Atomic<UInt64>(0)

    override func watched() -> Bucket? { self }

    override var offences: OffenceWord {
        OffenceWord(rawValue: record.load(ordering: .acquiring))
    }

    override func replace(_ expected: OffenceWord, by desired: OffenceWord) -> Bool {
        record.compareExchange(
            expected: expected.rawValue, desired: desired.rawValue, ordering: .acquiringAndReleasing
        ).exchanged
    }
}
