import SluiceVocabulary

/// `sliding_window` and `quota`: counts of a window.
final class WindowHold: LimitHold {
    /// Never touched where the key can differ from message to message (`line.isConstant` is false).
    private let bucket: WindowBucket
    private let slides: Bool
    private let calendar: CalendarPeriod

    /// Stands where a bucket is looked up per message.
    private static let noBucket = WindowBucket(WindowState.retired.pair)

    init(_ line: LimitLine, bucket: Bucket?, variant: Int, next: LimitChain) {
        self.bucket = bucket as? WindowBucket ?? Self.noBucket
        slides = line.algorithm.slides
        calendar = line.numbers.calendar ?? .day
        super.init(line, variant: variant, next: next)
    }

    override func look(
        _ pass: inout LimitPass, _ call: PolicyCall, _ subject: PolicySubject
    ) -> LimitOutcome {
        if line.transports & pass.transport == 0 { return next.look(&pass, call, subject) }
        var outcome = LimitOutcome.done
        if line.isConstant {
            guard let look = read(bucket, pass) else { return .stale }
            if !hasRoom(bucket, look, pass) { outcome = objection(&pass, bucket, look) }
        } else {
            let (bucket, look) = findWindow(pass, call, subject)
            if !hasRoom(bucket, look, pass) { outcome = objection(&pass, bucket, look) }
        }
        let rest = next.look(&pass, call, subject)
        return rest == .done ? outcome : rest
    }

    override func write(
        _ pass: inout LimitPass, _ call: PolicyCall, _ subject: PolicySubject
    ) -> LimitOutcome {
        if line.transports & pass.transport == 0 { return next.write(&pass, call, subject) }
        if !line.isConstant {
            let (bucket, look) = findWindow(pass, call, subject)
            return write(bucket, look, &pass, call, subject)
        }
        guard let look = read(bucket, pass) else { return .stale }
        return write(bucket, look, &pass, call, subject)
    }

    /// Writes this one, then the rest; gives back when the rest could not be written.
    private func write(
        _ bucket: WindowBucket, _ first: WindowLook, _ pass: inout LimitPass, _ call: PolicyCall,
        _ subject: PolicySubject
    ) -> LimitOutcome {
        var look = first
        var fits = hasRoom(bucket, look, pass)
        while fits, !bucket.replace(look.seen, by: look.after(slides: slides)) {
            guard let again = read(bucket, pass) else { return .stale }
            look = again
            fits = hasRoom(bucket, look, pass)
        }
        if !fits, objection(&pass, bucket, look) == .refused { return .refused }
        let rest = next.write(&pass, call, subject)
        if rest != .done {
            if fits { giveBack(bucket, look) }
            return rest
        }
        if fits {
            line.allowed.add(1)
            tellRest(&pass, look)
        } else {
            countShadow(bucket, pass)
        }
        return .done
    }

    /// Tells what is left after a call with room.
    @inline(__always)
    private func tellRest(_ pass: inout LimitPass, _ look: WindowLook) {
        guard line.countsForRemaining else { return }
        tell(
            &pass, remaining: (look.left - look.amount) / look.cost,
            reset: look.count.reset(slides: slides, afterUse: true))
    }

    @inline(__always)
    private func hasRoom(_ bucket: WindowBucket, _ look: WindowLook, _ pass: LimitPass) -> Bool {
        look.left >= look.amount && banLeft(bucket, pass) == nil
    }

    @inline(never)
    private func objection(
        _ pass: inout LimitPass, _ bucket: WindowBucket, _ look: WindowLook
    ) -> LimitOutcome {
        pass.doesNotFit(self, bucket, summary(bucket, look, pass))
    }

    private func summary(_ bucket: WindowBucket, _ look: WindowLook, _ pass: LimitPass) -> LimitLook
    {
        if let left = banLeft(bucket, pass) { return .banned(for: left) }
        let isTooLarge = look.amount > look.limit
        let left = max(0, look.left)
        return LimitLook(
            retry: isTooLarge
                ? 0 : look.count.wait(for: look.amount, under: look.limit, slides: slides),
            isTooLarge: isTooLarge, remaining: line.countsBytes ? left : left / look.cost,
            reset: look.count.reset(slides: slides, afterUse: false))
    }

