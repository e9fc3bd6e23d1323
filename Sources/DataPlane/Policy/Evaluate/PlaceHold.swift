import SluiceVocabulary

/// `concurrency`: places that calls take and give back.
final class PlaceHold: LimitHold {
    /// Nil where the key can differ from message to message.
    private let bucket: WordBucket?

    init(_ line: LimitLine, bucket: Bucket?, variant: Int, next: LimitChain) {
        self.bucket = bucket as? WordBucket
        super.init(line, variant: variant, next: next)
    }

    private struct Reading {
        let bucket: WordBucket
        let seen: BucketWord
        let terms: LimitTerms
        let amount: Int64

        var left: Int64 { terms.limit - seen.places }
    }

    override func look(
        _ pass: inout LimitPass, _ call: PolicyCall, _ subject: PolicySubject
    ) -> LimitOutcome {
        if line.transports & pass.transport == 0 { return next.look(&pass, call, subject) }
        guard let reading = read(pass, call, subject) else { return .stale }
        let outcome = hasRoom(reading, pass) ? .done : objection(&pass, reading)
        let rest = next.look(&pass, call, subject)
        return rest == .done ? outcome : rest
    }

    override func write(
        _ pass: inout LimitPass, _ call: PolicyCall, _ subject: PolicySubject
    ) -> LimitOutcome {
        if line.transports & pass.transport == 0 { return next.write(&pass, call, subject) }
        var reading: Reading
        var fits: Bool
        repeat {
            guard let fresh = read(pass, call, subject) else { return .stale }
            reading = fresh
            fits = hasRoom(reading, pass)
        } while fits && !reading.bucket.replace(reading.seen, by: after(reading))
        if !fits, objection(&pass, reading) == .refused { return .refused }
        let rest = next.write(&pass, call, subject)
        // Of no bytes there is nothing to give back, and nothing keeps the bucket from being
        // forgotten meanwhile.
        let isHeld = fits && reading.amount > 0
        let held = HeldPlace(bucket: reading.bucket, amount: reading.amount)
        if rest != .done {
            if isHeld { held.release() }
            return rest
        }
        if fits {
            line.allowed.add(1)
            if isHeld {
                line.places.push(held)
                pass.places += 1
            }
            tellRest(&pass, reading)
        } else {
            countShadow(reading.bucket, pass)
        }
        return .done
    }

    /// Tells what is left after a call with room.
    private func tellRest(_ pass: inout LimitPass, _ reading: Reading) {
        guard line.countsForRemaining else { return }
        tell(&pass, remaining: (reading.left - reading.amount) / reading.terms.cost, reset: 0)
    }

    private func after(_ reading: Reading) -> BucketWord {
        BucketWord(
            places: reading.seen.places + reading.amount, generation: reading.seen.generation)
    }

    private func hasRoom(_ reading: Reading, _ pass: LimitPass) -> Bool {
        if reading.left < reading.amount { return false }
        return banLeft(reading.bucket, pass) == nil
    }

    @inline(never)
    private func objection(_ pass: inout LimitPass, _ reading: Reading) -> LimitOutcome {
        pass.doesNotFit(self, reading.bucket, summary(reading, pass))
    }

    private func summary(_ reading: Reading, _ pass: LimitPass) -> LimitLook {
        if let left = banLeft(reading.bucket, pass) { return .banned(for: left) }
        let left = max(0, reading.left)
        return LimitLook(
            retry: 0, isTooLarge: reading.amount > reading.terms.limit,
            remaining: line.countsBytes ? left : left / reading.terms.cost, reset: 0)
    }

    /// Reads the bucket; nil when the plan's is retired.
    private func read(
        _ pass: LimitPass, _ call: PolicyCall, _ subject: PolicySubject
    ) -> Reading? {
        if let bucket { return read(bucket, pass) }
        while true {
            if let found = find(pass, call, subject) as? WordBucket,
                let reading = read(found, pass)
            {
                return reading
            }
        }
    }

    private func read(_ bucket: WordBucket, _ pass: LimitPass) -> Reading? {
        var seen = bucket.load()
        var terms = self.terms
        while !seen.isOf(line.generation) {
            if seen.isRetired { return nil }
            let theirs = line.numbers(ofGeneration: seen.generation)
            if theirs.serial > line.numbers.serial {
                terms = theirs.terms(for: variant, of: line.numbers)
                break
            }
            // What is under way is under way, whatever the numbers.
            let converted = BucketWord(places: seen.places, generation: line.generation)
            seen = bucket.replace(seen, by: converted) ? converted : bucket.load()
        }
        return Reading(
            bucket: bucket, seen: seen, terms: terms, amount: line.amount(terms, bytes: pass.bytes))
    }

    override func explain(
        _ pass: inout LimitPass, _ call: PolicyCall, _ subject: PolicySubject,
        into steps: inout [PolicyTrace.LimitStep]
    ) {
        var step = PolicyTrace.LimitStep(self, call, subject)
        var room: Reading?
        if line.transports & pass.transport != 0, let reading = read(pass, call, subject) {
            step.quota = reading.terms.limit
            step.used = reading.seen.places
            step.remaining = max(0, reading.left)
            if hasRoom(reading, pass) {
                step.outcome = .room
                room = reading
            } else {
                step.outcome = .noRoom(summary(reading, pass))
            }
        }
        steps.append(step)
        next.explain(&pass, call, subject, into: &steps)
        if let room { tellRest(&pass, room) }
    }
}
