import SluicePolicy
import SluiceVocabulary

/// One permission and three limits: one connection again and again, then every decision another
/// connection with keys of its own.
enum DecisionBenchmark {
    static func run(rules: Int, keys: Int) throws -> [Result] {
        let policy = LargePolicy(rules: rules)
        let evaluator = evaluator(try policy.compile())
        let call = policy.call
        var now: Int64 = 1_000_000_000
        let one = connection(0)
        let hot = best(of: 20, count: 200_000) {
            for _ in 0..<200_000 {
                now += 200
                evaluator.pass(call, one, now)
            }
        }
        // Three keys each.
        let many = (0..<keys / 3).map(connection)
        // A stride that is no divisor visits all of them in an order no prefetcher guesses.
        let pass = {
            var index = 0
            for _ in many.indices {
                now += 200
                index = (index + 7_919) % many.count
                evaluator.pass(call, many[index], now)
            }
        }
        let first = best(of: 1, count: many.count, pass)
        let cold = best(of: 5, count: many.count, pass)
        return [
            Result(name: "decision, hot", value: hot, unit: "ns", atMost: 150),
            Result(name: "decision, cold, \(keys) keys", value: cold, unit: "ns", atMost: 600),
            Result(name: "decision, first of a connection", value: first, unit: "ns"),
        ]
    }
}

/// One limit of each algorithm, hot, and one permission with a condition.
enum AlgorithmBenchmark {
    static func run() -> [Result] {
        var results = LimitAlgorithm.allCases.map { algorithm in
            measure("decision, one \(algorithm.rawValue)", limits: [rule(algorithm)])
        }
        results.append(measure("decision, no limit", limits: []))
        results.append(
            measure(
                "decision, `when` on the size", limits: [],
                when: .compare(
                    .bytes, .less, Condition.Number(value: 16_384, text: "16384"))))
        return results
    }

    private static func rule(_ algorithm: LimitAlgorithm) -> LimitRule {
        let most: Int64 = algorithm == .slidingWindow ? 1 << 31 : 1_000_000_000
        var rule = LimitRule(
            name: "one", actions: [ActionPattern("echo")], key: [.claim(["sub"])],
            numbers: LimitNumbers(limit: most, periodNanoseconds: 1_000_000_000, burst: most))
        rule.algorithm = algorithm
        if algorithm == .quota { rule.calendar = .day }
        return rule
    }

    private static func measure(
        _ name: String, limits: [LimitRule], when: Condition? = nil
    ) -> Result {
        let permission = PermissionRule(
            name: "may", effect: .permit, principal: PrincipalMatch(roles: ["member"]),
            actions: [ActionPattern("echo")], when: when)
        let catalog = ActionCatalog(commands: ["echo"])
        let evaluator = evaluator(
            PolicySnapshot(
                model: PolicyModel(limits: limits, permissions: [permission]), revision: "",
                catalog: catalog, previous: nil))
        let call = PolicyCall(
            action: catalog.action(named: "echo") ?? .unknown, bytes: 128, transport: .websocket,
            wall: noon)
        let subject = connection(0)
        var now: Int64 = 1_000_000_000
        let time = best(of: 20, count: 100_000) {
            for _ in 0..<100_000 {
                now += 200
                let verdict = evaluator.decide(
                    call, for: subject, now: MonotonicTime(nanoseconds: now))
                if case .go(let permit) = verdict { evaluator.release(permit.lease) }
            }
        }
        return Result(name: name, value: time, unit: "ns")
    }
}
