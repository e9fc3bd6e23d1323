import SluiceVocabulary

/// Calls without an answer, of all links of one loop.
///
/// A call lives in a slot; its stream id is the slot's place (20 bits) and how often the slot was
/// used (12 bits), so an answer finds its call without a hash and never another one. A call that
/// ended without an answer (timeout, cancel) keeps its slot as *abandoned* until the answer comes
/// after all, the link goes, or five minutes have passed: used again at once, twelve bits come round
/// in 40 ms at 100,000 calls a second, and a late answer would reach the wrong client.
/// Opening and ending a call never allocates once the arrays have grown.
struct PendingCalls {
    /// Slots at most; a call more is refused.
    static let maxSlots = 1 << slotBits
    /// How long an abandoned slot stays out of use when the answer never comes.
    static let quarantineMilliseconds: Int64 = 300_000
    private static let slotBits: UInt32 = 20
    private static let requesterBits: UInt64 = 13
    private static let slotMask: UInt32 = (1 << slotBits) - 1

    enum State: UInt8 { case free, client, own, abandoned }

    struct Slot {
        var context: CallContext?
        /// Of the present try.
        var sentAt = MonotonicTime(nanoseconds: 0)
        /// Of the call; that of a try may come earlier.
        var deadline = MonotonicTime(nanoseconds: 0)
        var link: Int32 = -1
        /// The next free slot while this one is free.
        var nextFree: Int32 = -1
        /// Where `RequestStore` has the request; -1 = nowhere.
        var kept: Int32 = -1
        /// The order in which calls were opened.
        var sequence: UInt32 = 0
        var generation: UInt16 = 0
        var state = State.free
        /// How often it was sent.
        var attempts: UInt8 = 0
    }

    /// A call that has just ended; `take` then gives its context away.
    struct Ended {
        fileprivate let index: Int32
        fileprivate let isOver: Bool
        let sentAt: MonotonicTime
        let link: Int32
        let kept: Int32
        let attempts: UInt8
    }

    /// What a stream id that a link names stands for.
    enum Answer {
        case call
        /// The call had ended before: its slot is free again now.
        case late
        /// Nothing is or was asked under this id on this link.
        case unknown
    }

    /// What `expire` found.
    struct Expired {
        /// Stream ids of calls whose deadline has passed; they still have to be abandoned.
        var streams: [UInt32] = []
        /// Links that lost an abandoned slot, once for each.
        var freedLinks: [Int32] = []
    }

    var slots: [Slot] = []
    private var firstFree: Int32 = -1
    private var nextSequence: UInt32 = 0
    /// Calls by requester; requesters whose hashes agree share a list.
    var requesters = IndexLists(lists: 1 << requesterBits)
    var wheel = TimingWheel()
    /// Calls whose caller still waits.
    var live = 0
    /// Slots that wait for a late answer.
    var abandoned = 0

    /// Opens a call of a client (`context`) or of the gateway itself (nil).
    ///
    /// - Parameters:
    ///   - deadline: of the call.
    ///   - tryDeadline: of the first try, where it comes earlier.
    ///   - kept: where `RequestStore` has the request; -1 = nowhere.
    /// - Returns: the stream id (never 0) and when its timer is due; nil when the table is full.
    mutating func open(
        _ context: consuming CallContext?, link: Int32, deadline: MonotonicTime,
        tryDeadline: MonotonicTime = MonotonicTime(nanoseconds: .max), kept: Int32 = -1,
        now: MonotonicTime
    ) -> (stream: UInt32, due: MonotonicTime)? {
        guard let index = takeFree() else { return nil }
        let place = Int(index)
        if let requester = context?.requester {
            requesters.insert(index, into: Int32(truncatingIfNeeded: Self.list(of: requester)))
            slots[place].state = .client
        } else {
            slots[place].state = .own
        }
        slots[place].context = consume context
        slots[place].sentAt = now
        slots[place].deadline = deadline
        slots[place].link = link
        slots[place].kept = kept
        slots[place].attempts = 1
        slots[place].sequence = nextSequence
        nextSequence &+= 1
        live &+= 1
        let due = wheel.insert(index, deadline: min(deadline, tryDeadline), now: now)
        return (stream(of: index), due)
    }

    /// What `link` answers when it names `stream`. A late answer frees the slot.
    mutating func answer(stream: UInt32, link: Int32) -> Answer {
        guard let index = find(stream), slots[Int(index)].link == link else { return .unknown }
        if slots[Int(index)].state != .abandoned { return .call }
        wheel.remove(index)
        abandoned &-= 1
        release(index)
        return .late
    }

    /// Takes every timer that is due. Quarantines that are over end here too.
    mutating func expire(now: MonotonicTime) -> Expired {
        var expired = Expired()
        for index in wheel.expire(now: now) {
            if slots[Int(index)].state == .abandoned {
                abandoned &-= 1
                expired.freedLinks.append(slots[Int(index)].link)
                release(index)
            } else {
                expired.streams.append(stream(of: index))
            }
        }
        return expired
    }

