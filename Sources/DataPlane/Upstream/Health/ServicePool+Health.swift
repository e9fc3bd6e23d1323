import NIOCore
import SluiceVocabulary

/// What answers tell about instances, and what follows from it.
extension ServicePool {
    /// A call was answered.
    ///
    /// - Parameter began: when this member was asked.
    @inline(__always)
    func succeeded(_ member: PoolMember, began: MonotonicTime, now: MonotonicTime) {
        member.outlier.succeeded(nanoseconds: now.nanoseconds(since: began))
        if breaker != nil { breakersHear(member, ok: true, began: began, now) }
    }

    /// A call was not answered, not in time, or by something that is no answer.
    ///
    /// - Parameters:
    ///   - isReachability: the connection was lost or never stood, which takes the instance out by
    ///     itself until it is back: nothing to hold against it then.
    ///   - began: when this member was asked.
    func failed(
        _ member: PoolMember, isReachability: Bool = false, began: MonotonicTime,
        now: MonotonicTime
    ) {
        if !isReachability {
            member.outlier.failed()
            if detector.isOut(member.outlier) { eject(member, .consecutiveErrors, now) }
        }
        if breaker != nil { breakersHear(member, ok: false, began: began, now) }
    }

    /// It came up, again or for the first time: what was held against it is forgotten.
    func cameUp(_ member: PoolMember) {
        if member.outlier.ejectedUntil != nil {
            upstream.onEvent(.returned(service: definition.name, instance: member.instance))
        }
        member.outlier.cameUp()
        refresh()
    }

    /// Takes a member out of the balance for a time, unless too many are out already.
    private func eject(_ member: PoolMember, _ reason: EjectionReason, _ now: MonotonicTime) {
        let all = members
        guard member.outlier.ejectedUntil == nil, all.contains(where: { $0 === member }),
            detector.mayEject(ejected: ejected(among: all), of: all.count)
        else { return }
        let milliseconds = detector.milliseconds(after: member.outlier.ejections)
        member.outlier.eject(until: now.advanced(byMilliseconds: milliseconds))
        meters.ejections[reason]?.add()
        upstream.onEvent(
            .ejected(
                service: definition.name, instance: member.instance, reason: reason,
                milliseconds: milliseconds))
        refresh()
    }

    private func ejected(among members: [PoolMember]) -> Int {
        members.count { $0.outlier.ejectedUntil != nil || $0.breaker?.state == .open }
    }

    /// An active check has changed its mind.
    func checked(_ member: PoolMember, isHealthy: Bool) {
        if isHealthy {
            upstream.onEvent(.returned(service: definition.name, instance: member.instance))
        } else {
            meters.ejections[.check]?.add()
            upstream.onEvent(
                .ejected(
                    service: definition.name, instance: member.instance, reason: .check,
                    milliseconds: 0))
        }
        refresh()
    }

    // MARK: Breakers

    /// Whether the service's breaker lets a call pass.
    @inline(__always)
    func admits(now: MonotonicTime) -> Bool {
        breaker?.admits(now: now) ?? true
    }

    /// A call passes: it may be a probe.
    func breakersStart(_ member: PoolMember, now: MonotonicTime) {
        if breaker?.started(now: now) == true { tellBreaker() }
        guard member.breaker?.state == .halfOpen else { return }
        _ = member.breaker?.started(now: now)
        holdBack(member, now)
    }

    /// A call ended without telling anything.
    ///
    /// - Parameter began: when this member was asked.
    func breakersCancelled(_ member: PoolMember, began: MonotonicTime) {
        breaker?.cancelled(began: began)
        member.breaker?.cancelled(began: began)
        holdBack(member, upstream.tick.now)
    }

    private func holdBack(_ member: PoolMember, _ now: MonotonicTime) {
        member.isHeldBack = !(member.breaker?.admits(now: now) ?? true)
    }

    private func breakersHear(
        _ member: PoolMember, ok: Bool, began: MonotonicTime, _ now: MonotonicTime
    ) {
        if breaker?.ended(ok: ok, began: began, now: now) == true { tellBreaker() }
        guard let before = member.breaker else { return }
        guard member.breaker?.ended(ok: ok, began: began, now: now) == true else {
            if before.state != .closed { holdBack(member, now) }
            return
        }
        if member.breaker?.state == .open {
            let all = members
            // It counts as open by now, so one less was out before.
            guard detector.mayEject(ejected: ejected(among: all) - 1, of: all.count) else {
                // It stays; where this was a probe, another one may pass in its place.
                member.breaker = before
                member.breaker?.cancelled(began: began)
                holdBack(member, now)
                return
            }
            meters.ejections[.breaker]?.add()
        }
        holdBack(member, now)
        tellBreaker(of: member)
        refresh()
    }

    private func tellBreaker() {
        guard let state = breaker?.state else { return }
        meters.breaker.set(Int64(state.rawValue))
        upstream.onEvent(.breaker(service: definition.name, instance: "", state: state))
    }

    private func tellBreaker(of member: PoolMember) {
        guard let state = member.breaker?.state else { return }
        upstream.onEvent(
            .breaker(service: definition.name, instance: member.instance, state: state))
    }

    // MARK: Time

    /// Arms the pool's timer for what is due first, if anything is.
    func armTimer() {
        guard upstream.isStarted else { return }
        let due = nextDue(now: upstream.tick.now)
        guard let due else { return }
        if timer != nil, timerDue <= due { return }
        timer?.cancel()
        timerDue = due
        let pause = max(0, due.nanoseconds(since: upstream.tick.now))
        timer = upstream.loop.assumeIsolated().scheduleTask(in: .nanoseconds(pause)) {
            [self] in timerFired()
        }
    }

    private func nextDue(now: MonotonicTime) -> MonotonicTime? {
        let slowStart = SlowStart(windowMilliseconds: definition.health.slowStartMilliseconds)
        var due: MonotonicTime?
        func consider(_ time: MonotonicTime?) {
            if let time, due.map({ time < $0 }) ?? true { due = time }
        }
        var hasEjected = detector.settings.judgesIntervals
        for member in members {
            consider(member.outlier.ejectedUntil)
            consider(member.breaker?.reopensAt)
            consider(
                member.slowStartBegan.flatMap { slowStart.nextStep(began: $0, now: now) })
            if member.outlier.ejections > 0 { hasEjected = true }
        }
        if hasEjected {
            if intervalEnds == nil {
                intervalEnds = now.advanced(
                    byMilliseconds: detector.settings.intervalMilliseconds)
            }
            consider(intervalEnds)
        } else {
            intervalEnds = nil
        }
        return due
    }

    private func timerFired() {
        timer = nil
        timerDue = MonotonicTime(nanoseconds: .max)
        upstream.tick.begin()
        let now = upstream.tick.now
        for member in members {
            if let until = member.outlier.ejectedUntil, until <= now {
                member.outlier.return()
                upstream.onEvent(.returned(service: definition.name, instance: member.instance))
            }
            if let at = member.breaker?.reopensAt, at <= now {
                // Back into the balance: the next calls are probes.
                member.breaker?.probe(now: now)
                holdBack(member, now)
                tellBreaker(of: member)
            }
        }
        if let intervalEnds, intervalEnds <= now {
            self.intervalEnds = nil
            let all = members
            for (place, reason) in detector.judge(all.map(\.outlier)) {
                eject(all[place], reason, now)
            }
            for member in all { member.outlier.endInterval() }
        }
        refresh()
    }
}
