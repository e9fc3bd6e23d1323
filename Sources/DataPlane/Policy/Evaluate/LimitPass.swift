import SluiceVocabulary

/// One call on its way through the limits of its plan: first a look at all, then all are written.
///
/// Looking first keeps a client that is refused anyway from reserving, for a moment, what others
/// could have had. Between the two another loop may come: then what was written is given back.
struct LimitPass {
    let now: Int64
    /// Microseconds since 1970.
    let wall: Int64
    let bytes: Int
    let transport: UInt8
    /// Requests left under the tightest limit; the largest number when none counts requests.
    var remaining = Int64.max
    var tightest = Permit.Tightest()
    /// Nanoseconds the call has to wait.
    var wait: Int64 = 0
    /// Places taken; they lie on the loop's `PlaceStack`.
    var places = 0
    private var shadow: LimitLine?
    private var worst: Objection?

    /// Why a limit has no room.
    final class Objection {
        let line: LimitLine
        let bucket: Bucket
        let look: LimitLook
        let terms: LimitTerms
        let severity: Severity

        init(_ hold: LimitHold, _ bucket: Bucket, _ look: LimitLook, _ severity: Severity) {
            line = hold.line
            self.bucket = bucket
            self.look = look
            terms = hold.terms
            self.severity = severity
        }
    }

    /// What becomes of the call if this limit decides; the later, the worse.
    enum Severity: Int {
        case pause, drop, reject, close, tooLarge
    }

    /// The shadow limit that would have refused.
    var shadowRule: String? { shadow?.name }

    @inline(__always)
    init(_ call: PolicyCall, now: Int64) {
        self.now = now
        wall = call.wall.microseconds
        bytes = call.bytes
        transport = call.transport.bit
    }

    /// Reserves under all limits, or none.
    @inline(__always)
    mutating func run(_ limits: LimitChain, _ call: PolicyCall, _ subject: PolicySubject)
        -> LimitOutcome
    {
        let looked = limits.look(&self, call, subject)
        return looked == .done ? limits.write(&self, call, subject) : looked
    }

    /// Looks without reserving anything.
    mutating func look(_ limits: LimitChain, _ call: PolicyCall, _ subject: PolicySubject)
        -> LimitOutcome
    {
        limits.look(&self, call, subject)
    }

    /// Remembers the limit that decides: the most severe, of those the one that takes longest, of
    /// those the first.
    @inline(never)
    mutating func doesNotFit(_ hold: LimitHold, _ bucket: Bucket, _ look: LimitLook) -> LimitOutcome
    {
        let line = hold.line
        if line.isShadow {
            shadow = shadow ?? line
            return .done
        }
        let severity = Self.severity(line, look)
        if let worst {
            if severity.rawValue < worst.severity.rawValue { return .refused }
            if severity == worst.severity, look.retry <= worst.look.retry { return .refused }
        }
        worst = Objection(hold, bucket, look, severity)
        return .refused
    }

    private static func severity(_ line: LimitLine, _ look: LimitLook) -> Severity {
        if look.isTooLarge, !look.isBanned { return .tooLarge }
        switch line.onLimit {
        case .close: return .close
        case .reject, .delay: return .reject
        case .drop: return look.isBanned ? .reject : .drop
        case .pauseReads: return look.isBanned ? .reject : .pause
        }
    }

    /// The answer to a call that was refused.
    ///
    /// - Parameter counts: false to find out what would be said.
    @inline(never)
    func verdict(counts: Bool) -> PolicyVerdict {
        guard let worst else { preconditionFailure("invariant broken: nobody refused") }
        let line = worst.line
        if counts { count(worst) }
        if worst.severity == .tooLarge {
            return .refuse(Refusal(.tooLarge, rule: line.name, limit: facts(of: worst)))
        }
        if worst.severity == .pause {
            return .pause(rule: line.name, nanoseconds: worst.look.retry)
        }
        var wait = worst.look.retry
        if let ban = line.ban {
            let left: Int64?
            if counts {
                left = line.countOffence(worst.bucket, ban, now: now)
            } else {
                left = worst.bucket.offences.refused(at: now, ban).banLeft(at: now)
            }
            wait = left ?? wait
        }
        let refusal = Refusal(
            .rateLimited, rule: line.name,
            retryAfterMilliseconds: UInt64((wait + 999_999) / 1_000_000), limit: facts(of: worst))
        switch worst.severity {
        case .close: return .close(refusal)
        case .drop: return .drop(refusal)
        case .reject, .tooLarge, .pause: return .refuse(refusal)
        }
    }

    private func count(_ worst: Objection) {
        switch worst.severity {
        case .pause: worst.line.counter(of: .pauseReads).add(1)
        case .drop: worst.line.counter(of: .drop).add(1)
        case .reject, .close, .tooLarge: worst.line.refused.add(1)
        }
    }

    private func facts(of worst: Objection) -> LimitFacts {
        worst.terms.facts(
            worst.line.name, worst.line.algorithm, countsBytes: worst.line.countsBytes,
            calendar: worst.line.numbers.calendar, remaining: worst.look.remaining,
            reset: worst.look.reset)
    }
}

extension Transport {
    /// One bit for each.
    @inline(__always)
    var bit: UInt8 {
        switch self {
        case .websocket: 1
        case .tcp: 2
        case .http: 4
        }
    }
}
