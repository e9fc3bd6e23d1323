import SluiceVocabulary
import Synchronization

/// What a limit keeps over reloads: its buckets, and the numbers that bucket words may still name.
///
/// Snapshots of one lineage share it. Loops may run with different numbers for a moment; the word of
/// a bucket says with which it was written. A newer set found is obeyed, an older one converted.
final class LimitState: Sendable {
    let table: BucketTable
    let clock: PolicyClock
    private let generations: Mutex<Generations>

    private struct Generations {
        var lastSerial: UInt64
        var slots: [NumbersSet?]
    }

    init(clock: PolicyClock, first: NumbersSet) {
        self.clock = clock
        table = BucketTable()
        var slots: [NumbersSet?] = Array(repeating: nil, count: BucketWord.generations)
        slots[Int(first.generation)] = first
        generations = Mutex(Generations(lastSerial: first.serial, slots: slots))
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
            let fresh = NumbersSet(
                serial: serial, base: rule.numbers, overrides: rule.overrides?.numbers ?? [:])
            if let stale = generations.slots[Int(fresh.generation)] {
                table.visit { Self.convert($0, from: stale, to: current, now: clock.latest) }
            }
            generations.slots[Int(fresh.generation)] = fresh
            generations.lastSerial = serial
            return fresh
        }
    }

    /// Rewrites a bucket that names `old` so that it is as full under `new` as it was.
    ///
    /// Which override its owner falls under is not known here: the dearest of all answers holds.
    private static func convert(
        _ bucket: Bucket, from old: NumbersSet, to new: NumbersSet, now: Int64
    ) {
        while true {
            let word = bucket.load()
            if word.isRetired || word.generation != old.generation { return }
            var used: Int64 = 0
            for variant in new.variants.indices {
                let other = old.variant(named: new.name(ofVariant: variant))
                let scaled = new.converted(
                    word.used(at: now), variant: variant, from: old.variants[other])
                used = max(used, scaled)
            }
            let converted = BucketWord(fullAt: now &+ used, generation: new.generation)
            if bucket.replace(word, by: converted) { return }
        }
    }
}

/// The latest time at which any loop has decided, shared by all snapshots of a lineage.
///
/// Loops read their clocks once per turn and differ by a little. Whoever gives a reservation back
/// must know how late a loop that came in between may have been.
final class PolicyClock: Sendable {
    private let word = Atomic<Int64>(Int64.min)

    /// Nanoseconds; 0 before the first decision.
    var latest: Int64 { max(0, word.load(ordering: .acquiring)) }

    /// Moves the clock forward, never back.
    func advance(to nanoseconds: Int64) {
        var seen = word.load(ordering: .relaxed)
        while nanoseconds > seen {
            let result = word.compareExchange(
                expected: seen, desired: nanoseconds, ordering: .acquiringAndReleasing)
            if result.exchanged { return }
            seen = result.original
        }
    }
}
