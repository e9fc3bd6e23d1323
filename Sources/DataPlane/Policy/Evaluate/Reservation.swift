import SluiceVocabulary

/// A call held against one bucket: first looked at, then written, perhaps given back.
struct Reservation {
    let line: LimitLine
    private let bucket: Bucket
    /// What the bucket's word was when it was looked at.
    private var before: BucketWord
    /// What it becomes.
    private var after: BucketWord
    private let variant: Int
    private let now: Int64
    /// Nanoseconds the bucket was used before the call.
    private var used: Int64 = 0
    private var increment: Int64 = 0
    private var tolerance: Int64 = 0

    /// Nanoseconds until the call fits; 0 or less when it fits now.
    @inline(__always)
    var excess: Int64 { used &+ increment &- tolerance }

    /// The call is larger than the whole bucket and never fits.
    @inline(__always)
    var neverFits: Bool { increment > tolerance }

    /// The limit says no, and is not a shadow.
    @inline(__always)
    var refuses: Bool { excess > 0 && !line.isShadow }

    /// Requests of this kind that fit once the call is in; the largest number where the limit counts
    /// bytes or is a shadow.
    @inline(__always)
    var requestsLeft: Int64 {
        if line.countsBytes || line.isShadow { return Int64.max }
        return line.variants[variant].requests(in: max(0, -excess))
    }

    /// Looks at a bucket. Nil when it was retired: its key must be looked up again.
    @inline(__always)
    init?(_ line: LimitLine, bucket: Bucket, variant: Int, bytes: Int, now: Int64) {
        self.line = line
        self.bucket = bucket
        self.variant = variant
        self.now = now
        before = bucket.load()
        after = before
        if !look(bytes: bytes) { return nil }
    }

    /// Reckons from `before`. False when the bucket was retired.
    @inline(__always)
    private mutating func look(bytes: Int) -> Bool {
        if before.isRetired { return false }
        if before.generation != line.generation { return settle(bytes: bytes) }
        reckon(line.variants[variant], countsBytes: line.countsBytes, bytes: bytes)
        return true
    }

    @inline(__always)
    private mutating func reckon(_ numbers: GCRA, countsBytes: Bool, bytes: Int) {
        used = before.used(at: now)
        increment = countsBytes ? numbers.increment(bytes: bytes) : numbers.increment
        tolerance = numbers.tolerance
        after = BucketWord(fullAt: now &+ used &+ increment, generation: before.generation)
    }

    /// The bucket was written under other numbers: obeys newer ones, converts older ones.
    @inline(never)
    private mutating func settle(bytes: Int) -> Bool {
        while !before.isRetired, before.generation != line.generation {
            guard let theirs = line.state.numbers(ofGeneration: before.generation) else {
                preconditionFailure("invariant broken: a bucket names numbers that never were")
            }
            let same = theirs.variant(named: line.numbers.name(ofVariant: variant))
            if theirs.serial > line.numbers.serial {
                reckon(theirs.variants[same], countsBytes: line.countsBytes, bytes: bytes)
                return true
            }
            let used = line.numbers.converted(
                before.used(at: now), variant: variant, from: theirs.variants[same])
            let converted = BucketWord(fullAt: now &+ used, generation: line.generation)
            before = bucket.replace(before, by: converted) ? converted : bucket.load()
        }
        return look(bytes: bytes)
    }

    /// Writes the call into the bucket, unless another loop came between and it no longer fits.
    ///
    /// - Returns: false when the bucket was retired: its key must be looked up again.
    @inline(__always)
    mutating func commit(bytes: Int) -> Bool {
        while excess <= 0, !bucket.replace(before, by: after) {
            before = bucket.load()
            if !look(bytes: bytes) { return false }
        }
        return true
    }

    /// Counts the decision of a call that goes on.
    @inline(__always)
    func count() {
        if excess > 0 {
            line.refused.add()
        } else {
            line.allowed.add()
        }
    }

    /// Takes a written call out again, as if it had never been.
    ///
    /// When nobody wrote since, the word from before is put back. Otherwise part of what this call
    /// added may have run out by the clock of the loop that came between, and giving back more than
    /// is left would let a call too many through: what may have run out is kept.
    func giveBack() {
        if bucket.replace(after, by: before) { return }
        while true {
            let word = bucket.load()
            if word.isRetired { return }
            let runOut = max(0, line.state.clock.latest &- now &- used)
            var refund = max(0, increment &- runOut)
            if word.generation != after.generation {
                refund = converted(refund, to: word.generation)
            }
            refund = min(refund, word.used(at: now))
            if refund == 0 || bucket.replace(word, by: word.earlier(byNanoseconds: refund)) { return }
        }
    }

    /// What `refund` is worth under the numbers the bucket has come under since, rounded down.
    private func converted(_ refund: Int64, to generation: UInt64) -> Int64 {
        guard let theirs = line.state.numbers(ofGeneration: generation) else { return 0 }
        let same = theirs.variant(named: line.numbers.name(ofVariant: variant))
        let scaled = GCRA.scale(refund, theirs.variants[same].tolerance, by: tolerance)
        return max(0, scaled - 1)
    }
}
