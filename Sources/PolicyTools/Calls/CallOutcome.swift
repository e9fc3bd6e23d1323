import SluicePolicy
import SluiceVocabulary

/// What a policy said to one call, in the words of tests.
struct CallOutcome: Sendable, Equatable {
    /// Exactly one of the five parts.
    let tally: Expectation.Tally
    /// The rule that refused, dropped, closed or paused; for a call that goes on the permission
    /// rule, empty for a push.
    let rule: String
    /// Why it does not go on; nil where it does, and where it is paused.
    let refusal: RefusalKind?
    /// When it may come back; 0 = not known, or it goes on.
    let retryNanoseconds: Int64
    /// How long it waits before it goes on.
    let waitNanoseconds: Int64
    /// What it was told to have left; -1 = nothing is counted.
    let remaining: Int64
    let shadowRule: String?

    init(_ verdict: PolicyVerdict) {
        switch verdict {
        case .go(let permit): self.init(permit, waitNanoseconds: 0)
        case .wait(let permit, let nanoseconds):
            self.init(permit, waitNanoseconds: nanoseconds)
        case .pause(let rule, let nanoseconds):
            self.init(.paused, rule: rule, refusal: nil, retryNanoseconds: nanoseconds)
        case .refuse(let refusal): self.init(.refused, refusal)
        case .drop(let refusal): self.init(.dropped, refusal)
        case .close(let refusal): self.init(.closed, refusal)
        }
    }

    private init(_ permit: Permit, waitNanoseconds: Int64) {
        tally = .allowed
        rule = permit.rule
        refusal = nil
        retryNanoseconds = 0
        self.waitNanoseconds = waitNanoseconds
        remaining = permit.remaining
        shadowRule = permit.shadowRule
    }

    private init(_ tally: Expectation.Tally, _ refusal: Refusal) {
        self.init(
            tally, rule: refusal.rule ?? "", refusal: refusal.kind,
            retryNanoseconds: Int64(clamping: refusal.retryAfterMilliseconds) * 1_000_000)
    }

    private init(
        _ tally: Expectation.Tally, rule: String, refusal: RefusalKind?, retryNanoseconds: Int64
    ) {
        self.tally = tally
        self.rule = rule
        self.refusal = refusal
        self.retryNanoseconds = retryNanoseconds
        waitNanoseconds = 0
        remaining = -1
        shadowRule = nil
    }

    var goesOn: Bool { tally == .allowed }

    /// Whether the call counts as this.
    func counts(as other: Expectation.Tally) -> Bool {
        switch other {
        case .allowed, .refused, .dropped, .closed, .paused: tally == other
        case .delayed: waitNanoseconds > 0
        case .denied: refusal == .permissionDenied
        case .tooLarge: refusal == .tooLarge
        }
    }
}
