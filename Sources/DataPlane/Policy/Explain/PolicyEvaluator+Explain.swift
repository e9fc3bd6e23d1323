package import SluiceVocabulary

extension PolicyEvaluator {
    /// Tells every step of a decision and what it would come to. Spends and counts nothing.
    ///
    /// - Parameter limitsOnly: a push: what `limitOnly` would say, without permissions.
    package func explain(
        _ call: PolicyCall, for subject: PolicySubject, now: MonotonicTime, limitsOnly: Bool = false
    ) -> PolicyTrace {
        if limitsOnly { return explainLimits(call, for: subject, now: now) }
        let action = known(call.action)
        let facts = CallFacts(call: call, subject: subject, scope: snapshot.scope)
        let (entry, conditional) = planner.permissions(of: action, facts)
        let decided = conditional?.entry(for: facts) ?? entry
        let standing = decided.enforced
        var trace = PolicyTrace(
            action: snapshot.catalog.names[action], isAuthenticated: subject.principal != nil,
            permissions: snapshot.permissionsByAction[action].map { permissionStep($0, facts) },
            isPermitted: standing.isPermitted,
            permissionRule: standing.rule < 0
                ? "default" : snapshot.permissions[Int(standing.rule)].name,
            limits: [], verdict: .refuse(Refusal(.permissionDenied)))
        if standing.isPermitted {
            let shadow = decided.shadowRule.map { snapshot.permissions[Int($0)].name }
            explainLimits(action, call, subject, now: now.nanoseconds, shadow: shadow, &trace)
        } else {
            trace.verdict = .refuse(Refusal(.permissionDenied, rule: trace.permissionRule))
        }
        return trace
    }

    private func explainLimits(
        _ call: PolicyCall, for subject: PolicySubject, now: MonotonicTime
    ) -> PolicyTrace {
        let action = known(call.action)
        var trace = PolicyTrace(
            action: snapshot.catalog.names[action], isAuthenticated: subject.principal != nil,
            permissions: [], isPermitted: true, permissionRule: "", limits: [],
            verdict: .refuse(Refusal(.permissionDenied)))
        explainLimits(action, call, subject, now: now.nanoseconds, shadow: nil, &trace)
        return trace
    }

    private func explainLimits(
        _ action: Int, _ call: PolicyCall, _ subject: PolicySubject, now: Int64, shadow: String?,
        _ trace: inout PolicyTrace
    ) {
        while true {
            let plan = planner.makePlan(action, call, for: subject, now: now)
            var pass = LimitPass(call, now: now)
            let outcome = pass.look(plan.limits, call, subject)
            if outcome == .stale { continue }
            plan.limits.explain(&pass, call, subject, into: &trace.limits)
            if outcome == .refused {
                trace.verdict = pass.verdict(counts: false)
                return
            }
            var wait: Int64 = 0
            for case .waits(let nanoseconds) in trace.limits.filter({ !$0.isShadow }).map(\.outcome)
            {
                wait = max(wait, nanoseconds)
            }
            pass.tightest.serial = snapshot.serial
            let permit = Permit(
                rule: trace.permissionRule,
                remaining: pass.remaining == Int64.max ? -1 : pass.remaining,
                shadowRule: shadow ?? pass.shadowRule, lease: .none, tightest: pass.tightest)
            trace.verdict = wait > 0 ? .wait(permit, nanoseconds: wait) : .go(permit)
            return
        }
    }

    private func permissionStep(_ index: Int32, _ facts: CallFacts) -> PolicyTrace.PermissionStep {
        let rule = snapshot.permissions[Int(index)]
        var step = PolicyTrace.PermissionStep(
            name: rule.name, effect: rule.effect, isShadow: rule.isShadow, outcome: .speaks,
            condition: [])
        if let missing = missing(rule.principal, facts.subject.principal) {
            step.outcome = .otherPrincipal(missing)
            return step
        }
        if let condition = rule.condition {
            condition.describe(facts, depth: 0, into: &step.condition)
            if !condition.holds(facts) { step.outcome = .conditionFalse }
        }
        return step
    }

    /// What a principal lacks for a rule to speak of it; nil when it does.
    private func missing(_ match: PrincipalMatch, _ principal: Principal?) -> String? {
        guard let principal else {
            return match.includesAnonymous ? nil : "the caller is not authenticated"
        }
        if !match.roles.isEmpty, !match.roles.contains(where: principal.roles.contains) {
            return "none of the roles " + match.roles.joined(separator: ", ")
        }
        for (claim, values) in match.claims.sorted(by: { $0.key < $1.key }) {
            let texts = principal.claim(at: claim)?.texts ?? []
            if !values.contains(where: texts.contains) {
                let found = texts.isEmpty ? "nothing" : texts.joined(separator: ", ")
                return "claim \(claim) is \(found), not " + values.joined(separator: " or ")
            }
        }
        return nil
    }
}

extension Condition {
    /// A line for the whole and one for each part.
    fileprivate func describe(
        _ facts: CallFacts, depth: Int, into lines: inout [PolicyTrace.ConditionLine]
    ) {
        lines.append(
            PolicyTrace.ConditionLine(
                depth: depth, condition: self, found: found(facts), holds: holds(facts)))
        switch self {
        case .all(let parts), .any(let parts):
            for part in parts { part.describe(facts, depth: depth + 1, into: &lines) }
        case .not(let part): part.describe(facts, depth: depth + 1, into: &lines)
        default: break
        }
    }
}
