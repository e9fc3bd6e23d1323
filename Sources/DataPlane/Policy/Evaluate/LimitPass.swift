import SluiceVocabulary

/// One call on its way through the limits of its plan: first a look at all, then all are written.
///
/// Looking first keeps a client that is refused anyway from reserving, for a moment, what others
/// could have had. Between the two another loop may come: then what was written is given back.
struct LimitPass {
    let now: Int64
    let bytes: Int
    let transport: UInt8
    /// Requests left under the tightest limit; the largest number when none counts requests.
    var remaining = Int64.max
    private var shadow: LimitLine?
    private var worst: LimitLine?
    private var worstExcess: Int64 = 0
    private var neverFits = false

    /// The shadow limit that would have refused.
    var shadowRule: String? { shadow?.name }

    @inline(__always)
    init(_ call: PolicyCall, now: Int64) {
        self.now = now
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

    /// Remembers the limit that takes longest, or one that never lets such a call through.
    @inline(never)
    mutating func doesNotFit(_ line: LimitLine, _ look: BucketLook) -> LimitOutcome {
        if line.isShadow {
            shadow = shadow ?? line
            return .done
        }
        let isTooLarge = look.increment > look.tolerance
        if worst == nil || (isTooLarge && !neverFits)
            || (isTooLarge == neverFits && look.excess > worstExcess)
        {
            worst = line
            worstExcess = look.excess
            neverFits = isTooLarge
        }
        return .refused
    }

    /// The answer to a call that was refused.
    @inline(never)
    func refusal() -> Refusal {
        worst?.refused.add(1)
        if neverFits { return Refusal(.tooLarge, rule: worst?.name) }
        return Refusal(
            .rateLimited, rule: worst?.name,
            retryAfterMilliseconds: UInt64((worstExcess + 999_999) / 1_000_000))
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
