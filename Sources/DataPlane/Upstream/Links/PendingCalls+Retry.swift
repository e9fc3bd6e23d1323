import SluiceVocabulary

/// Calls that are sent once more, to another link.
extension PendingCalls {
    /// What has to be known of a call before it is sent again.
    struct Retrying {
        let sentAt: MonotonicTime
        let deadline: MonotonicTime
        let link: Int32
        let kept: Int32
        let attempts: UInt8
        /// Nil for the gateway's own calls.
        let command: Command?
        let key: UInt64
    }

    /// The call that waits under this id; nil when none does.
    func retrying(_ stream: UInt32) -> Retrying? {
        guard let index = find(stream), slots[Int(index)].state != .abandoned else { return nil }
        let slot = slots[Int(index)]
        return Retrying(
            sentAt: slot.sentAt, deadline: slot.deadline, link: slot.link, kept: slot.kept,
            attempts: slot.attempts, command: slot.context?.command,
            key: slot.context?.stickyKey ?? 0)
    }

    /// When the present try of a call began; for one that nobody waits for, long ago.
    func sentAt(_ stream: UInt32) -> MonotonicTime {
        guard let index = find(stream), slots[Int(index)].state != .abandoned else {
            return MonotonicTime(nanoseconds: .min)
        }
        return slots[Int(index)].sentAt
    }

    /// Streams in the order in which their calls were opened.
    func inOrder(_ streams: [UInt32]) -> [UInt32] {
        streams.sorted { left, right in
            guard let first = find(left), let second = find(right) else { return false }
            // A table of a million calls and a number of 32 bits: a difference never wraps.
            let difference = slots[Int(first)].sequence &- slots[Int(second)].sequence
            return Int32(truncatingIfNeeded: difference) < 0
        }
    }

    /// Gives a call another link, under the same id: nothing can come any more from the old one.
    /// - Returns: when its timer is due.
    mutating func move(
        _ stream: UInt32, to link: Int32, attempts: UInt8, tryDeadline: MonotonicTime,
        now: MonotonicTime
    ) -> MonotonicTime? {
        guard let index = find(stream) else { return nil }
        let place = Int(index)
        slots[place].link = link
        slots[place].sentAt = now
        slots[place].attempts = attempts
        wheel.remove(index)
        return wheel.insert(
            index, deadline: min(slots[place].deadline, tryDeadline), now: now)
    }

    /// Gives a call another link and another id; under the old one an answer may still come, and
    /// reaches nobody.
    /// - Returns: nil when the table is full; the call is as it was then.
    mutating func reopen(
        _ stream: UInt32, link: Int32, attempts: UInt8, tryDeadline: MonotonicTime,
        now: MonotonicTime
    ) -> (stream: UInt32, due: MonotonicTime)? {
        guard let old = find(stream), let index = takeFree() else { return nil }
        let (from, to) = (Int(old), Int(index))
        let state = slots[from].state
        slots[to].context = slots[from].context.take()
        slots[to].deadline = slots[from].deadline
        slots[to].kept = slots[from].kept
        slots[to].sequence = slots[from].sequence
        slots[to].state = state
        slots[to].link = link
        slots[to].sentAt = now
        slots[to].attempts = attempts
        if state == .client, let requester = slots[to].context?.requester {
            requesters.remove(old)
            requesters.insert(index, into: Int32(truncatingIfNeeded: Self.list(of: requester)))
        }
        slots[from].state = .abandoned
        slots[from].kept = -1
        abandoned &+= 1
        wheel.remove(old)
        let end = now.advanced(byMilliseconds: Self.quarantineMilliseconds)
        _ = wheel.insert(old, deadline: end, now: now)
        let due = wheel.insert(index, deadline: min(slots[to].deadline, tryDeadline), now: now)
        return (self.stream(of: index), due)
    }

    /// Lets a call whose try took too long wait on, until its own deadline.
    /// - Returns: when its timer is due.
    mutating func rearm(_ stream: UInt32, now: MonotonicTime) -> MonotonicTime? {
        guard let index = find(stream) else { return nil }
        wheel.remove(index)
        return wheel.insert(index, deadline: slots[Int(index)].deadline, now: now)
    }
}
