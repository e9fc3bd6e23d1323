import SluiceDocuments
import SluicePolicy
import SluiceVocabulary

/// A trace as a person reads it: every rule that was looked at, and what came of it.
struct TraceText {
    private let trace: PolicyTrace
    private let permitsByDefault: Bool

    init(_ trace: PolicyTrace, permitsByDefault: Bool) {
        self.trace = trace
        self.permitsByDefault = permitsByDefault
    }

    /// Permissions, limits and the verdict, a heading above each.
    var lines: [String] {
        var lines = ["authenticated: \(trace.isAuthenticated ? "yes" : "no")"]
        lines += ["permissions:"] + permissions.map { "  " + $0 }
        if trace.isPermitted { lines += ["limits:"] + limits.map { "  " + $0 } }
        return lines + ["verdict: " + verdict]
    }

    // MARK: Permissions

    private var permissions: [String] {
        var lines: [String] = []
        for step in trace.permissions {
            let effect = step.effect == .permit ? "permit" : "deny"
            let shadow = step.isShadow ? ", shadow" : ""
            lines.append("\(step.name) (\(effect)\(shadow)): \(Self.text(of: step.outcome))")
            lines += step.condition.map(Self.text(of:))
        }
        return lines + [conclusion]
    }

    private var conclusion: String {
        if trace.permissionRule.isEmpty { return "=> not asked: pushes pass limits alone" }
        if trace.permissionRule == "default" {
            let verdict = permitsByDefault ? "permit" : "deny"
            return "=> no permission rule speaks of \(trace.action) by this caller; "
                + "default: \(verdict)"
        }
        return trace.isPermitted
            ? "=> permitted by \(trace.permissionRule)" : "=> denied by \(trace.permissionRule)"
    }

    private static func text(of outcome: PolicyTrace.PermissionStep.Outcome) -> String {
        switch outcome {
        case .speaks: "speaks"
        case .otherPrincipal(let reason): "does not speak: \(reason)"
        case .conditionFalse: "does not speak: its condition is false"
        }
    }

    /// `false  {lt: [message.bytes, 16384]}, found 20000`, indented.
    private static func text(of line: PolicyTrace.ConditionLine) -> String {
        let indent = String(repeating: "  ", count: line.depth + 1)
        let word = line.holds ? "true " : "false"
        let found = line.found.map { "found \(Condition.constant($0))" } ?? "the call has none"
        switch line.condition {
        case .all: return "\(indent)\(word)  all of"
        case .any: return "\(indent)\(word)  any of"
        case .not: return "\(indent)\(word)  not"
        default: return "\(indent)\(word)  \(line.condition.text), \(found)"
        }
    }

    // MARK: Limits

    private var limits: [String] {
        if trace.limits.isEmpty { return ["=> no limit speaks of \(trace.action)"] }
        return trace.limits.flatMap { step in
            let shadow = step.isShadow ? ", shadow" : ""
            let head = "\(step.name) (\(step.algorithm.rawValue)\(shadow)): "
            if case .otherTransport = step.outcome {
                return [head + "does not apply to this transport"]
            }
            let override = step.variant.map { ", numbers of `\($0)`" } ?? ""
            let unit = step.unit == .bytes ? " bytes" : ""
            let level = "used \(step.used) of \(step.quota)\(unit)\(override)"
            return [
                head + Self.text(of: step),
                "  key \(Self.key(step.key))",
                "  \(level); the call takes \(step.amount)",
            ]
        }
    }

    private static func key(_ parts: [PolicyTrace.KeyPart]) -> String {
        if parts.isEmpty { return "[]: one bucket for all" }
        let texts = parts.map { part in
            part.isAddressInstead
                ? "\(part.source.text): the call has none, the address \(part.value) stands in"
                : "\(part.source.text) = \(Condition.constant(part.value))"
        }
        return texts.joined(separator: ", ")
    }

    private static func text(of step: PolicyTrace.LimitStep) -> String {
        switch step.outcome {
        case .otherTransport: "does not apply to this transport"
        case .room: "room"
        case .waits(let nanoseconds): "the call waits \(durationText(nanoseconds: nanoseconds))"
        case .lacksRoom(let nanoseconds): "no room; \(step.onLimit.rawValue)" + again(nanoseconds)
        case .neverFits: "the call is larger than the whole bucket"
        case .banned(let nanoseconds): "the key is banned" + again(nanoseconds)
        }
    }

    private static func again(_ nanoseconds: Int64) -> String {
        nanoseconds > 0 ? "; room in \(durationText(nanoseconds: nanoseconds))" : ""
    }

    // MARK: Verdict

    /// What would be said to the call, in one line.
    var verdict: String {
        switch trace.verdict {
        case .go(let permit): "goes on" + Self.text(of: permit)
        case .wait(let permit, let nanoseconds):
            "waits \(durationText(nanoseconds: nanoseconds)), then goes on" + Self.text(of: permit)
        case .pause(let rule, let nanoseconds):
            "paused by \(rule): nothing more is read for \(durationText(nanoseconds: nanoseconds))"
        case .refuse(let refusal): "refused, " + Self.text(of: refusal)
        case .drop(let refusal): "dropped, " + Self.text(of: refusal)
        case .close(let refusal): "refused and closed (4005), " + Self.text(of: refusal)
        }
    }

    /// `, 9 left; room-traffic (shadow) would decide otherwise`.
    private static func text(of permit: Permit) -> String {
        (permit.remaining >= 0 ? ", \(permit.remaining) left" : "")
            + (permit.shadowRule.map { "; \($0) (shadow) would decide otherwise" } ?? "")
    }

    /// `rate_limited (429) by send-per-user, again in 2s`.
    private static func text(of refusal: Refusal) -> String {
        let rule = refusal.rule.map { " by \($0)" } ?? ""
        let milliseconds = Int64(clamping: refusal.retryAfterMilliseconds)
        let again =
            milliseconds > 0
            ? ", again in \(durationText(nanoseconds: milliseconds * 1_000_000))" : ""
        return "\(refusal.kind.name) (\(refusal.kind.status))\(rule)\(again)"
    }
}
