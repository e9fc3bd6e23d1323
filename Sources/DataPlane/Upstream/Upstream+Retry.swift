import NIOCore
import SluiceFraming
import SluiceVocabulary

/// Calls over native links that are sent once more.
extension Upstream {
    /// Keeps a request for a second try.
    /// - Returns: -1 where there is no room: the call then has one try.
    func keep(_ envelope: RawSpan, stamp: [UInt8]) -> Int32 {
        let kept = requests.keep(envelope, stamp: stamp, now: tick.now)
        if kept < 0 { retryBytesExceeded.add() }
        return kept
    }

    /// When a try has taken too long; never where there would be no other.
    @inline(__always)
    func tryDeadline(_ command: Command, _ pool: ServicePool, kept: Int32) -> MonotonicTime {
        let allowed = pool.retry.settings.perTryTimeoutMilliseconds
        guard kept >= 0, allowed > 0, !command.isOrdered else {
            return MonotonicTime(nanoseconds: .max)
        }
        return tick.now.advanced(byMilliseconds: allowed)
    }

    /// Sends a call that `link` did not answer to another instance, if that is safe and the deadline,
    /// the number of attempts and the budget allow it.
    ///
    /// - Parameter unsent: the request, where nothing of it has been sent.
    /// - Returns: whether it is on its way again; else it is as it was.
    func retry(
        _ stream: UInt32, from link: Link, _ reason: RetryReason, _ unsent: ByteBuffer? = nil
    ) -> Bool {
        let pool = link.pool
        guard isStarted, let call = pending.retrying(stream),
            let command = call.command ?? ownCalls[stream]?.command,
            RetryPolicy.allows(reason, command),
            let request = unsent ?? (call.kept >= 0 ? requests.request(call.kept) : nil)
        else { return false }
        let attempts = reason == .unsent ? call.attempts : call.attempts &+ 1
        let left = call.deadline.milliseconds(since: tick.now)
        guard pool.retry.settings.attempts > 1, attempts <= pool.retry.settings.attempts, left > 0,
            pool.admits(now: tick.now)
        else { return false }
        let key = call.command == nil ? stableHash(command.name) : call.key
        let place = pool.choose(
            isOrdered: command.isOrdered, key: key, bytes: request.readableBytes,
            excluding: link.number)
        guard place >= 0, pool.ready[place] !== link, let connection = pool.ready[place].connection
        else { return false }
        guard pool.retry.budget.withdraw(now: tick.now) else {
            retryBudgetExceeded.add()
            return false
        }
        let target = pool.ready[place]
        // The last try has all the time that is left.
        let limit =
            attempts < pool.retry.settings.attempts
            ? tryDeadline(command, pool, kept: call.kept) : MonotonicTime(nanoseconds: .max)
        guard let sent = reassign(stream, reason, to: target, attempts: attempts, limit) else {
            return false
        }
        connection.appendCall(
            stream: sent.stream, envelope: request.readableBytesSpan, stamp: [],
            milliseconds: UInt32(clamping: left))
        pool.began(target)
        if pool.breaker != nil { pool.breakersStart(target, now: tick.now) }
        pool.meters.retries[reason]?.add()
        markDirty(target)
        armIfEarlier(sent.due)
        return true
    }

    private func reassign(
        _ stream: UInt32, _ reason: RetryReason, to target: Link, attempts: UInt8,
        _ limit: MonotonicTime
    ) -> (stream: UInt32, due: MonotonicTime)? {
        guard reason == .perTryTimeout else {
            return pending.move(
                stream, to: target.number, attempts: attempts, tryDeadline: limit, now: tick.now
            ).map { (stream, $0) }
        }
        // The old instance may answer yet, so the call takes another id.
        let opened = pending.reopen(
            stream, link: target.number, attempts: attempts, tryDeadline: limit, now: tick.now)
        if let opened, let own = ownCalls.removeValue(forKey: stream) {
            ownCalls[opened.stream] = own
        }
        return opened
    }

    /// The timer of a call is due before its deadline: one try has taken too long.
    /// - Returns: false where it is the deadline itself.
    func tryTimedOut(_ stream: UInt32) -> Bool {
        guard let call = pending.retrying(stream), call.deadline > tick.now,
            let link = link(call.link)
        else { return false }
        link.pool.failed(link, began: call.sentAt, now: tick.now)
        if retry(stream, from: link, .perTryTimeout) {
            tellCancelled(stream, link)
        } else if let due = pending.rearm(stream, now: tick.now) {
            armIfEarlier(due)
        }
        return true
    }
}
