import SluicePolicy
import SluiceVocabulary

/// A whole policy as docs/policy.md tells it: slow, exact, and with nothing in common with the
/// engine but the model of the rules.
struct ReferencePolicy {
    private(set) var model: PolicyModel
    private var limits: [ReferenceLimit]
    /// By `permission/rule/decision`, `limit/rule/decision` and `ban/rule`.
    private(set) var counts: [String: UInt64] = [:]

    init(_ model: PolicyModel) {
        self.model = model
        limits = model.limits.map { ReferenceLimit($0) }
    }

    /// A reload: a rule goes on with the buckets of its namesake, or of one it says it was.
    mutating func adopt(_ new: PolicyModel) {
        let old = limits
        limits = new.limits.map { rule in
            // A name that another rule has now is not given up to this one.
            let free = rule.was.filter { name in !new.limits.contains { $0.name == name } }
            for name in [rule.name] + free {
                guard var known = old.first(where: { $0.rule.name == name }) else { continue }
                if !rule.inherits(from: known.rule) { break }
                known.become(rule)
                return known
            }
            return ReferenceLimit(rule)
        }
        model = new
    }

    mutating func release(call: Int) {
        for index in limits.indices { limits[index].release(call: call) }
    }

    private mutating func count(_ family: String, _ rule: String, _ decision: String? = nil) {
        let path = [family, rule] + (decision.map { [$0] } ?? [])
        counts[path.joined(separator: "/"), default: 0] += 1
    }
}

// MARK: - Permissions

extension ReferencePolicy {
    private struct Permission: Equatable {
        var isPermitted: Bool
        var rule: String
    }

    func isPermitted(_ facts: ReferenceFacts) -> Bool {
        permission(facts, withShadows: false).isPermitted
    }

    private func speaks(_ rule: PermissionRule, _ facts: ReferenceFacts) -> Bool {
        rule.actions.contains { ReferenceFacts.fits(facts.call.action, $0.text) }
            && speaksOfPrincipal(rule.principal, facts)
            && rule.when.map { facts.holds($0) } ?? true
    }

    private func speaksOfPrincipal(_ match: PrincipalMatch, _ facts: ReferenceFacts) -> Bool {
        if facts.caller.user == nil { return match.includesAnonymous }
        if !match.roles.isEmpty, !match.roles.contains(where: facts.caller.roles.contains) {
            return false
        }
        return match.claims.allSatisfy { path, values in
            let path = path.split(separator: ".").map { String($0) }
            return (facts.texts(.claim(path)) ?? []).contains { values.contains($0) }
        }
    }

    /// - Parameter shadows: whether shadow rules are enforced for once.
    private func permission(_ facts: ReferenceFacts, withShadows shadows: Bool) -> Permission {
        let speaking = model.permissions.filter { (shadows || !$0.isShadow) && speaks($0, facts) }
        let decider =
            speaking.first { $0.effect == .deny } ?? speaking.first { $0.effect == .permit }
        guard let decider else {
            return Permission(isPermitted: model.permitsByDefault, rule: "default")
        }
        return Permission(isPermitted: decider.effect == .permit, rule: decider.name)
    }

    /// Decides and counts; also the shadow rule that would have decided otherwise.
    private mutating func permission(_ facts: ReferenceFacts) -> (Permission, shadow: String?) {
        let enforced = permission(facts, withShadows: false)
        count("permission", enforced.rule, enforced.isPermitted ? "allow" : "refuse")
        let other = permission(facts, withShadows: true)
        if other.isPermitted == enforced.isPermitted { return (enforced, nil) }
        count("permission", other.rule, other.isPermitted ? "shadow_allow" : "shadow_refuse")
        return (enforced, other.rule)
    }
}

// MARK: - Decisions

extension ReferencePolicy {
    private typealias Look = (index: Int, look: ReferenceLimit.Look)

