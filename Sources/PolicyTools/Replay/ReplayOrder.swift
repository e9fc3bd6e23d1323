/// Puts entries into the order in which they were decided.
///
/// An entry is written when its request is over, by the loop it ran on: entries come out of order,
/// by as much as the longest request lasts. What comes later than the window allows is counted and
/// taken as it comes.
struct ReplayOrder {
    /// Longest time in which an entry is waited for; commands end by then.
    static let windowMicroseconds: Int64 = 60_000_000
    /// Entries kept at most: beyond them the window is shorter.
    static let mostKept = 400_000

    private var heap = MinHeap<ReplayEntry>()
    private var newest = Int64.min
    private var last = Int64.min
    /// Entries that came too late to be put in their place.
    private(set) var late = 0

    mutating func insert(_ entry: ReplayEntry) {
        newest = max(newest, entry.time)
        heap.insert(entry)
    }

    /// The next entry that nothing can come before any more.
    mutating func next() -> ReplayEntry? {
        guard let first = heap.first,
            first.time < newest - Self.windowMicroseconds || heap.count > Self.mostKept
        else { return nil }
        return take()
    }

    /// The next one, when no more will come.
    mutating func drain() -> ReplayEntry? { take() }

    private mutating func take() -> ReplayEntry? {
        guard let entry = heap.removeFirst() else { return nil }
        if entry.time < last { late += 1 } else { last = entry.time }
        return entry
    }
}
