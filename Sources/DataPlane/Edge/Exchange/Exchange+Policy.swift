import SluiceIdentity
import SluicePolicy
import SluiceVocabulary

/// A question to the policy whose answer may take time: a login, a connection, a request of HTTP.
///
/// Messages of a long connection do not come this way: `Exchange+Waiting`.
struct PolicyQuestion {
    /// What the policy is asked about.
    enum Scope { case permissionsAndLimits, limitsOnly }

    let place: PolicyWait.Place
    let subject: PolicySubject
    /// Whose token it came with: looked at again after a wait; nil = looked at by somebody else.
    var principal: Principal?
    var scope = Scope.permissionsAndLimits
    /// By when the call must have gone on; nil = whenever the policy says. A pause moves it.
    var deadline: MonotonicTime?
    /// Makes the call, anew after a wait: a reload may have numbered actions and fields otherwise.
    /// Nil when the action is gone.
    let call: () -> PolicyCall?
}

/// What the policy says in the end, when all waiting is over.
enum PolicyAnswer {
    /// Whoever gets the permit gives its lease back, by `callIsOver`.
    case go(Permit, pausedMilliseconds: UInt32)
    /// - closes: the connection ends with it.
    case no(Refusal, closes: Bool)
}

extension EdgeLoop {
    /// Asks the policy. `completion` runs once on this loop, inside a turn; before return where
    /// nothing has to wait. A client that goes meanwhile is answered like one that is refused.
    func ask(_ question: PolicyQuestion, _ completion: @escaping (PolicyAnswer) -> Void) {
        ask(question, pausedMilliseconds: 0, completion)
    }

    private func ask(
        _ question: PolicyQuestion, pausedMilliseconds paused: UInt32,
        _ completion: @escaping (PolicyAnswer) -> Void
    ) {
        guard let call = question.call() else {
            return completion(.no(Refusal(.commandNotFound), closes: false))
        }
        switch verdict(question, call) {
        case .go(let permit): completion(.go(permit, pausedMilliseconds: paused))
        case .wait(let permit, _) where question.scope == .limitsOnly:
            completion(.go(permit, pausedMilliseconds: paused))
        case .wait(let permit, let nanoseconds):
            delay(question, permit, nanoseconds, paused, completion)
        case .pause(_, let nanoseconds):
            let began = tick.now
            wait(at: question.place, nanoseconds: nanoseconds) { [self] end in
                guard end == .timeHasCome else {
                    return completion(.no(.clientGone, closes: false))
                }
                if let refusal = lapsed(question.principal) {
                    return completion(.no(refusal, closes: false))
                }
                let pause = tick.now.milliseconds(since: began)
                var again = question
                again.deadline = question.deadline?.advanced(byMilliseconds: pause)
                let all = UInt32(clamping: Int64(paused) + pause)
                ask(again, pausedMilliseconds: all, completion)
            }
        case .refuse(let refusal), .drop(let refusal): completion(.no(refusal, closes: false))
        case .close(let refusal): completion(.no(refusal, closes: true))
        }
    }

    private func verdict(_ question: PolicyQuestion, _ call: PolicyCall) -> PolicyVerdict {
        switch question.scope {
        case .permissionsAndLimits: evaluator.decide(call, for: question.subject, now: tick.now)
        case .limitsOnly: evaluator.limitOnly(call, for: question.subject, now: tick.now)
        }
    }

    /// Charged, and to be let go later.
    private func delay(
        _ question: PolicyQuestion, _ permit: Permit, _ nanoseconds: Int64,
        _ paused: UInt32, _ completion: @escaping (PolicyAnswer) -> Void
    ) {
        if let deadline = question.deadline, deadline.nanoseconds(since: tick.now) <= nanoseconds {
            callIsOver(permit.lease)
            return completion(.no(.waitsTooLong, closes: false))
        }
        let policy = policyNumber
        wait(at: question.place, holding: permit.lease, nanoseconds: nanoseconds) { [self] end in
            guard end == .timeHasCome else { return completion(.no(.clientGone, closes: false)) }
            if let refusal = lapsed(question, since: policy) {
                callIsOver(permit.lease)
                return completion(.no(refusal, closes: false))
            }
            completion(.go(permit, pausedMilliseconds: paused))
        }
    }

    /// Why a call that has waited may not go on after all.
    private func lapsed(_ question: PolicyQuestion, since policy: UInt64) -> Refusal? {
        if let refusal = lapsed(question.principal) { return refusal }
        guard policy != policyNumber else { return nil }
        guard let call = question.call() else { return Refusal(.commandNotFound) }
        return evaluator.permissionRefusal(call, for: question.subject)
    }

    private func lapsed(_ principal: Principal?) -> Refusal? {
        guard let principal else { return nil }
        if authenticator.revocations.covers(principal) {
            return Refusal(TokenError.revoked.refusal)
        }
        guard let end = principal.expiresAtSeconds,
            end + snapshot.tokenRules.leewaySeconds <= tick.wall.seconds
        else { return nil }
        return Refusal(.tokenExpired)
    }

    /// Lets a call wait in the slot of its client. `completion` runs once on this loop, inside a turn.
    ///
    /// - Parameter lease: what a call that was charged holds; nil = nothing was charged.
    func wait(
        at place: PolicyWait.Place, holding lease: Lease? = nil, nanoseconds: Int64,
        _ completion: @escaping (PolicyWait.End) -> Void
    ) {
        _ = PolicyWait(
            self, at: place, holding: lease ?? .none, isPause: lease == nil,
            nanoseconds: nanoseconds, completion)
    }

    /// A call is over, however it ended: the one place where what it held under `concurrency` comes
    /// free.
    func callIsOver(_ lease: Lease) {
        if !lease.isNone { evaluator.release(lease) }
    }
}

extension PolicyWait.Place {
    /// A call from here, as the policy sees it.
    func call(_ action: ActionID, bytes: Int = 0, loginUser: String? = nil) -> PolicyCall {
        switch self {
        case .connection(let client):
            PolicyCall(
                action: action, bytes: bytes, transport: client.transport,
                wall: client.edge.tick.wall, loginUser: loginUser)
        case .request(let entry): entry.policyCall(action, bytes: bytes, loginUser: loginUser)
        }
    }
}

extension Refusal {
    /// Nobody is there to read it; the journal is.
    static var clientGone: Self { Refusal(.timedOut, message: "The client has gone.") }

    /// A delay that would outlast the time the call may take.
    static var waitsTooLong: Self {
        Refusal(.timedOut, message: "The delay of a limit is longer than the command's timeout.")
    }
}
