import SluiceVocabulary

/// The end of a chain of limits: lets every call through. A `LimitHold` is what goes before it.
///
/// A chain of immutable objects is walked by recursion without touching a reference count. Over an
/// array, or with an optional `next`, each step would cost a pair of locked instructions, which is
/// more than all the arithmetic together.
class LimitChain {
    /// Whether a call fits everywhere; goes on after a no, to find the limit that decides.
    func look(_ pass: inout LimitPass, _ call: PolicyCall, _ subject: PolicySubject) -> LimitOutcome
    {
        .done
    }

    /// Reserves everywhere, or nowhere.
    func write(_ pass: inout LimitPass, _ call: PolicyCall, _ subject: PolicySubject)
        -> LimitOutcome
    {
        .done
    }

    /// Tells what `look` would find, of every limit in turn, and what `write` would leave.
    func explain(
        _ pass: inout LimitPass, _ call: PolicyCall, _ subject: PolicySubject,
        into steps: inout [PolicyTrace.LimitStep]
    ) {}
}

/// How a call fared in a chain of limits.
enum LimitOutcome {
    case done
    case refused
    /// A bucket was forgotten: make a new plan and begin anew.
    case stale
}

/// One limit of a plan, and the rest of the chain. `RateHold`, `WindowHold` and `PlaceHold` reckon.
class LimitHold: LimitChain {
    final let line: LimitLine
    /// Index into the limit's numbers, by the principal's override.
    final let variant: Int
    final let terms: LimitTerms
    final let next: LimitChain

    init(_ line: LimitLine, variant: Int, next: LimitChain) {
        self.line = line
        self.variant = variant
        self.terms = line.numbers.variants[variant]
        self.next = next
    }

    /// The hold of a limit.
    ///
    /// - Parameter bucket: nil where the key can differ from message to message.
    static func make(_ line: LimitLine, bucket: Bucket?, variant: Int, next: LimitChain)
        -> LimitHold
    {
        switch line.algorithm {
        case .tokenBucket, .leakyBucket:
            RateHold(line, bucket: bucket, variant: variant, next: next)
        case .slidingWindow, .quota:
            WindowHold(line, bucket: bucket, variant: variant, next: next)
        case .concurrency: PlaceHold(line, bucket: bucket, variant: variant, next: next)
        }
    }

    /// The bucket of a key that changes from message to message.
    final func find(_ pass: LimitPass, _ call: PolicyCall, _ subject: PolicySubject) -> Bucket {
        let facts = CallFacts(call: call, subject: subject, scope: line.scope)
        return line.bucket(of: facts.key(line.key), now: pass.now, wall: pass.wall)
    }

    /// What is left of a ban; nil when there is none.
    @inline(__always)
    final func banLeft(_ bucket: Bucket, _ pass: LimitPass) -> Int64? {
        line.ban == nil ? nil : bucket.offences.banLeft(at: pass.now)
    }

    /// A shadow limit without room: counted, not charged, and an offence like any other.
    final func countShadow(_ bucket: Bucket, _ pass: LimitPass) {
        line.refused.add(1)
        guard let ban = line.ban else { return }
        _ = line.countOffence(bucket, ban, now: pass.now)
    }

    /// Remembers what is left under this limit if it is the tightest so far. The last limit tells
    /// first: of equals the first of the set is named.
    @inline(__always)
    final func tell(_ pass: inout LimitPass, remaining: Int64, reset: Int64) {
        guard line.countsForRemaining, remaining <= pass.remaining else { return }
        pass.remaining = remaining
        pass.tightest.limit = line.index
        pass.tightest.variant = Int32(truncatingIfNeeded: variant)
        pass.tightest.reset = reset
    }
}

@available(*, unavailable)
extension LimitChain: Sendable {}
