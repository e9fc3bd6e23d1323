import SluiceVocabulary
import Synchronization

/// What a limit keeps over reloads: its buckets, and the numbers that bucket words may still name.
///
/// Snapshots of one lineage share it. Loops may run with different numbers for a moment; the word of
/// a bucket says with which it was written. A newer set found is obeyed, an older one converted.
final class LimitState: Sendable {
    let algorithm: LimitAlgorithm
    let table: BucketTable
    let clock: PolicyClock
    private let generations: Mutex<Generations>
    /// When the last ban ends: until then there may be some.
    private let lastBanEnd = Atomic<Int64>(Int64.min)

    private struct Generations {
        var lastSerial: UInt64
        var slots: [NumbersSet?]
    }

    init(algorithm: LimitAlgorithm, clock: PolicyClock, first: NumbersSet) {
        self.algorithm = algorithm
        self.clock = clock
        table = BucketTable()
        var slots: [NumbersSet?] = Array(repeating: nil, count: BucketWord.generations)
        slots[Int(first.generation)] = first
        generations = Mutex(Generations(lastSerial: first.serial, slots: slots))
    }

    /// A key was banned until then, in nanoseconds.
    func noteBan(until: Int64) {
        _ = lastBanEnd.max(until, ordering: .relaxed)
    }

    /// The bans in force at `now`. Looks at every key, a shard at a time, but only while there may be
    /// one: call it off the loops.
    func bans(at now: Int64) -> LimitBans {
        var bans = LimitBans()
        guard now < lastBanEnd.load(ordering: .relaxed) else { return bans }
        table.visit { bucket in
            guard let left = bucket.offences.banLeft(at: now) else { return }
            bans.keys += 1
            bans.longestNanoseconds = max(bans.longestNanoseconds, left)
        }
        return bans
    }

    /// The numbers that `generation` of a word stands for.
    func numbers(ofGeneration generation: UInt64) -> NumbersSet? {
        generations.withLock { $0.slots[Int(generation)] }
    }

    /// Makes a set for the numbers of `rule`, in a generation that no bucket names.
    ///
    /// Nothing changes for a loop that still runs with `current`. A generation used before is given
    /// out again only after every bucket that still names it was converted to `current`; its age is
    /// 63 changes of these very numbers, and every loop has adopted a younger one since.
    func makeNumbers(for rule: LimitRule, current: NumbersSet) -> NumbersSet {
        generations.withLock { generations in
            var serial = generations.lastSerial + 1
            if serial % UInt64(BucketWord.generations) == current.generation { serial += 1 }
            let fresh = NumbersSet(serial: serial, rule: rule)
            if let stale = generations.slots[Int(fresh.generation)] {
                table.visit { convert($0, from: stale, to: current) }
            }
            generations.slots[Int(fresh.generation)] = fresh
            generations.lastSerial = serial
            return fresh
        }
    }

    /// Rewrites a bucket that names `old` so that it is as full under `new` as it was.
    ///
    /// Which override its owner falls under is not known here: the dearest of all answers holds.
    private func convert(_ bucket: Bucket, from old: NumbersSet, to new: NumbersSet) {
        if let bucket = bucket as? WindowBucket {
            convert(bucket, from: old, to: new)
        } else if let bucket = bucket as? WordBucket {
            convert(bucket, from: old, to: new)
        }
    }

    private func convert(_ bucket: WordBucket, from old: NumbersSet, to new: NumbersSet) {
        while true {
            let word = bucket.load()
            if word.isRetired || word.generation != old.generation { return }
            let converted: BucketWord
            if algorithm == .concurrency {
                converted = BucketWord(places: word.places, generation: new.generation)
            } else {
                let now = clock.latest
                let used = new.variants.indices.reduce(Int64(0)) { dearest, variant in
                    let theirs = old.terms(for: variant, of: new)
                    return max(
                        dearest,
                        new.converted(word.used(at: now), variant: variant, from: theirs))
                }
                converted = BucketWord(fullAt: now &+ used, generation: new.generation)
            }
            if bucket.replace(word, by: converted) { return }
        }
    }

    private func convert(_ bucket: WindowBucket, from old: NumbersSet, to new: NumbersSet) {
        while true {
            let seen = bucket.load()
            if seen.isRetired || seen.generation != old.generation { return }
            let moment = WindowMoment(now: clock.latest, wall: clock.latestWall)
            let all = new.variants.indices.map { variant in
                algorithm.converted(seen, variant: variant, from: old, to: new, at: moment)
            }
            // All are of one window; the largest counts are the dearest.
            guard let first = all.first else { return }
            let dearest = all.dropFirst().reduce(first) { algorithm.dearer($0, $1, of: new) }
            if bucket.replace(seen, by: dearest) { return }
        }
    }
}

/// The latest time at which any loop has decided, shared by all snapshots of a lineage.
///
/// Loops read their clocks once per turn and differ by a little. Whoever gives a reservation back
/// must know how late a loop that came in between may have been.
final class PolicyClock: Sendable {
    private let word = Atomic<Int64>(Int64.min)
    private let wallWord = Atomic<Int64>(0)

    /// Nanoseconds; 0 before the first decision.
    var latest: Int64 { max(0, word.load(ordering: .acquiring)) }

    /// Microseconds since 1970, as some loop saw them last.
    var latestWall: Int64 { wallWord.load(ordering: .relaxed) }

    /// Moves the clock forward, never back.
    func advance(to nanoseconds: Int64, wall: Int64) {
        var seen = word.load(ordering: .relaxed)
        while nanoseconds > seen {
            let result = word.compareExchange(
                expected: seen, desired: nanoseconds, ordering: .acquiringAndReleasing)
            if result.exchanged {
                wallWord.store(wall, ordering: .relaxed)
                return
            }
            seen = result.original
        }
    }
}
