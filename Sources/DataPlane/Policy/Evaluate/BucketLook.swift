/// What a call would do to one bucket, reckoned from one reading of its word.
struct BucketLook {
    let before: BucketWord
    let after: BucketWord
    let now: Int64
    /// Nanoseconds the bucket was used before the call.
    let used: Int64
    let increment: Int64
    let tolerance: Int64

    /// Nanoseconds until the call fits; 0 or less when it fits now.
    @inline(__always)
    var excess: Int64 { used &+ increment &- tolerance }

    @inline(__always)
    init(_ before: BucketWord, numbers: GCRA, countsBytes: Bool, bytes: Int, now: Int64) {
        self.before = before
        self.now = now
        used = before.used(at: now)
        increment = countsBytes ? numbers.increment(bytes: bytes) : numbers.increment
        tolerance = numbers.tolerance
        after = BucketWord(fullAt: now &+ used &+ increment, generation: before.generation)
    }

    /// Reads a bucket. Nil when it is retired: its key must be looked up again.
    @inline(__always)
    init?(_ bucket: Bucket, _ hold: LimitHold, bytes: Int, now: Int64) {
        let word = bucket.load()
        if word.isOf(hold.line.generation) {
            self.init(
                word, numbers: hold.numbers, countsBytes: hold.line.countsBytes, bytes: bytes,
                now: now)
        } else if let look = Self.settled(bucket, word, hold, bytes: bytes, now: now) {
            self = look
        } else {
            return nil
        }
    }

    /// The bucket was written under other numbers: obeys newer ones, converts older ones.
    @inline(never)
    private static func settled(
        _ bucket: Bucket, _ first: BucketWord, _ hold: LimitHold, bytes: Int, now: Int64
    ) -> Self? {
        let line = hold.line
        var word = first
        while !word.isOf(line.generation) {
            if word.isRetired { return nil }
            guard let theirs = line.state.numbers(ofGeneration: word.generation) else {
                preconditionFailure("invariant broken: a bucket names numbers that never were")
            }
            let same = theirs.variants[
                theirs.variant(named: line.numbers.name(ofVariant: hold.variant))]
            if theirs.serial > line.numbers.serial {
                return Self(
                    word, numbers: same, countsBytes: line.countsBytes, bytes: bytes, now: now)
            }
            let used = line.numbers.converted(word.used(at: now), variant: hold.variant, from: same)
            let converted = BucketWord(fullAt: now &+ used, generation: line.generation)
            word = bucket.replace(word, by: converted) ? converted : bucket.load()
        }
        return Self(
            word, numbers: hold.numbers, countsBytes: line.countsBytes, bytes: bytes, now: now)
    }

    /// Takes a written call out of the bucket again, as if it had never been.
    ///
    /// When nobody wrote since, the word from before is put back. Otherwise part of what this call
    /// added may have run out by the clock of the loop that came between, and giving back more than
    /// is left would let a call too many through: what may have run out is kept.
    @inline(never)
    func giveBack(_ bucket: Bucket, _ hold: LimitHold) {
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

    /// What `refund` is worth under the numbers the bucket has come under since, rounded down.
    private func converted(_ refund: Int64, to theirs: NumbersSet?, _ hold: LimitHold) -> Int64 {
        guard let theirs else { return 0 }
        let same = theirs.variant(named: hold.line.numbers.name(ofVariant: hold.variant))
        let scaled = GCRA.scale(refund, theirs.variants[same].tolerance, by: tolerance)
        return max(0, scaled - 1)
    }
}