    /// Decides one call.
    ///
    /// - Parameters:
    ///   - call: a number of its own, by which its places are given back.
    ///   - limitsOnly: permissions are not asked.
    mutating func decide(
        _ facts: ReferenceFacts, call: Int, now: Int64, limitsOnly: Bool = false
    ) -> ReferenceAnswer {
        let time = ReferenceTime(nanoseconds: Int128(now), wall: facts.call.wall)
        var rule = ""
        var shadow: String?
        if !limitsOnly {
            let (permission, named) = permission(facts)
            guard permission.isPermitted else {
                return ReferenceAnswer(
                    verdict: .refuse, rule: permission.rule, kind: .permissionDenied)
            }
            rule = permission.rule
            shadow = named
        }
        let looks: [Look] = limits.indices.filter { limits[$0].applies(facts.call) }.map {
            ($0, limits[$0].look(facts, at: time))
        }
        let deciders = looks.filter { !limits[$0.index].rule.isShadow && !$0.look.hasRoom }
        if let decider = mostSevere(deciders) { return refuse(decider, facts, time) }
        var answer = go(looks, facts, call: call, time)
        answer.rule = rule
        answer.shadowRule = shadow ?? answer.shadowRule
        return answer
    }

    private func severity(_ look: Look) -> Int {
        let action = limits[look.index].rule.onLimit
        return switch look.look {
        case .room: 0
        case .neverFits: 5
        case .banned: action == .close ? 4 : 3
        case .full:
            switch action {
            case .close: 4
            case .reject, .delay: 3
            case .drop: 2
            case .pauseReads: 1
            }
        }
    }

    private func retry(_ look: Look) -> Int128 {
        switch look.look {
        case .full(let time), .banned(let time): time
        case .room, .neverFits: 0
        }
    }

    private func mostSevere(_ looks: [Look]) -> Look? {
        var best: Look?
        for look in looks {
            guard let other = best else {
                best = look
                continue
            }
            if (severity(look), retry(look)) > (severity(other), retry(other)) { best = look }
        }
        return best
    }

    private mutating func refuse(
        _ look: Look, _ facts: ReferenceFacts, _ time: ReferenceTime
    ) -> ReferenceAnswer {
        let severity = severity(look)
        let name = limits[look.index].rule.name
        var retry = retry(look)
        if severity == 1 {
            count("limit", name, "pause")
            return ReferenceAnswer(
                verdict: .pause, rule: name, waitNanoseconds: retry, retryNanoseconds: retry)
        }
        count("limit", name, severity == 2 ? "drop" : "refuse")
        if case .full = look.look, let ban = limits[look.index].refused(facts, at: time) {
            count("ban", name)
            retry = ban
        }
        return ReferenceAnswer(
            verdict: severity == 4 ? .close : severity == 2 ? .drop : .refuse, rule: name,
            kind: severity == 5 ? .tooLarge : .rateLimited,
            retryMilliseconds: roundedUp(retry, 1_000_000), retryNanoseconds: retry)
    }

    private mutating func go(
        _ looks: [Look], _ facts: ReferenceFacts, call: Int, _ time: ReferenceTime
    ) -> ReferenceAnswer {
        var longest: Int128 = 0
        var remaining: Int128?
        var shadow: String?
        for (index, look) in looks {
            let rule = limits[index].rule
            if case .room(let wait) = look {
                limits[index].charge(facts, call: call, at: time)
                if rule.isShadow {
                    count("limit", rule.name, "allow")
                    continue
                }
                count("limit", rule.name, wait > 0 ? "delay" : "allow")
                longest = max(longest, wait)
                if let left = limits[index].remaining(facts, at: time) {
                    remaining = min(remaining ?? left, left)
                }
                continue
            }
            count("limit", rule.name, "shadow_refuse")
            shadow = shadow ?? rule.name
            if case .banned = look { continue }
            if limits[index].refused(facts, at: time) != nil { count("ban", rule.name) }
        }
        return ReferenceAnswer(
            verdict: longest > 0 ? .wait : .go, rule: "", waitNanoseconds: longest,
            remaining: remaining ?? -1, shadowRule: shadow)
    }
}
