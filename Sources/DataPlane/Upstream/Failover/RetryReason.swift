/// Why a call was sent again: the label `reason` of `sluice_upstream_retries_total`.
package enum RetryReason: String, Sendable, CaseIterable {
    /// The link or connection was lost before the answer; the command is `retry_safe`.
    case connectionLost = "connection_lost"
    /// Nothing of it had been sent: this is safe for every command.
    case unsent
    /// The instance took longer than `per_try_timeout`; `retry_safe`, not ordered.
    case perTryTimeout = "per_try_timeout"
    /// What came was no answer, or that the instance cannot serve; `retry_safe`, not ordered.
    case badAnswer = "bad_answer"
}

/// Decides whether a call may be sent again.
struct RetryPolicy {
    var settings: RetrySettings
    var budget: RetryBudget

    init(_ settings: RetrySettings) {
        self.settings = settings
        budget = RetryBudget(share: settings.budget)
    }

    /// Takes over new settings; calls and retries so far keep counting.
    mutating func adopt(_ settings: RetrySettings) {
        self.settings = settings
        budget.share = settings.budget
    }

    /// Whether the command lets a call that failed for `reason` be sent again.
    ///
    /// An ordered one only when its instance is gone, and with it all calls before and after:
    /// elsewhere it would overtake them.
    static func allows(_ reason: RetryReason, _ command: Command) -> Bool {
        switch reason {
        case .unsent: true
        case .connectionLost: command.isRetrySafe
        case .perTryTimeout, .badAnswer: command.isRetrySafe && !command.isOrdered
        }
    }
}
