import SluicePolicy
import SluiceVocabulary

extension SeededRandom {
    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }

    mutating func pick<T>(_ choices: [T]) -> T {
        choices[Int.random(in: 0..<choices.count, using: &self)]
    }

    mutating func int(_ range: ClosedRange<Int64>) -> Int64 {
        Int64.random(in: range, using: &self)
    }
}

/// Makes limits of every kind, with numbers so small that their edges are met all the time.
enum RandomLimits {
    static let patterns = ["*", "*", "message.*", "message.send", "*e*", "http.*", "echo"]

    static func limit(_ name: String, _ random: inout SeededRandom) -> LimitRule {
        var rule = LimitRule(
            name: name, actions: actions(&random), key: key(&random),
            numbers: LimitNumbers(limit: 1, periodNanoseconds: 1, burst: 1))
        rule.algorithm = random.pick(LimitAlgorithm.allCases)
        rule.unit = random.chance(25) ? .bytes : .requests
        setTerms(&rule, &random)
        if random.chance(30) {
            rule.transports = Set(Transport.allCases.filter { _ in random.chance(70) })
            if rule.transports.isEmpty { rule.transports = [.tcp] }
        }
        rule.isShadow = random.chance(15)
        if random.chance(30) { rule.ban = ban(&random) }
        return rule
    }

    /// Numbers, and what goes with the algorithm.
    static func setTerms(_ rule: inout LimitRule, _ random: inout SeededRandom) {
        rule.numbers = numbers(rule.algorithm, rule.unit, &random)
        rule.calendar = rule.algorithm == .quota ? random.pick(CalendarPeriod.allCases) : nil
        rule.onLimit = random.pick(choices(rule.algorithm))
        rule.maxDelayNanoseconds = nil
        if rule.onLimit == .delay || (rule.algorithm == .leakyBucket && random.chance(50)) {
            rule.maxDelayNanoseconds = random.pick([1, 3, 40, 1_000, 60_000]) * 1_000_000
        }
        rule.overrides = random.chance(30) ? overrides(rule, &random) : nil
    }

    static func ban(_ random: inout SeededRandom) -> LimitBan {
        LimitBan(
            after: Int(random.pick([1, 2, 3, 5])),
            withinMilliseconds: random.pick([1, 20, 1_000, 60_000]),
            forMilliseconds: random.pick([1, 15, 2_000, 600_000]))
    }

    private static func choices(_ algorithm: LimitAlgorithm) -> [LimitAction] {
        switch algorithm {
        case .tokenBucket: [.reject, .delay, .delay, .pauseReads, .drop, .close]
        case .leakyBucket, .slidingWindow, .quota: [.reject, .pauseReads, .drop, .close]
        case .concurrency: [.reject, .drop, .close]
        }
    }

    private static func numbers(
        _ algorithm: LimitAlgorithm, _ unit: LimitUnit, _ random: inout SeededRandom
    ) -> LimitNumbers {
        let limit = random.int(unit == .bytes ? 1...2_000 : 1...12)
        let cost = unit == .bytes ? 1 : min(limit, random.pick([1, 1, 1, 2, 3]))
        switch algorithm {
        case .tokenBucket, .leakyBucket:
            let burst = unit == .bytes ? random.int(1...3_000) : cost * random.int(1...9)
            let fast = random.chance(3) ? LimitNumbers.most : limit
            // The language lets no bucket take longer than a year to fill.
            let longest = LimitNumbers.maxFillNanoseconds / burst * min(fast, burst)
            return LimitNumbers(
                limit: fast, periodNanoseconds: min(period(&random), longest), burst: burst,
                cost: cost)
        case .slidingWindow:
            return LimitNumbers(
                limit: limit, periodNanoseconds: period(&random), burst: limit, cost: cost)
        case .concurrency, .quota:
            return LimitNumbers(limit: limit, periodNanoseconds: 1, burst: limit, cost: cost)
        }
    }

    private static func period(_ random: inout SeededRandom) -> Int64 {
        switch Int.random(in: 0..<10, using: &random) {
        case 0: 1_000_000
        case 1: random.int(1_000_000...2_000_000)
        case 2, 3: second
        case 4: 60 * second
        case 5: 3_600 * second
        case 6: 30 * 86_400 * second
        default: random.int(1_000_000...(90 * second))
        }
    }

    private static func overrides(
        _ rule: LimitRule, _ random: inout SeededRandom
    ) -> LimitOverrides {
        let by: KeySource = random.pick([
            .claim(["plan"]), .claim(["account", "plan"]), .platform, .transport, .device,
        ])
        let values = ["free", "pro", "ios", "tcp", "http", "phone"].filter { _ in random.chance(50)
        }
        var others: [String: LimitNumbers] = [:]
        for value in values {
            others[value] = numbers(rule.algorithm, rule.unit, &random)
            if rule.algorithm == .slidingWindow {
                others[value]?.periodNanoseconds = rule.numbers.periodNanoseconds
            }
        }
        return LimitOverrides(by: by, numbers: others)
    }

    private static func actions(_ random: inout SeededRandom) -> [ActionPattern] {
        (0..<random.pick([1, 1, 2])).map { _ in ActionPattern(random.pick(patterns)) }
    }

    static func key(_ random: inout SeededRandom) -> [KeySource] {
        (0..<random.pick([0, 1, 1, 1, 2, 3])).map { _ in source(&random) }
    }

    static func source(_ random: inout SeededRandom) -> KeySource {
        random.pick([
            .claim(["sub"]), .claim(["sub"]), .claim(["plan"]), .claim(["account", "plan"]),
            .claim(["level"]), .claim(["tags"]), .claim(["vip"]), .claim(["roles"]),
            .claim(["absent"]), .session, .device, .platform, .app,
            .address(bits4: 32, bits6: 64), .address(bits4: 24, bits6: 48),
            .address(bits4: 0, bits6: 128), .transport, .action, .topic, .loginUser, .route,
            .method, .header("x-tenant"), .header("x-app"),
        ])
    }
}
