import SluicePolicy
import SluiceVocabulary

/// SplitMix64: the same numbers from the same seed.
struct Dice: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func one<Item>(of items: [Item]) -> Item {
        items[Int.random(in: 0..<items.count, using: &self)]
    }

    mutating func some<Item: Hashable>(of items: [Item], upTo most: Int) -> Set<Item> {
        Set((0..<Int.random(in: 1...most, using: &self)).map { _ in one(of: items) })
    }

    /// True once in `odds` throws.
    mutating func chance(_ odds: Int) -> Bool { Int.random(in: 0..<odds, using: &self) == 0 }
}

/// Makes models such as a reader makes them: sorted, nothing twice, numbers within their bounds.
struct RandomPolicy {
    var dice: Dice

    static let texts = [
        "a", "pro", "free tier", "5", "-7", "007", "true", "null", "x: y", "# no comment", "*",
        "&a",
        "ü", "\"quoted\"", "back\\slash", "10.0.0.0/8", "1.5", "- a", "{b}", "e\u{301}",
        "\u{1F600}",
        "tab\there", "'", "~", "!x", "a,b", "[c]", "yes", "22:00",
    ]
    static let actionTexts = [
        "echo", "message.send", "message.*", "*", "*.send", "http.*", "unknown",
    ]
    static let sources: [KeySource] = [
        .claim(["sub"]), .claim(["org", "id"]), .claim(["https://example", "org/plan"]), .session,
        .device, .platform, .app, .address(bits4: 32, bits6: 64), .address(bits4: 24, bits6: 56),
        .transport, .action, .topic, .loginUser, .route, .method, .header("x-app"),
    ]

    mutating func model() -> PolicyModel {
        var model = PolicyModel(
            name: dice.chance(3) ? dice.one(of: Self.texts) : "",
            version: dice.chance(3) ? dice.one(of: Self.texts) : "",
            permitsByDefault: dice.chance(2))
        model.limits = (0..<Int.random(in: 0...6, using: &dice)).map { limit("limit-\($0)") }
        model.permissions = (0..<Int.random(in: 0...6, using: &dice)).map {
            permission("permission-\($0)")
        }
        if dice.chance(2) { model.devices = devices() }
        if dice.chance(2) { model.logging = logging() }
        return model
    }

    private mutating func actions() -> [ActionPattern] {
        dice.some(of: Self.actionTexts, upTo: 3).sorted().map { ActionPattern($0) }
    }

    private mutating func texts(_ most: Int = 3) -> [String] {
        dice.some(of: Self.texts, upTo: most).sorted()
    }

    // MARK: Limits

    private mutating func limit(_ name: String) -> LimitRule {
        let algorithm = dice.one(of: LimitAlgorithm.allCases)
        let unit = dice.one(of: LimitUnit.allCases)
        let isBounded = algorithm == .leakyBucket && dice.chance(2)
        let make = { (self: inout Self) in
            self.numbers(algorithm, unit, isQueue: algorithm == .leakyBucket && !isBounded)
        }
        var rule = LimitRule(
            name: name, actions: actions(),
            key: dice.chance(4) ? [] : Array(dice.some(of: Self.sources, upTo: 3)),
            numbers: make(&self))
        if dice.chance(2) { rule.transports = dice.some(of: Transport.allCases, upTo: 3) }
        rule.algorithm = algorithm
        rule.unit = unit
        if algorithm == .quota { rule.calendar = dice.one(of: CalendarPeriod.allCases) }
        rule.onLimit = dice.one(
            of: LimitAction.allCases.filter {
                ($0 != .delay || algorithm == .tokenBucket)
                    && ($0 != .pauseReads || algorithm != .concurrency)
            })
        if isBounded || rule.onLimit == .delay {
            rule.maxDelayNanoseconds = dice.one(of: [1_000_000, 2_000_000_000, 60_000_000_000])
        }
        if dice.chance(3) {
            let by = dice.one(of: [KeySource.claim(["plan"]), .platform, .session])
            var others: [String: LimitNumbers] = [:]
            for value in texts() {
                others[value] = make(&self)
                // Windows and calendars are everybody's.
                if algorithm == .slidingWindow {
                    others[value]?.periodNanoseconds = rule.numbers.periodNanoseconds
                }
            }
            rule.overrides = LimitOverrides(by: by, numbers: others)
        }
        if dice.chance(3) {
            rule.ban = LimitBan(
                after: Int.random(in: 1...1_000_000, using: &dice),
                withinMilliseconds: Int64.random(in: 1...100_000_000, using: &dice),
                forMilliseconds: Int64.random(in: 1...100_000_000, using: &dice))
        }
        rule.isShadow = dice.chance(4)
        if dice.chance(4) { rule.maxKeys = Int.random(in: 1...10_000_000, using: &dice) }
        if dice.chance(4) { rule.was = ["was-\(name)-1", "was-\(name)-2"] }
        return rule
    }