    /// Ends a call without an answer; its slot waits for a late one.
    /// - Returns: nil when it has ended before. Else `take` must follow.
    mutating func abandon(stream: UInt32, now: MonotonicTime) -> Ended? {
        guard let index = find(stream), slots[Int(index)].state != .abandoned else { return nil }
        let ended = endWaiting(index, isOver: false)
        slots[Int(index)].state = .abandoned
        abandoned &+= 1
        wheel.remove(index)
        let end = now.advanced(byMilliseconds: Self.quarantineMilliseconds)
        _ = wheel.insert(index, deadline: end, now: now)
        return ended
    }

    /// Ends a call that was answered, or whose link is gone: no other answer can come.
    /// - Returns: nil when it has ended before. Else `take` must follow.
    mutating func end(stream: UInt32) -> Ended? {
        guard let index = find(stream), slots[Int(index)].state != .abandoned else { return nil }
        wheel.remove(index)
        return endWaiting(index, isOver: true)
    }

    /// Gives the context of a call away that has just ended; nil for the gateway's own calls.
    mutating func take(_ ended: Ended) -> CallContext? {
        let context = slots[Int(ended.index)].context.take()
        if ended.isOver { release(ended.index) }
        return context
    }

    /// The number of the link that was asked; -1 when nothing waits under this id.
    func link(of stream: UInt32) -> Int32 {
        guard let index = find(stream) else { return -1 }
        return slots[Int(index)].link
    }

    /// The calls of `requester` that still wait.
    func streams(of requester: ConnectionID) -> [UInt32] {
        var streams: [UInt32] = []
        var index = requesters.first(of: Self.list(of: requester))
        while index >= 0 {
            if slots[Int(index)].context?.requester == requester {
                streams.append(stream(of: index))
            }
            index = requesters.next(after: index)
        }
        return streams
    }

    /// The calls of `link` that still wait. Walks the whole table; frees its abandoned slots.
    mutating func takeStreams(ofLink link: Int32) -> [UInt32] {
        var streams: [UInt32] = []
        for place in slots.indices where slots[place].link == link {
            let index = Int32(truncatingIfNeeded: place)
            if slots[place].state == .abandoned {
                wheel.remove(index)
                abandoned &-= 1
                release(index)
            } else {
                streams.append(stream(of: index))
            }
        }
        return streams
    }

    /// The earliest time at which `expire` can find something.
    var nextDue: MonotonicTime? { wheel.nextDue }

    // MARK: Slots

    /// Multiplicative hashing (Knuth, volume 3, section 6.4).
    static func list(of requester: ConnectionID) -> Int {
        Int((requester.rawValue &* 0x9E37_79B9_7F4A_7C15) >> (64 - requesterBits))
    }

    func stream(of index: Int32) -> UInt32 {
        UInt32(slots[Int(index)].generation) << Self.slotBits | UInt32(truncatingIfNeeded: index)
    }

    func find(_ stream: UInt32) -> Int32? {
        let place = Int(stream & Self.slotMask)
        guard place < slots.count, slots[place].state != .free,
            UInt32(slots[place].generation) == stream >> Self.slotBits
        else { return nil }
        return Int32(truncatingIfNeeded: place)
    }

    mutating func takeFree() -> Int32? {
        if firstFree < 0 { grow() }
        guard firstFree >= 0 else { return nil }
        let index = firstFree
        firstFree = slots[Int(index)].nextFree
        // 1...4095: with 0 left out no stream id is 0, which is the link itself.
        let generation = slots[Int(index)].generation &+ 1
        slots[Int(index)].generation = generation > 0xFFF ? 1 : generation
        return index
    }

    private mutating func grow() {
        let old = slots.count
        let size = min(Self.maxSlots, max(64, old * 2))
        guard size > old else { return }
        slots.append(contentsOf: repeatElement(Slot(), count: size - old))
        requesters.growIndexes(to: size)
        wheel.grow(to: size)
        for place in (old..<size).reversed() {
            slots[place].nextFree = firstFree
            firstFree = Int32(truncatingIfNeeded: place)
        }
    }

    mutating func endWaiting(_ index: Int32, isOver: Bool) -> Ended {
        let place = Int(index)
        if slots[place].state == .client { requesters.remove(index) }
        live &-= 1
        return Ended(
            index: index, isOver: isOver, sentAt: slots[place].sentAt, link: slots[place].link,
            kept: slots[place].kept, attempts: slots[place].attempts)
    }

    mutating func release(_ index: Int32) {
        slots[Int(index)].state = .free
        slots[Int(index)].link = -1
        slots[Int(index)].nextFree = firstFree
        firstFree = index
    }
}
