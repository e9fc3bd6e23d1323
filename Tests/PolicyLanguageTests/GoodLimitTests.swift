import SluiceDocuments
import SluicePolicy
import SluicePolicyLanguage
import SluiceVocabulary
import Testing

@Suite("Limits are read as they are meant")
struct GoodLimitTests {
    private let user = KeySource.claim(["sub"])

    /// The rule that these lines after `key: [user]` make.
    private func read(
        _ lines: String..., descriptors: String = "user: token.sub", key: String = "user"
    ) throws -> LimitRule {
        let text =
            head + "descriptors: {\(descriptors)}\nrate_limits:\n  - name: r\n"
            + "    match: {action: [echo]}\n    key: [\(key)]\n"
            + lines.map { "    \($0)\n" }.joined()
        let compiled = try compile(text)
        #expect(compiled.warnings.map(\.text) == [])
        return try #require(compiled.snapshot.model.limits.first)
    }

    private func rule(_ numbers: LimitNumbers) -> LimitRule {
        LimitRule(name: "r", actions: [ActionPattern("echo")], key: [user], numbers: numbers)
    }

    @Test("a token bucket, with and without a burst")
    func tokenBucket() throws {
        let plain = rule(.init(limit: 60, periodNanoseconds: 60_000_000_000, burst: 60))
        #expect(try read("algorithm: token_bucket", "limit: 60", "per: 60s") == plain)
        var other = rule(.init(limit: 60, periodNanoseconds: 1_000_000, burst: 9, cost: 3))
        other.onLimit = .delay
        other.maxDelayNanoseconds = 60_000_000_000
        other.isShadow = true
        other.maxKeys = 7
        other.was = ["a", "b"]
        other.ban = LimitBan(after: 50, withinMilliseconds: 60_000, forMilliseconds: 600_000)
        #expect(
            try read(
                "algorithm: token_bucket", "limit: 60", "per: 1ms", "burst: 9", "cost: 3",
                "on_limit: delay", "max_delay: 60s", "shadow: true", "max_keys: 7",
                "was: [b, a, b]",
                "ban: {after: 50, within: 60s, for: 10m}", "scope: node", "unit: requests") == other
        )
    }

    @Test("a leaky bucket: a queue of up to a minute, or as long as its max_delay")
    func leakyBucket() throws {
        var queue = rule(.init(limit: 1, periodNanoseconds: 1_000_000_000, burst: 60))
        queue.algorithm = .leakyBucket
        queue.onLimit = .drop
        #expect(
            try read(
                "algorithm: leaky_bucket", "limit: 1", "per: 1s", "burst: 60", "on_limit: drop")
                == queue)
        queue.numbers.burst = 6_000
        queue.maxDelayNanoseconds = 2_000_000_000
        #expect(
            try read(
                "algorithm: leaky_bucket", "limit: 1", "per: 1s", "burst: 6000", "on_limit: drop",
                "max_delay: 2s") == queue)
    }

    @Test("a sliding window, up to the largest count that it holds")
    func slidingWindow() throws {
        let most = LimitNumbers.mostPerWindow
        var window = rule(.init(limit: most, periodNanoseconds: 60_000_000_000, burst: most))
        window.algorithm = .slidingWindow
        window.onLimit = .pauseReads
        #expect(
            try read(
                "algorithm: sliding_window", "limit: \(most)", "per: 1m", "on_limit: pause_reads")
                == window)
    }

    @Test("concurrency has no period and no burst of its own")
    func concurrency() throws {
        var places = rule(.init(limit: 5, periodNanoseconds: 1, burst: 5, cost: 2))
        places.algorithm = .concurrency
        places.onLimit = .close
        #expect(
            try read("algorithm: concurrency", "limit: 5", "cost: 2", "on_limit: close") == places)
    }

    @Test("a quota counts by the calendar", arguments: CalendarPeriod.allCases)
    func quota(_ period: CalendarPeriod) throws {
        var quota = rule(
            .init(limit: 1_000_000_000_000, periodNanoseconds: 1, burst: 1_000_000_000_000))
        quota.algorithm = .quota
        quota.calendar = period
        #expect(
            try read("algorithm: quota", "limit: 1000000000000", "per: \(period.rawValue)") == quota
        )
    }

    @Test("bytes may be counted by every algorithm, with units", arguments: LimitAlgorithm.allCases)
    func bytes(_ algorithm: LimitAlgorithm) throws {
        let per =
            switch algorithm {
            case .concurrency: "shadow: false"
            case .quota: "per: day"
            case .tokenBucket, .leakyBucket, .slidingWindow: "per: 1s"
            }
        let rule = try read("algorithm: \(algorithm.rawValue)", "limit: 64KiB", per, "unit: bytes")
        #expect(rule.unit == .bytes)
        #expect(rule.numbers.limit == 65_536)
        #expect(rule.numbers.burst == 65_536)
        #expect(rule.numbers.cost == 1)
    }

    @Test("numbers exactly at their bounds are good")
    func bounds() throws {
        let year = LimitNumbers.maxFillNanoseconds
        #expect(
            try read("algorithm: token_bucket", "limit: 5", "per: 1s", "cost: 5").numbers
                == LimitNumbers(limit: 5, periodNanoseconds: 1_000_000_000, burst: 5, cost: 5))
        #expect(
            try read("algorithm: token_bucket", "limit: 1000000", "per: 1ms").numbers
                == LimitNumbers(limit: 1_000_000, periodNanoseconds: 1_000_000, burst: 1_000_000))
        #expect(
            try read("algorithm: token_bucket", "limit: 10", "per: 1d", "burst: 3650").numbers
                == LimitNumbers(limit: 10, periodNanoseconds: year / 365, burst: 3_650))
        #expect(
            try read("algorithm: token_bucket", "limit: 1000000000000", "per: 365d").numbers
                == LimitNumbers(
                    limit: 1_000_000_000_000, periodNanoseconds: year, burst: 1_000_000_000_000))
        #expect(
            try read("algorithm: quota", "limit: 3", "per: day", "cost: 3").numbers
                == LimitNumbers(limit: 3, periodNanoseconds: 1, burst: 3, cost: 3))
    }

    @Test("every action over the limit that an algorithm has is read")
    func actions() throws {
        for algorithm in LimitAlgorithm.allCases {
            for action in LimitAction.allCases {
                if action == .delay { continue }
                if action == .pauseReads, algorithm == .concurrency { continue }
                let per =
                    switch algorithm {
                    case .concurrency: "shadow: false"
                    case .quota: "per: day"
                    case .tokenBucket, .leakyBucket, .slidingWindow: "per: 1s"
                    }
                let rule = try read(
                    "algorithm: \(algorithm.rawValue)", "limit: 5", per,
                    "on_limit: \(action.rawValue)")
                #expect(rule.onLimit == action)
            }
        }
    }

    @Test("overrides replace only the numbers they name, and bursts follow limits")
    func overrides() throws {
        let rule = try read(
            "algorithm: token_bucket", "limit: 60", "per: 60s",
            "overrides: {by: user, a: {limit: 30}, b: {burst: 5, cost: 2}, c: {per: 1s}}")
        let minute: Int64 = 60_000_000_000
        #expect(rule.overrides?.by == user)
        #expect(
            rule.overrides?.numbers == [
                "a": LimitNumbers(limit: 30, periodNanoseconds: minute, burst: 30),
                "b": LimitNumbers(limit: 60, periodNanoseconds: minute, burst: 5, cost: 2),
                "c": LimitNumbers(limit: 60, periodNanoseconds: 1_000_000_000, burst: 60),
            ])
        let quota = try read(
            "algorithm: quota", "limit: 60", "per: day", "overrides: {by: user, a: {limit: 30}}")
        #expect(
            quota.overrides?.numbers == [
                "a": LimitNumbers(limit: 30, periodNanoseconds: 1, burst: 30)
            ])
    }

    @Test(
        "overrides go by whatever stays the same on a connection",
        arguments: [
            ("token.account.plan", KeySource.claim(["account", "plan"]), "free"),
            ("session.id", .session, "x"), ("session.device", .device, "x"),
            ("session.platform", .platform, "ios"), ("session.app", .app, "x"),
            ("connection.transport", .transport, "tcp"),
        ])
    func overridesBy(_ text: String, _ source: KeySource, _ value: String) throws {
        let rule = try read(
            "algorithm: concurrency", "limit: 60", "overrides: {by: it, \(value): {limit: 3}}",
            descriptors: "user: token.sub, it: \(text)")
        #expect(rule.overrides?.by == source)
        #expect(rule.overrides?.numbers[value]?.limit == 3)
    }

    static let sources: [(String, KeySource)] = [
        ("token.sub", .claim(["sub"])), ("token.a.b.c", .claim(["a", "b", "c"])),
        ("session.id", .session), ("session.device", .device), ("session.platform", .platform),
        ("session.app", .app), ("connection.address", .address(bits4: 32, bits6: 64)),
        ("connection.address/24", .address(bits4: 24, bits6: 64)),
        ("connection.address/24,/56", .address(bits4: 24, bits6: 56)),
        ("connection.transport", .transport), ("message.action", .action),
        ("message.topic", .topic), ("login.user", .loginUser), ("http.route", .route),
        ("http.method", .method), ("http.header.X-App_Version", .header("x-app_version")),
    ]

    @Test("every source may be part of a key", arguments: sources)
    func source(_ text: String, _ source: KeySource) throws {
        let rule = try read(
            "algorithm: concurrency", "limit: 60", descriptors: "it: \"\(text)\"", key: "it")
        #expect(rule.key == [source])
        // And is told as it may be written.
        let again = try read(
            "algorithm: concurrency", "limit: 60", descriptors: "it: \"\(source.text)\"", key: "it")
        #expect(again.key == [source])
    }

    @Test("a limit is for the transports it names, in any order")
    func transports() throws {
        let text = policyText(limitText()).replacing(
            "action: [message.send]", with: "action: [message.send], transport: [http, tcp]")
        #expect(try compile(text).snapshot.model.limits[0].transports == [.tcp, .http])
    }
}
