import SluiceVocabulary

/// The end of a chain of limits: lets every call through. `LimitHold` is what goes before it.
///
/// A chain of immutable objects is walked by recursion without touching a reference count. Over an
/// array, or with an optional `next`, each step would cost a pair of locked instructions, which is
/// more than all the arithmetic together.
class LimitChain {
    /// Whether a call fits everywhere; goes on after a no, to find the longest wait.
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
}

/// How a call fared in a chain of limits.
enum LimitOutcome {
    case done
    case refused
    /// A bucket was forgotten: make a new plan and begin anew.
    case stale
}

/// One limit of a plan, with its bucket, and the rest of the chain.
final class LimitHold: LimitChain {
    let line: LimitLine
    /// Never touched where the key can differ from message to message (`line.isConstant` is false).
    let bucket: Bucket
    /// Index into the limit's numbers, by the principal's override.
    let variant: Int
    let numbers: GCRA
    private let next: LimitChain

    init(_ line: LimitLine, bucket: Bucket, variant: Int, next: LimitChain) {
        self.line = line
        self.bucket = bucket
        self.variant = variant
        self.numbers = line.numbers.variants[variant]
        self.next = next
    }

    override func look(
        _ pass: inout LimitPass, _ call: PolicyCall, _ subject: PolicySubject
    ) -> LimitOutcome {
        if line.transports & pass.transport == 0 { return next.look(&pass, call, subject) }
        var outcome = LimitOutcome.done
        if line.isConstant {
            guard let look = BucketLook(bucket, self, bytes: pass.bytes, now: pass.now) else {
                return .stale
            }
            if look.excess > 0 { outcome = pass.doesNotFit(line, look) }
        } else {
            let (_, look) = find(pass, call, subject)
            if look.excess > 0 { outcome = pass.doesNotFit(line, look) }
        }
        let rest = next.look(&pass, call, subject)
        return rest == .done ? outcome : rest
    }

    override func write(
        _ pass: inout LimitPass, _ call: PolicyCall, _ subject: PolicySubject
    ) -> LimitOutcome {
        if line.transports & pass.transport == 0 { return next.write(&pass, call, subject) }
        if !line.isConstant { return writeKeyed(&pass, call, subject) }
        guard let look = BucketLook(bucket, self, bytes: pass.bytes, now: pass.now) else {
            return .stale
        }
        return write(bucket, look, &pass, call, subject)
    }

    @inline(never)
    private func writeKeyed(
        _ pass: inout LimitPass, _ call: PolicyCall, _ subject: PolicySubject
    ) -> LimitOutcome {
        let (bucket, look) = find(pass, call, subject)
        return write(bucket, look, &pass, call, subject)
    }

    /// Writes this one, then the rest; gives back when the rest could not be written.
    @inline(__always)
    private func write(
        _ bucket: Bucket, _ first: BucketLook, _ pass: inout LimitPass, _ call: PolicyCall,
        _ subject: PolicySubject
    ) -> LimitOutcome {
        var look = first
        while look.excess <= 0, !bucket.replace(look.before, by: look.after) {
            guard let again = BucketLook(bucket, self, bytes: pass.bytes, now: pass.now) else {
                return .stale
            }
            look = again
        }
        if look.excess > 0, pass.doesNotFit(line, look) == .refused { return .refused }
        let rest = next.write(&pass, call, subject)
        if rest != .done {
            if look.excess <= 0 { look.giveBack(bucket, self) }
            return rest
        }
        if look.excess > 0 {
            line.refused.add(1)
        } else {
            line.allowed.add(1)
            if line.countsForRemaining {
                pass.remaining = min(pass.remaining, numbers.requests(in: -look.excess))
            }
        }
        return .done
    }

    /// The bucket of a key that changes from message to message.
    @inline(never)
    private func find(
        _ pass: LimitPass, _ call: PolicyCall, _ subject: PolicySubject
    ) -> (Bucket, BucketLook) {
        let key = subject.key(line.key, call: call)
        while true {
            let bucket = line.bucket(of: key, now: pass.now)
            // Nil only when it was forgotten since: the table then makes a new one.
            if let look = BucketLook(bucket, self, bytes: pass.bytes, now: pass.now) {
                return (bucket, look)
            }
        }
    }
}

@available(*, unavailable)
extension LimitChain: Sendable {}
