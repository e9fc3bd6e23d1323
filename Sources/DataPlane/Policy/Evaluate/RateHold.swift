import SluiceVocabulary

/// `token_bucket` and `leaky_bucket`: one time says it all.
final class RateHold: LimitHold {
    /// Never touched where the key can differ from message to message (`line.isConstant` is false).
    private let bucket: WordBucket

    /// Stands where a bucket is looked up per message.
    private static let noBucket = WordBucket(BucketWord.retired.rawValue)

    init(_ line: LimitLine, bucket: Bucket?, variant: Int, next: LimitChain) {
        self.bucket = bucket as? WordBucket ?? Self.noBucket
        super.init(line, variant: variant, next: next)
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
            if !hasRoom(bucket, look, pass) { outcome = objection(&pass, bucket, look) }
        } else {
            let (bucket, look) = findWord(pass, call, subject)
            if !hasRoom(bucket, look, pass) { outcome = objection(&pass, bucket, look) }
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
        let (bucket, look) = findWord(pass, call, subject)
        return write(bucket, look, &pass, call, subject)
    }

    /// Writes this one, then the rest; gives back when the rest could not be written.
    @inline(__always)
    private func write(
        _ bucket: WordBucket, _ first: BucketLook, _ pass: inout LimitPass, _ call: PolicyCall,
        _ subject: PolicySubject
    ) -> LimitOutcome {
        var look = first
        var fits = hasRoom(bucket, look, pass)
        while fits, !bucket.replace(look.before, by: look.after) {
            guard let again = BucketLook(bucket, self, bytes: pass.bytes, now: pass.now) else {
                return .stale
            }
            look = again
            fits = hasRoom(bucket, look, pass)
        }
        if !fits, objection(&pass, bucket, look) == .refused { return .refused }
        let rest = next.write(&pass, call, subject)
        if rest != .done {
            if fits { look.giveBack(bucket, self) }
            return rest
        }
        if fits {
            settle(&pass, look)
        } else {
            countShadow(bucket, pass)
        }
        return .done
    }

    /// Counts a call that goes on, and what it has to wait.
    @inline(__always)
    private func settle(_ pass: inout LimitPass, _ look: BucketLook) {
        if line.isPlain {
            line.allowed.add(1)
        } else {
            settleWait(&pass, look)
        }
        tellRest(&pass, look)
    }

    /// Tells what is left after a call with room.
    @inline(__always)
    private func tellRest(_ pass: inout LimitPass, _ look: BucketLook) {
        guard line.countsForRemaining else { return }
        let full = look.used &+ look.increment
        let slack = max(0, look.tolerance &- full)
        tell(&pass, remaining: terms.requests(in: slack), reset: full)
    }

    @inline(never)
    private func settleWait(_ pass: inout LimitPass, _ look: BucketLook) {
        let wait = line.canWait && !line.isShadow ? self.wait(look) : 0
        if wait > 0 {
            line.delayed.add(1)
            pass.wait = max(pass.wait, wait)
        } else {
            line.allowed.add(1)
        }
    }

    /// Nanoseconds a call with room has to wait.
    func wait(_ look: BucketLook) -> Int64 {
        line.isQueue ? look.used : max(0, look.used + look.increment - look.tolerance)
    }

    @inline(__always)
    private func hasRoom(_ bucket: WordBucket, _ look: BucketLook, _ pass: LimitPass) -> Bool {
        if line.isPlain { return look.excess <= 0 }
        if look.excess > 0 { return false }
        if line.canWait, !mayWait(look) { return false }
        return banLeft(bucket, pass) == nil
    }

    /// Whether a call that may have to wait need not wait too long, nor for ever.
    private func mayWait(_ look: BucketLook) -> Bool {
        line.isQueue ? look.used <= terms.longestWait : look.increment <= look.tolerance
    }

    @inline(never)
    private func objection(
        _ pass: inout LimitPass, _ bucket: WordBucket, _ look: BucketLook
    ) -> LimitOutcome {
        pass.doesNotFit(self, bucket, summary(bucket, look, pass))
    }

    /// Why there is no room.
    private func summary(_ bucket: WordBucket, _ look: BucketLook, _ pass: LimitPass) -> LimitLook {
        if let left = banLeft(bucket, pass) { return .banned(for: left) }
        let isTooLarge = look.increment > look.tolerance
        var retry = isTooLarge ? 0 : look.excess
        if line.isQueue, !isTooLarge { retry = max(retry, look.used - terms.longestWait) }
        let slack = max(0, look.tolerance - look.used)
        return LimitLook(
            retry: retry, isTooLarge: isTooLarge,
            remaining: line.countsBytes
                ? terms.units(in: slack) : terms.requests(in: slack),
            reset: look.used)
    }

    /// The bucket of a key that changes from message to message, and a look at it.
    @inline(never)
    private func findWord(
        _ pass: LimitPass, _ call: PolicyCall, _ subject: PolicySubject
    ) -> (WordBucket, BucketLook) {
        while true {
            // Nil only when it was forgotten since: the table then makes a new one.
            if let bucket = find(pass, call, subject) as? WordBucket,
                let look = BucketLook(bucket, self, bytes: pass.bytes, now: pass.now)
            {
                return (bucket, look)
            }
        }
    }

    override func explain(
        _ pass: inout LimitPass, _ call: PolicyCall, _ subject: PolicySubject,
        into steps: inout [PolicyTrace.LimitStep]
    ) {
        var step = PolicyTrace.LimitStep(self, call, subject)
        var room: BucketLook?
        if line.transports & pass.transport != 0 {
            let (bucket, look) = findWord(pass, call, subject)
            step.quota = terms.burst
            step.remaining = min(
                terms.burst, terms.units(in: max(0, terms.tolerance - look.used)))
            // Three calls are three, though each was rounded up; what waits is beyond the quota.
            step.used =
                look.used <= terms.tolerance
                ? step.quota - step.remaining : terms.unitsUsed(look.used)
            step.reset = look.used
            if hasRoom(bucket, look, pass) {
                room = look
                let wait = line.canWait ? self.wait(look) : 0
                step.outcome = wait > 0 ? .waits(wait) : .room
            } else {
                step.outcome = .noRoom(summary(bucket, look, pass))
            }
        }
        steps.append(step)
        next.explain(&pass, call, subject, into: &steps)
        if let room { tellRest(&pass, room) }
    }
}
