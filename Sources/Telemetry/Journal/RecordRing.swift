import Synchronization

/// A bounded queue between one event loop and the journal's writer, without a lock.
///
/// `@unchecked Sendable`: exactly one thread pushes and one pops; a slot is handed over by the
/// release of `tail` and given back by the release of `head`, so both never touch one slot at once.
/// `@safe`: the slots are reached only through `push` and `pop`, whose indexes are masked.
@safe
final class RecordRing: @unchecked Sendable {
    private let slots: UnsafeMutablePointer<AccessRecord>
    private let capacity: Int
    /// Slots only refusals and errors may use, so that a flood of `ok` entries cannot hide them.
    private let reserved: Int
    /// Next slot to pop; written by the writer alone.
    private let head = Atomic<Int>(0)
    /// Next slot to push; written by the loop alone.
    private let tail = Atomic<Int>(0)

    /// - Parameter capacity: entries it holds, a power of two.
    init(capacity: Int) {
        precondition(capacity > 0 && capacity & (capacity - 1) == 0, "a power of two")
        self.capacity = capacity
        reserved = capacity / 4
        unsafe slots = UnsafeMutablePointer.allocate(capacity: capacity)
    }

    deinit {
        while pop() != nil {}
        unsafe slots.deallocate()
    }

    var isEmpty: Bool {
        head.load(ordering: .acquiring) == tail.load(ordering: .acquiring)
    }

    /// Adds a record; false when the ring is full. Only the loop may call it.
    func push(_ record: consuming AccessRecord, isReserved: Bool) -> Bool {
        let end = tail.load(ordering: .relaxed)
        let room = capacity - (end &- head.load(ordering: .acquiring))
        guard room > (isReserved ? 0 : reserved) else { return false }
        unsafe (slots + (end & (capacity - 1))).initialize(to: record)
        tail.store(end &+ 1, ordering: .releasing)
        return true
    }

    /// Takes the oldest record. Only the writer may call it.
    func pop() -> AccessRecord? {
        let start = head.load(ordering: .relaxed)
        guard start != tail.load(ordering: .acquiring) else { return nil }
        let record = unsafe (slots + (start & (capacity - 1))).move()
        head.store(start &+ 1, ordering: .releasing)
        return record
    }
}
