/// What calls of one action by one connection meet: a verdict and a chain of limits. Immutable;
/// found once, then every call walks it without looking anything up.
final class CallPlan {
    let action: Int
    /// Holds where nothing depends on the call.
    let verdict: PermissionVerdict
    /// Set where something does.
    let conditional: ConditionalPermissions?
    let limits: LimitChain

    init(
        action: Int, verdict: PermissionVerdict, conditional: ConditionalPermissions?,
        limits: LimitChain
    ) {
        self.action = action
        self.verdict = verdict
        self.conditional = conditional
        self.limits = limits
    }
}

@available(*, unavailable)
extension CallPlan: Sendable {}
