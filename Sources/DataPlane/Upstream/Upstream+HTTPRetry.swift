import NIOCore
import NIOHTTP1
import SluiceFraming
import SluiceVocabulary

/// Calls over HTTP links that are sent once more, to another instance.
extension Upstream {
    /// Why a call that ended so may be tried again; nil = it may not.
    static func retryReason(
        _ kind: RefusalKind, failure: HTTPFailure?, attempts: UInt8
    ) -> RetryReason? {
        switch failure {
        case .connectFailed: attempts == 0 ? .unsent : .connectionLost
        case .connectionLost: .connectionLost
        case .refused: .unsent
        case .badAnswer: .badAnswer
        case .timedOut, .overloaded, .tooLarge: nil
        // The instance said so itself.
        case nil: kind == .badUpstreamAnswer || kind == .serviceUnavailable ? .badAnswer : nil
        }
    }

    /// Sends a call to another instance, if that is safe and the deadline, the number of attempts and
    /// the budget allow it.
    ///
    /// - Returns: whether it is on its way again; else it is as it was.
    func retry(_ call: HTTPCall, _ reason: RetryReason) -> Bool {
        let (pool, http) = (call.instance.pool, call.instance.pool.http)
        let sent = call.attempts &+ call.exchange.attempts
        guard isStarted, let http, let waiting = pending.retrying(call.stream),
            RetryPolicy.allows(reason, call.command)
        else { return false }
        let settings = pool.retry.settings
        let left = waiting.deadline.milliseconds(since: tick.now)
        // That a kept connection turned out to be gone says nothing about another instance.
        let tries = Int(sent) - (call.exchange.wasStale ? 1 : 0)
        guard settings.attempts > 1, tries < settings.attempts, left > 0,
            pool.admits(now: tick.now)
        else { return false }
        let key = call.key ?? waiting.key
        guard let place = another(for: call, key: key, reason, in: http) else { return false }
        guard pool.retry.budget.withdraw(now: tick.now) else {
            retryBudgetExceeded.add()
            return false
        }
        // `close` may change who is ready.
        let target = http.ready[place]
        guard close(call) else { return false }
        pool.meters.retries[reason]?.add()
        resend(call, to: target, attempts: sent, milliseconds: left)
        return true
    }

    /// The place of an instance that is not the one that was asked. Of those that were not asked at
    /// all the one with the fewest calls for what nobody looked at, which is no attempt.
    private func another(
        for call: HTTPCall, key: UInt64, _ reason: RetryReason, in http: HTTPBalance
    ) -> Int? {
        if reason == .unsent, !call.command.isOrdered {
            let left = http.ready.indices.filter { place in
                let member = http.ready[place]
                return member !== call.instance && !call.asked.contains(member.number)
                    && member.hasRoom(for: call.bytes)
            }
            return left.min { http.ready[$0].live < http.ready[$1].live }
        }
        let place = http.service.choose(
            isOrdered: call.command.isOrdered, key: key, bytes: call.bytes,
            excluding: call.instance.number)
        guard place >= 0, http.ready[place] !== call.instance,
            reason != .unsent || !call.asked.contains(http.ready[place].number)
        else { return nil }
        return place
    }

    private func resend(
        _ call: HTTPCall, to target: HTTPInstance, attempts: UInt8, milliseconds: Int64
    ) {
        let pool = target.pool
        var request = call.exchange.request
        request.head.headers.replaceOrAdd(name: "Host", value: target.instance)
        request.head.headers.replaceOrAdd(
            name: "Sluice-Deadline-Ms", value: String(milliseconds))
        let isLast = Int(attempts) + 1 >= pool.retry.settings.attempts
        let limit =
            isLast
            ? MonotonicTime(nanoseconds: .max)
            : httpTryDeadline(call.command, pool)
        let due = pending.move(
            call.stream, to: target.number, attempts: attempts, tryDeadline: limit, now: tick.now)
        start(
            HTTPCall(
                stream: call.stream, instance: target,
                exchange: HTTPExchange(request, pool: target.connections), command: call.command,
                key: call.key, bytes: call.bytes, attempts: attempts,
                asked: call.asked + [call.instance.number], startedAt: call.startedAt))
        if let due { armIfEarlier(due) }
    }

    /// When a try has taken too long; never where there would be no other.
    func httpTryDeadline(_ command: Command, _ pool: ServicePool) -> MonotonicTime {
        let allowed = pool.retry.settings.perTryTimeoutMilliseconds
        guard allowed > 0, command.isRetrySafe, !command.isOrdered, pool.keepsRequests else {
            return MonotonicTime(nanoseconds: .max)
        }
        return tick.now.advanced(byMilliseconds: allowed)
    }

    /// A timer is due: the call's deadline has passed and it ends with its connection, or one try has
    /// taken too long.
    func timedOut(_ stream: UInt32, on instance: HTTPInstance) {
        guard let call = instance.calls[stream] else { return }
        guard let waiting = pending.retrying(stream), waiting.deadline > tick.now else {
            return end(call, .refused(.timedOut))
        }
        instance.pool.failed(instance, began: waiting.sentAt, now: tick.now)
        if retry(call, .perTryTimeout) { return }
        if let due = pending.rearm(stream, now: tick.now) { armIfEarlier(due) }
    }
}
