/// What a call would do to one bucket, reckoned from one reading of its word.
struct BucketLook {
    let before: BucketWord
    let after: BucketWord
    let now: Int64
    /// Nanoseconds the bucket was used before the call.
    let used: Int64
    let increment: Int64
    /// Of the numbers that hold for the bucket; copied, since a reference would be counted.
    let tolerance: Int64
    let capacity: Int64

    /// Nanoseconds until the call fits; 0 or less when it fits now.
    @inline(__always)
    var excess: Int64 { used &+ increment &- capacity }

    @inline(__always)
    init(_ before: BucketWord, terms: LimitTerms, countsBytes: Bool, bytes: Int, now: Int64) {
        self.before = before
        self.now = now
        tolerance = terms.tolerance
        capacity = terms.capacity
        used = before.used(at: now)
        increment = countsBytes ? terms.increment(bytes: bytes) : terms.increment
        after = BucketWord(fullAt: now &+ used &+ increment, generation: before.generation)
    }

    /// Reads a bucket. Nil when it is retired: its key must be looked up again.
    @inline(__always)
    init?(_ bucket: WordBucket, _ hold: LimitHold, bytes: Int, now: Int64) {
        let word = bucket.load()
        if word.isOf(hold.line.generation) {
            self.init(
                word, terms: hold.terms, countsBytes: hold.line.countsBytes, bytes: bytes, now: now)
        } else if let look = Self.settled(bucket, word, hold, bytes: bytes, now: now) {
            self = look
        } else {
            return nil
        }
    }

    /// The bucket was written under other numbers: obeys newer ones, converts older ones.
    @inline(never)
    private static func settled(
        _ bucket: WordBucket, _ first: BucketWord, _ hold: LimitHold, bytes: Int, now: Int64
    ) -> Self? {
        let line = hold.line
        var word = first
        while !word.isOf(line.generation) {
            if word.isRetired { return nil }
            let theirs = line.numbers(ofGeneration: word.generation)
            let same = theirs.terms(for: hold.variant, of: line.numbers)
            if theirs.serial > line.numbers.serial {
                return Self(
                    word, terms: same, countsBytes: line.countsBytes, bytes: bytes, now: now)
            }
            let used = line.numbers.converted(word.used(at: now), variant: hold.variant, from: same)
            let converted = BucketWord(fullAt: now &+ used, generation: line.generation)
            word = bucket.replace(word, by: converted) ? converted : bucket.load()
        }
        return Self(word, terms: hold.terms, countsBytes: line.countsBytes, bytes: bytes, now: now)
    }

    /// Takes a written call out of the bucket again, as if it had never been.
    ///
    /// When nobody wrote since, the word from before is put back. Otherwise part of what this call
    /// added may have run out by the clock of the loop that came between, and giving back more than
    /// is left would let a call too many through: what may have run out is kept.
    @inline(never)
    func giveBack(_ bucket: WordBucket, _ hold: LimitHold) {
        if bucket.replace(after, by: before) { return }
        let state = hold.line.state
        while true {
            let word = bucket.load()
            if word.isRetired { return }
            let runOut = max(0, state.clock.latest &- now &- used)
            var refund = max(0, increment &- runOut)
            if word.generation != after.generation {
                refund = converted(refund, to: state.numbers(ofGeneration: word.generation), hold)
            }
            refund = min(refund, word.used(at: now))
            if refund == 0 || bucket.replace(word, by: word.earlier(byNanoseconds: refund)) {
                return
            }
        }
    }

    /// What `refund` is worth under the numbers the bucket has come under since, rounded down. What
    /// was beyond a whole bucket was not scaled: it is never worth more than it was.
    private func converted(_ refund: Int64, to theirs: NumbersSet?, _ hold: LimitHold) -> Int64 {
        guard let theirs else { return 0 }
        let same = theirs.terms(for: hold.variant, of: hold.line.numbers)
        let scaled = LimitTerms.scale(refund, same.tolerance, by: tolerance) - 1
        return max(0, min(refund, scaled))
    }
}

extension LimitLine {
    /// The numbers a bucket of this limit was written under.
    func numbers(ofGeneration generation: UInt64) -> NumbersSet {
        guard let theirs = state.numbers(ofGeneration: generation) else {
            preconditionFailure("invariant broken: a bucket names numbers that never were")
        }
        return theirs
    }
}
