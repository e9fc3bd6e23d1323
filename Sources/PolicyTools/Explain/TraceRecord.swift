import SluicePolicy
import SluiceVocabulary

/// A trace as `--json` prints it.
struct TraceRecord: Encodable {
    private let action: String
    private let authenticated: Bool
    private let permissions: [Permission]
    private let permitted: Bool
    private let permissionRule: String
    private let limits: [Limit]
    private let verdict: Verdict

    enum CodingKeys: String, CodingKey {
        case action, authenticated, permissions, permitted, limits, verdict
        case permissionRule = "permission_rule"
    }

    init(_ trace: PolicyTrace) {
        action = trace.action
        authenticated = trace.isAuthenticated
        permissions = trace.permissions.map(Permission.init)
        permitted = trace.isPermitted
        permissionRule = trace.permissionRule
        limits = trace.limits.map(Limit.init)
        verdict = Verdict(trace.verdict)
    }

    private struct Permission: Encodable {
        let name: String
        let effect: String
        let shadow: Bool
        let outcome: String
        /// Why the rule speaks of somebody else.
        let reason: String?
        let condition: [Condition]

        init(_ step: PolicyTrace.PermissionStep) {
            name = step.name
            effect = step.effect == .permit ? "permit" : "deny"
            shadow = step.isShadow
            condition = step.condition.map(Condition.init)
            switch step.outcome {
            case .speaks: (outcome, reason) = ("speaks", nil)
            case .otherPrincipal(let why): (outcome, reason) = ("other_principal", why)
            case .conditionFalse: (outcome, reason) = ("condition_false", nil)
            }
        }
    }

    private struct Condition: Encodable {
        let depth: Int
        let text: String
        let found: String?
        let holds: Bool

        init(_ line: PolicyTrace.ConditionLine) {
            depth = line.depth
            text = line.condition.text
            found = line.found
            holds = line.holds
        }
    }

    private struct Limit: Encodable {
        let name: String
        let algorithm: String
        let shadow: Bool
        let onLimit: String
        let key: [Part]
        let variant: String?
        let outcome: String
        /// Until it fits, or how long it waits.
        let nanoseconds: Int64?
        let unit: String
        let amount: Int64
        let used: Int64
        let quota: Int64
        let remaining: Int64
        let resetNanoseconds: Int64

        enum CodingKeys: String, CodingKey {
            case name, algorithm, shadow, key, variant, outcome, nanoseconds, unit, amount, used,
                quota
            case remaining
            case onLimit = "on_limit"
            case resetNanoseconds = "reset_nanoseconds"
        }

        init(_ step: PolicyTrace.LimitStep) {
            name = step.name
            algorithm = step.algorithm.rawValue
            shadow = step.isShadow
            onLimit = step.onLimit.rawValue
            key = step.key.map(Part.init)
            variant = step.variant
            unit = step.unit.rawValue
            amount = step.amount
            used = step.used
            quota = step.quota
            remaining = step.remaining
            resetNanoseconds = step.reset
            switch step.outcome {
            case .otherTransport: (outcome, nanoseconds) = ("other_transport", nil)
            case .room: (outcome, nanoseconds) = ("room", nil)
            case .waits(let time): (outcome, nanoseconds) = ("waits", time)
            case .lacksRoom(let time): (outcome, nanoseconds) = ("no_room", time)
            case .neverFits: (outcome, nanoseconds) = ("never_fits", nil)
            case .banned(let time): (outcome, nanoseconds) = ("banned", time)
            }
        }
    }

    private struct Part: Encodable {
        let source: String
        let value: String
        let addressInstead: Bool

        enum CodingKeys: String, CodingKey {
            case source, value
            case addressInstead = "address_instead"
        }

        init(_ part: PolicyTrace.KeyPart) {
            source = part.source.text
            value = part.value
            addressInstead = part.isAddressInstead
        }
    }

    private struct Verdict: Encodable {
        let outcome: String
        let rule: String?
        let refusal: String?
        let status: UInt32?
        /// How long it waits or is paused, or when it may come back.
        let nanoseconds: Int64?
        /// Requests left, as the call would be told.
        let remaining: Int64?
        /// The shadow rule that would decide otherwise.
        let shadowRule: String?

        enum CodingKeys: String, CodingKey {
            case outcome, rule, refusal, status, nanoseconds, remaining
            case shadowRule = "shadow_rule"
        }

        init(_ verdict: PolicyVerdict) {
            switch verdict {
            case .go(let permit): self.init(outcome: "go", permit: permit)
            case .wait(let permit, let time):
                self.init(outcome: "wait", nanoseconds: time, permit: permit)
            case .pause(let rule, let time):
                self.init(outcome: "pause", rule: rule, nanoseconds: time)
            case .refuse(let refusal): self.init("refuse", refusal)
            case .drop(let refusal): self.init("drop", refusal)
            case .close(let refusal): self.init("close", refusal)
            }
        }

        private init(_ outcome: String, _ refusal: SluiceVocabulary.Refusal) {
            let milliseconds = Int64(clamping: refusal.retryAfterMilliseconds)
            self.init(
                outcome: outcome, rule: refusal.rule, refusal: refusal.kind.name,
                status: refusal.kind.status,
                nanoseconds: milliseconds > 0 ? milliseconds * 1_000_000 : nil)
        }

        private init(
            outcome: String, rule: String? = nil, refusal: String? = nil, status: UInt32? = nil,
            nanoseconds: Int64? = nil, permit: Permit? = nil
        ) {
            remaining = permit.flatMap { $0.remaining >= 0 ? $0.remaining : nil }
            shadowRule = permit?.shadowRule
            self.outcome = outcome
            self.rule = rule
            self.refusal = refusal
            self.status = status
            self.nanoseconds = nanoseconds
        }
    }
}
