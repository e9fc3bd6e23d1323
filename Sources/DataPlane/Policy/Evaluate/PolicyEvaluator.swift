package import SluiceVocabulary

/// Decides calls on one event loop: permission first, then all limits that match.
///
/// Loop-bound, one per loop. Takes no lock and allocates nothing for a connection's second call of
/// an action, unless a limit is keyed by something that changes from message to message or places
/// are held.
package final class PolicyEvaluator {
    package private(set) var snapshot: PolicySnapshot
    private let meters: PolicyMeters
    private(set) var planner: CallPlanner
    private var serial: UInt64
    private var actionCount: Int
    private var lastNow = Int64.min
    private var leases = LeaseTable()
    private let places = PlaceStack()

    package init(snapshot: PolicySnapshot, meters: PolicyMeters) {
        self.snapshot = snapshot
        self.meters = meters
        planner = CallPlanner(snapshot, places: places, meters: meters)
        serial = snapshot.serial
        actionCount = snapshot.catalog.count
    }

    /// Decides by `snapshot` from the next call on. Connections resolve anew when they next call.
    package func adopt(_ snapshot: PolicySnapshot) {
        let wall = self.snapshot.clock.latestWall
        self.snapshot.clock.advance(to: lastNow, wall: wall)
        self.snapshot = snapshot
        planner = CallPlanner(snapshot, places: places, meters: meters)
        serial = snapshot.serial
        actionCount = snapshot.catalog.count
        // An unrelated snapshot brings its own clock.
        snapshot.clock.advance(to: lastNow, wall: wall)
    }

    /// What the rules of an action look at in a call, beside what is always there.
    package func needs(_ action: ActionID) -> NeededFacts { snapshot.needs(known(action)) }

    /// Whether permissions allow a call. Counts nothing and spends nothing.
    package func isPermitted(_ call: PolicyCall, for subject: PolicySubject) -> Bool {
        standing(of: call, for: subject).isPermitted
    }

    /// Why permissions refuse a call; nil when they allow it. Counts nothing and spends nothing.
    package func permissionRefusal(_ call: PolicyCall, for subject: PolicySubject) -> Refusal? {
        let standing = standing(of: call, for: subject)
        if standing.isPermitted { return nil }
        return Refusal(.permissionDenied, rule: standing.name(in: snapshot.permissions))
    }

    private func standing(of call: PolicyCall, for subject: PolicySubject) -> Standing {
        let facts = CallFacts(call: call, subject: subject, scope: snapshot.scope)
        let (entry, conditional) = planner.permissions(of: known(call.action), facts)
        return (conditional?.entry(for: facts) ?? entry).enforced
    }

    /// May this call go on, and may it go on now?
    ///
    /// A refused call spends nothing.
    /// - Parameter now: time of the loop's turn.
    package func decide(
        _ call: PolicyCall, for subject: PolicySubject, now: MonotonicTime
    ) -> PolicyVerdict {
        let plan = plan(call, subject, now: now.nanoseconds)
        if plan.conditional != nil { return decideConditional(plan, call, subject, now: now) }
        plan.verdict.count()
        if !plan.verdict.isPermitted {
            return .refuse(Refusal(.permissionDenied, rule: plan.verdict.rule))
        }
        return limit(plan, plan.verdict, call, subject, now: now.nanoseconds)
    }

    @inline(never)
    private func decideConditional(
        _ plan: CallPlan, _ call: PolicyCall, _ subject: PolicySubject, now: MonotonicTime
    ) -> PolicyVerdict {
        let facts = CallFacts(call: call, subject: subject, scope: snapshot.scope)
        let verdict =
            plan.conditional?.verdict(for: facts) { planner.verdict($0) } ?? plan.verdict
        verdict.count()
        if !verdict.isPermitted {
            return .refuse(Refusal(.permissionDenied, rule: verdict.rule))
        }
        return limit(plan, verdict, call, subject, now: now.nanoseconds)
    }

    /// Limits alone, for pushes: whoever may push is decided elsewhere. The permit names no rule.
    package func limitOnly(
        _ call: PolicyCall, for subject: PolicySubject, now: MonotonicTime
    ) -> PolicyVerdict {
        let plan = plan(call, subject, now: now.nanoseconds)
        return limit(plan, nil, call, subject, now: now.nanoseconds)
    }

    /// Gives back the places a call held, once it is over. Nothing else frees places.
    package func release(_ lease: Lease) {
        if !lease.isNone { leases.release(lease) }
    }

    /// Leases that are out; 0 when nothing is under way.
    package var heldLeases: Int { leases.count }

    /// What the RateLimit fields say of the tightest limit a call met; nil when none counts requests,
    /// or when another snapshot has been adopted since.
    package func facts(of permit: Permit) -> LimitFacts? {
        let tightest = permit.tightest
        guard tightest.limit >= 0, tightest.serial == serial else { return nil }
        let limit = snapshot.limits[Int(tightest.limit)]
        return limit.numbers.variants[Int(tightest.variant)].facts(
            limit.rule.name, limit.rule.algorithm, countsBytes: false,
            calendar: limit.numbers.calendar, remaining: permit.remaining, reset: tightest.reset)
    }

    /// Actions beyond the catalog can come in the moment between two publications.
    @inline(__always)
    func known(_ action: ActionID) -> Int {
        action.index < actionCount ? action.index : ActionID.unknown.index
    }

    @inline(__always)
    private func plan(_ call: PolicyCall, _ subject: PolicySubject, now: Int64) -> CallPlan {
        if now > lastNow {
            lastNow = now
            snapshot.clock.advance(to: now, wall: call.wall.microseconds)
        }
        let action = known(call.action)
        if let plan = subject.plan(of: action, serial: serial) { return plan }
        return planner.makePlan(action, call, for: subject, now: now)
    }

    @inline(__always)
    private func limit(
        _ plan: CallPlan, _ permission: PermissionVerdict?, _ call: PolicyCall,
        _ subject: PolicySubject, now: Int64
    ) -> PolicyVerdict {
        var pass = LimitPass(call, now: now)
        var outcome = pass.run(plan.limits, call, subject)
        while outcome == .stale {
            let fresh = planner.makePlan(plan.action, call, for: subject, now: now)
            pass = LimitPass(call, now: now)
            outcome = pass.run(fresh.limits, call, subject)
        }
        if outcome == .refused { return pass.verdict(counts: true) }
        pass.tightest.serial = serial
        let permit = Permit(
            rule: permission?.rule ?? "",
            remaining: pass.remaining == Int64.max ? -1 : pass.remaining,
            shadowRule: permission?.shadowRule ?? pass.shadowRule,
            lease: pass.places == 0 ? .none : leases.take(pass.places, from: places),
            tightest: pass.tightest)
        return pass.wait > 0 ? .wait(permit, nanoseconds: pass.wait) : .go(permit)
    }
}

@available(*, unavailable)
extension PolicyEvaluator: Sendable {}
