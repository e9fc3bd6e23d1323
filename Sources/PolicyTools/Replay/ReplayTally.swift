/// What a replay counts. Requests are weights; an entry can stand for several.
struct ReplayTally {
    /// Requests that flip the same way by the same rule.
    struct Group {
        var entries = 0
        var requests: Int64 = 0
        var users: Set<String> = []
        var actions: [String: Int64] = [:]

        mutating func add(_ entry: ReplayEntry) {
            entries += 1
            requests += entry.weight
            users.insert(entry.who)
            actions[entry.action, default: 0] += entry.weight
        }
    }

    /// A request that would be decided otherwise.
    struct Flip {
        let entry: ReplayEntry
        let old: ReplayEntry.Decision
        let new: ReplayEntry.Decision
    }

    /// What happened within a second.
    struct Second {
        var requests: Int64 = 0
        var refusals: Int64 = 0
        var permits: Int64 = 0
    }

    /// Flips kept one by one.
    static let mostKept = 100_000

    /// Requests that were judged.
    private(set) var entries = 0
    private(set) var requests: Int64 = 0
    private(set) var users: Set<String> = []
    private(set) var first: Int64?
    private(set) var last: Int64?
    private(set) var refusedBefore: Int64 = 0
    private(set) var refusedAfter: Int64 = 0
    /// Pass under both, but later under the new one.
    private(set) var waits: Int64 = 0
    /// By the rule that would refuse.
    private(set) var toRefused: [String: Group] = [:]
    /// By the rule that did refuse.
    private(set) var toAllowed: [String: Group] = [:]
    /// Refused under both, by rules of different names: `old -> new`.
    private(set) var moved: [String: Group] = [:]
    private(set) var flips: [Flip] = []
    private(set) var flippedEntries = 0
    private(set) var flippedUsers: Set<String> = []
    private(set) var seconds: [Int64: Second] = [:]

    mutating func add(_ entry: ReplayEntry, old: ReplayEntry.Decision, new: ReplayJudge.Verdict) {
        entries += 1
        requests += entry.weight
        users.insert(entry.who)
        first = min(first ?? entry.time, entry.time)
        last = max(last ?? entry.time, entry.time)
        var second = seconds[entry.time / 1_000_000] ?? Second()
        second.requests += entry.weight
        if old != .allowed { refusedBefore += entry.weight }
        if new.decision != .allowed { refusedAfter += entry.weight }
        switch (old, new.decision) {
        case (.allowed, .allowed): if new.waits { waits += entry.weight }
        case (.allowed, .refused(let rule)):
            toRefused[rule, default: Group()].add(entry)
            second.refusals += entry.weight
            flip(Flip(entry: entry, old: old, new: new.decision))
        case (.refused(let rule), .allowed):
            toAllowed[rule, default: Group()].add(entry)
            second.permits += entry.weight
            flip(Flip(entry: entry, old: old, new: new.decision))
        case (.refused(let before), .refused(let after)):
            if before != after { moved["\(before) -> \(after)", default: Group()].add(entry) }
        }
        seconds[entry.time / 1_000_000] = second
    }

    private mutating func flip(_ flip: Flip) {
        flippedEntries += 1
        flippedUsers.insert(flip.entry.who)
        if flips.count < Self.mostKept { flips.append(flip) }
    }

    var flippedRequests: Int64 {
        (Array(toRefused.values) + Array(toAllowed.values)).reduce(0) { $0 + $1.requests }
    }

    /// The span in equal parts, at most `count`, each a second or more.
    func parts(_ count: Int) -> [(start: Int64, counts: Second)] {
        guard let first, let last else { return [] }
        let (start, end) = (first / 1_000_000, last / 1_000_000 + 1)
        let length = max(1, (end - start + Int64(count) - 1) / Int64(count))
        var parts = stride(from: start, to: end, by: Int64.Stride(length)).map {
            (start: $0, counts: Second())
        }
        for (second, counts) in seconds {
            let place = Int((second - start) / length)
            parts[place].counts.requests += counts.requests
            parts[place].counts.refusals += counts.refusals
            parts[place].counts.permits += counts.permits
        }
        return parts
    }
}
