import SluicePolicy
import SluiceVocabulary

/// What a reload of every rule costs a loop: taking the snapshot over, and then the longest single
/// decision and the longest thousand of them, each of another connection that must find its way anew.
enum ReloadBenchmark {
    static func run(rules: Int, connections: Int) throws -> [Result] {
        let first = LargePolicy(rules: rules)
        let second = LargePolicy(rules: rules, limit: 500_000_000)
        var snapshot = try first.compile()
        let evaluator = evaluator(snapshot)
        let many = (0..<connections).map(connection)
        var now: Int64 = 1_000_000_000
        for subject in many {
            now += 200
            evaluator.pass(first.call, subject, now)
        }
        var adopt = 0.0
        var longest = 0.0
        for round in 0..<4 {
            let next = try (round % 2 == 0 ? second : first).compile(previous: snapshot)
            let old = snapshot
            snapshot = next
            adopt = max(adopt, cpu { evaluator.adopt(next) })
            for subject in many {
                now += 200
                longest = max(longest, cpu { evaluator.pass(first.call, subject, now) })
            }
            // As the reloader does: the old set is let go off the loops.
            withExtendedLifetime(old) {}
        }
        return [
            Result(
                name: "reload of \(rules) rules, a loop's pause", value: adopt / 1e6, unit: "ms",
                atMost: 5),
            Result(
                name: "reload, longest first decision after it", value: longest / 1e3, unit: "us"),
        ]
    }
}
