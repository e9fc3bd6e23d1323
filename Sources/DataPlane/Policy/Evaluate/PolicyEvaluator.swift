package import SluiceVocabulary

/// Decides calls on one event loop: permission first, then all limits that match.
///
/// Loop-bound, one per loop. Takes no lock and allocates nothing for a connection's second call of
/// an action, unless a limit is keyed by something that changes from message to message.
package final class PolicyEvaluator {
    package private(set) var snapshot: PolicySnapshot
    private let meters: PolicyMeters
    private var planner: CallPlanner
    private var serial: UInt64
    private var actionCount: Int
    private var lastNow = Int64.min

    package init(snapshot: PolicySnapshot, meters: PolicyMeters) {
        self.snapshot = snapshot
        self.meters = meters
        planner = CallPlanner(snapshot, meters: meters)
        serial = snapshot.serial
        actionCount = snapshot.catalog.count
    }

    /// Decides by `snapshot` from the next call on. Connections resolve anew when they next call.
    package func adopt(_ snapshot: PolicySnapshot) {
        self.snapshot.clock.advance(to: lastNow)
        self.snapshot = snapshot
        planner = CallPlanner(snapshot, meters: meters)
        serial = snapshot.serial
        actionCount = snapshot.catalog.count
        // An unrelated snapshot brings its own clock.
        snapshot.clock.advance(to: lastNow)
    }

    /// What the limits of an action look at in a call, beside what is always there.
    package func needs(_ action: ActionID) -> NeededFacts { snapshot.needs(known(action)) }

    /// Whether permissions allow an action. Counts nothing and spends nothing.
    package func isPermitted(_ action: ActionID, for subject: PolicySubject) -> Bool {
        planner.verdict(of: known(action), for: subject).isPermitted
    }

    /// May this call go on, and may it go on now?
    ///
    /// A refused call spends nothing.
    /// - Parameter now: time of the loop's turn.
    package func decide(
        _ call: PolicyCall, for subject: PolicySubject, now: MonotonicTime
    ) -> PolicyVerdict {
        let plan = plan(known(call.action), subject, now: now.nanoseconds)
        plan.verdict.count()
        if !plan.verdict.isPermitted {
            return .refuse(Refusal(.permissionDenied, rule: plan.verdict.rule))
        }
        return limit(plan, call, subject, now: now.nanoseconds, isPermissionAsked: true)
    }

    /// Limits alone, for pushes: whoever may push is decided elsewhere. The permit names no rule.
    package func limitOnly(
        _ call: PolicyCall, for subject: PolicySubject, now: MonotonicTime
    ) -> PolicyVerdict {
        let plan = plan(known(call.action), subject, now: now.nanoseconds)
        return limit(plan, call, subject, now: now.nanoseconds, isPermissionAsked: false)
    }

    /// Actions beyond the catalog can come in the moment between two publications.
    @inline(__always)
    private func known(_ action: ActionID) -> Int {
        action.index < actionCount ? action.index : ActionID.unknown.index
    }

    @inline(__always)
    private func plan(_ action: Int, _ subject: PolicySubject, now: Int64) -> CallPlan {
        if now > lastNow {
            lastNow = now
            snapshot.clock.advance(to: now)
        }
        if let plan = subject.plan(of: action, serial: serial) { return plan }
        return planner.makePlan(action, for: subject, now: now)
    }

    @inline(__always)
    private func limit(
        _ plan: CallPlan, _ call: PolicyCall, _ subject: PolicySubject, now: Int64,
        isPermissionAsked: Bool
    ) -> PolicyVerdict {
        var pass = LimitPass(call, now: now)
        var outcome = pass.run(plan.limits, call, subject)
        while outcome == .stale {
            let fresh = planner.makePlan(plan.action, for: subject, now: now)
            pass = LimitPass(call, now: now)
            outcome = pass.run(fresh.limits, call, subject)
        }
        if outcome == .refused { return .refuse(pass.refusal()) }
        return .go(
            Permit(
                rule: isPermissionAsked ? plan.verdict.rule : "",
                remaining: pass.remaining == Int64.max ? -1 : pass.remaining,
                shadowRule: isPermissionAsked
                    ? plan.verdict.shadowRule ?? pass.shadowRule : pass.shadowRule))
    }
}

@available(*, unavailable)
extension PolicyEvaluator: Sendable {}
