import SluicePolicy
import SluiceVocabulary

/// What a key takes, all in: bucket, table, the allocator's share. The fingerprint that stands for
/// the key itself (8 bytes are kept) is in it.
enum MemoryBenchmark {
    static func run(keys: Int) -> [Result] {
        LimitAlgorithm.allCases.flatMap { measure($0, keys: keys) }
    }

    private static func measure(_ algorithm: LimitAlgorithm, keys: Int) -> [Result] {
        let most: Int64 = algorithm == .slidingWindow ? 1 << 31 : 1_000_000_000
        var rule = LimitRule(
            name: "one", actions: [ActionPattern("echo")], key: [.claim(["sub"])],
            numbers: LimitNumbers(limit: most, periodNanoseconds: 1_000_000_000, burst: most))
        rule.algorithm = algorithm
        rule.maxKeys = 2 * keys
        if algorithm == .quota { rule.calendar = .day }
        let catalog = ActionCatalog(commands: ["echo"])
        let snapshot = PolicySnapshot(
            model: PolicyModel(permitsByDefault: true, limits: [rule]), revision: "",
            catalog: catalog, previous: nil)
        let evaluator = evaluator(snapshot)
        let call = PolicyCall(
            action: catalog.action(named: "echo") ?? .unknown, bytes: 128, transport: .websocket,
            wall: noon)
        let before = allocatedBytes()
        for index in 0..<keys {
            let verdict = evaluator.decide(
                call, for: connection(index), now: MonotonicTime(nanoseconds: 1_000_000_000))
            if case .go(let permit) = verdict { evaluator.release(permit.lease) }
        }
        let bytes = Double(allocatedBytes() - before) / Double(keys)
        let live = snapshot.liveKeys("one")
        let later = MonotonicTime(nanoseconds: 1_000_000_000_000)
        let nextWeek = WallTime(microseconds: noon.microseconds + 7 * 86_400_000_000)
        var forgotten = 0
        let time = cpu {
            forgotten = snapshot.forgetFullBuckets(now: later, wall: nextWeek)
        }
        precondition(live == keys && forgotten == keys, "every key is kept, then forgotten")
        return [
            Result(
                name: "memory of a key, \(algorithm.rawValue)", value: bytes, unit: "bytes",
                atMost: 64 + 8),
            Result(
                name: "forgetting a key, \(algorithm.rawValue), off the loops",
                value: time / Double(keys), unit: "ns"),
        ]
    }
}