    /// The bucket of a key that changes from message to message, and a look at it.
    @inline(never)
    private func findWindow(
        _ pass: LimitPass, _ call: PolicyCall, _ subject: PolicySubject
    ) -> (WindowBucket, WindowLook) {
        while true {
            // Nil only when it was forgotten since: the table then makes a new one.
            if let bucket = find(pass, call, subject) as? WindowBucket,
                let look = read(bucket, pass)
            {
                return (bucket, look)
            }
        }
    }

    /// Reads a bucket. Nil when it is retired: its key must be looked up again.
    @inline(__always)
    private func read(_ bucket: WindowBucket, _ pass: LimitPass) -> WindowLook? {
        let seen = bucket.load()
        guard seen.isOf(line.generation) else { return readOther(bucket, seen, pass) }
        return look(seen, pass)
    }

    /// What a state of this line's own numbers is to a call.
    @inline(__always)
    private func look(_ seen: WindowState, _ pass: LimitPass) -> WindowLook {
        let amount = line.countsBytes ? Int64(pass.bytes) : terms.cost
        if slides { return WindowLook(sliding: seen, terms, amount: amount, now: pass.now) }
        let present = line.period(calendar, at: pass.wall)
        return WindowLook(quota: seen, terms, amount: amount, calendar, present, wall: pass.wall)
    }

    /// The bucket was written under other numbers: obeys newer ones, converts older ones.
    @inline(never)
    private func readOther(_ bucket: WindowBucket, _ first: WindowState, _ pass: LimitPass)
        -> WindowLook?
    {
        let moment = WindowMoment(now: pass.now, wall: pass.wall)
        var seen = first
        while !seen.isOf(line.generation) {
            if seen.isRetired { return nil }
            let theirs = line.numbers(ofGeneration: seen.generation)
            if theirs.serial > line.numbers.serial {
                let same = theirs.terms(for: variant, of: line.numbers)
                let amount = line.countsBytes ? Int64(pass.bytes) : same.cost
                if slides { return WindowLook(sliding: seen, same, amount: amount, now: pass.now) }
                let calendar = theirs.calendar ?? calendar
                let present = Calendar.period(calendar, at: pass.wall)
                return WindowLook(
                    quota: seen, same, amount: amount, calendar, present, wall: pass.wall)
            }
            let converted = line.algorithm.converted(
                seen, variant: variant, from: theirs, to: line.numbers, at: moment)
            seen = bucket.replace(seen, by: converted) ? converted : bucket.load()
        }
        return look(seen, pass)
    }

    /// Takes a written call out again. Where numbers have changed since, it stays: rather a call
    /// refused than one too many.
    @inline(never)
    private func giveBack(_ bucket: WindowBucket, _ look: WindowLook) {
        while true {
            let seen = bucket.load()
            guard let refunded = look.refunded(seen, slides: slides) else { return }
            if bucket.replace(seen, by: refunded) { return }
        }
    }

    override func explain(
        _ pass: inout LimitPass, _ call: PolicyCall, _ subject: PolicySubject,
        into steps: inout [PolicyTrace.LimitStep]
    ) {
        var step = PolicyTrace.LimitStep(self, call, subject)
        var room: WindowLook?
        if line.transports & pass.transport != 0 {
            let (bucket, look) = findWindow(pass, call, subject)
            step.quota = look.limit
            step.used = look.limit - look.left
            step.remaining = max(0, look.left)
            step.reset = look.count.reset(slides: slides, afterUse: false)
            if hasRoom(bucket, look, pass) {
                step.outcome = .room
                room = look
            } else {
                step.outcome = .noRoom(summary(bucket, look, pass))
            }
        }
        steps.append(step)
        next.explain(&pass, call, subject, into: &steps)
        if let room { tellRest(&pass, room) }
    }
}
