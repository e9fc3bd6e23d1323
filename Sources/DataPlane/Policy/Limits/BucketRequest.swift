import SluiceVocabulary

/// What somebody who looks a key up wants: buckets of which kind, as of when.
struct BucketRequest {
    let state: LimitState
    let numbers: NumbersSet
    let kind: Bucket.Kind
    let maxKeys: Int
    let ban: LimitBan?
    let now: Int64
    /// Microseconds since 1970.
    let wall: Int64

    func makeBucket() -> Bucket {
        let generation = numbers.generation
        switch state.algorithm {
        case .tokenBucket, .leakyBucket:
            return Bucket.make(kind, BucketWord(fullAt: now, generation: generation).rawValue)
        case .concurrency:
            return Bucket.make(kind, BucketWord(places: 0, generation: generation).rawValue)
        case .slidingWindow, .quota:
            let window = numbers.window(now: now, wall: wall)
            return Bucket.make(
                kind, WindowState(period: window, count: 0, generation: generation).head)
        }
    }

    /// Whether a bucket is as good as new.
    func isFresh(_ bucket: Bucket) -> Bool {
        if let ban, !bucket.offences.isForgotten(at: now, ban) { return false }
        if let word = bucket as? WordBucket { return isFresh(word.load()) }
        if let window = bucket as? WindowBucket { return isFresh(window.load()) }
        return false
    }

    /// Retires a bucket that is as good as new; false when it is not.
    func retire(_ bucket: Bucket) -> Bool {
        guard isFresh(bucket) else { return false }
        if let word = bucket as? WordBucket {
            let seen = word.load()
            return isFresh(seen) && word.replace(seen, by: .retired)
        }
        if let window = bucket as? WindowBucket {
            let seen = window.load()
            return isFresh(seen) && window.replace(seen, by: .retired)
        }
        return false
    }

    private func isFresh(_ word: BucketWord) -> Bool {
        state.algorithm == .concurrency ? word.places == 0 : word.used(at: now) == 0
    }

    private func isFresh(_ seen: WindowState) -> Bool {
        if seen.counts == 0 { return true }
        let theirs =
            seen.isOf(numbers.generation)
            ? numbers : state.numbers(ofGeneration: seen.generation) ?? numbers
        let present = theirs.window(now: now, wall: wall)
        if state.algorithm == .quota { return seen.window < present }
        return seen.window < present - 1 || seen.window == present - 1 && seen.current == 0
    }
}

extension NumbersSet {
    /// The number of the window or calendar period; 0 where the algorithm has none.
    func window(now: Int64, wall: Int64) -> Int64 {
        if let calendar { return Calendar.period(calendar, at: wall).number }
        return now / max(1, variants[0].period)
    }
}
