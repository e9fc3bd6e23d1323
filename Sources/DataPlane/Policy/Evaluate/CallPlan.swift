/// What calls of one action by one connection meet: a verdict and a chain of limits. Immutable;
/// found once, then every call walks it without looking anything up.
final class CallPlan {
    let action: Int
    let verdict: PermissionVerdict
    let limits: LimitChain

    init(action: Int, verdict: PermissionVerdict, limits: LimitChain) {
        self.action = action
        self.verdict = verdict
        self.limits = limits
    }
}

@available(*, unavailable)
extension CallPlan: Sendable {}