    private mutating func numbers(
        _ algorithm: LimitAlgorithm, _ unit: LimitUnit, isQueue: Bool
    ) -> LimitNumbers {
        let limit = Int64.random(in: 1...2_000_000, using: &dice)
        var numbers = LimitNumbers(limit: limit, periodNanoseconds: 1, burst: limit)
        switch algorithm {
        case .concurrency, .quota: break
        case .slidingWindow:
            numbers.periodNanoseconds = Int64.random(in: 1...100_000, using: &dice) * 1_000_000
        case .tokenBucket, .leakyBucket:
            numbers.periodNanoseconds = Int64.random(in: 1...60_000, using: &dice) * 1_000_000
            numbers.burst =
                isQueue
                ? Int64.random(in: 1...limit, using: &dice)
                : Int64.random(in: 1...(limit * 1_000), using: &dice)
        }
        // Half of them leave the burst to the limit.
        if dice.chance(2) { numbers.burst = limit }
        if unit == .requests { numbers.cost = Int64.random(in: 1...numbers.burst, using: &dice) }
        return numbers
    }

    // MARK: Permissions

    private mutating func permission(_ name: String) -> PermissionRule {
        let effect = dice.chance(2) ? PermissionEffect.deny : .permit
        var principal = PrincipalMatch(includesAnonymous: effect == .deny)
        if dice.chance(2) {
            if dice.chance(2) { principal.roles = texts() }
            if dice.chance(2) { principal.claims["org.id"] = texts() }
            principal.includesAnonymous = dice.chance(2)
        }
        return PermissionRule(
            name: name, effect: effect, principal: principal, actions: actions(),
            when: dice.chance(2) ? condition(3) : nil, isShadow: dice.chance(4))
    }

    private mutating func condition(_ depth: Int) -> Condition {
        let text = Condition.Fact.source(
            dice.one(of: [.claim(["plan"]), .topic, .loginUser, .header("x-app"), .device, .app]))
        switch Int.random(in: depth > 0 ? 0...9 : 3...9, using: &dice) {
        case 0: return .all((0..<3).map { _ in condition(depth - 1) })
        case 1: return .any((0..<2).map { _ in condition(depth - 1) })
        case 2: return .not(condition(depth - 1))
        case 3: return .isIn(text, texts(5))
        case 4: return .differs(text, dice.one(of: Self.texts))
        case 5:
            let value = Double(Int.random(in: -9...9, using: &dice)) / 2
            let written = Int64(exactly: value).map(String.init) ?? String(value)
            return .compare(
                text, dice.one(of: Condition.Comparison.allCases),
                .init(value: value, text: written))
        case 6:
            let bytes = Int.random(in: 0...1_000_000, using: &dice)
            return .compare(
                .bytes, dice.one(of: Condition.Comparison.allCases),
                .init(value: Double(bytes), text: "\(bytes)"))
        case 7: return blocks()
        case 8: return dice.chance(2) ? .exists(text) : .like(text, ActionPattern("*\(texts()[0])"))
        default:
            let from = Int.random(in: 0...1_439, using: &dice)
            let to = (from + Int.random(in: 1...1_439, using: &dice)) % 1_440
            return .timeOfDay(
                .init(fromMinute: from, toMinute: to, days: dice.some(of: Array(0...6), upTo: 7)))
        }
    }

    private mutating func blocks() -> Condition {
        let all = ["10.0.0.0/8", "192.0.2.1/32", "0.0.0.0/0", "2001:db8::/32", "::/0", "::1/128"]
        return .isInBlocks(
            dice.some(of: all, upTo: 4).sorted().compactMap { try? AddressBlock($0) })
    }

    // MARK: Devices and logging

    private mutating func devices() -> DevicePolicy {
        var devices = DevicePolicy()
        devices.rule = dice.one(of: [.allowAll, .oneInAll, .onePerClass, .max(3)])
        devices.refusesNewer = dice.chance(2)
        for platform in ["ios", "android", "web"] where dice.chance(2) {
            devices.classByPlatform[platform] = dice.one(of: ["mobile", "other"])
        }
        return devices
    }

    private mutating func logging() -> PolicyLogging {
        var logging = PolicyLogging()
        logging.sample = sample()
        logging.actions = actions().map { .init(pattern: $0, sample: sample()) }
        logging.budgetPerSecond = Int.random(in: 1...1_000_000, using: &dice)
        logging.reservePerSecond = Int.random(in: 1...1_000_000, using: &dice)
        return logging
    }

    private mutating func sample() -> PolicyLogging.Sample {
        let share = { (dice: inout Dice) in dice.one(of: [0, 1, 0.1, 0.025]) }
        return .init(ok: share(&dice), refused: share(&dice), error: share(&dice))
    }
}
