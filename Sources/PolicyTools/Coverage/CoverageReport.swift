import SluicePolicy

/// What the tests reach of a policy, and what they do not.
///
/// Points: a permission that decides (or, as a shadow, would); a limit with room and without; each
/// override in force; a ban that comes about; each comparison of a condition true and false; the
/// default verdict.
struct CoverageReport {
    private(set) var rules: [Rule] = []
    private(set) var conditions: [Comparison] = []
    /// What was never reached, each in words.
    private(set) var missing: [String] = []
    private(set) var total = 0

    /// How often a rule decided what.
    struct Rule: Equatable {
        let name: String
        /// `limit`, `permission` or `default`.
        let kind: String
        let counts: [String: Int]
    }

    /// How a comparison of a rule's condition came out.
    struct Comparison: Equatable {
        let rule: String
        let text: String
        let seen: CoverageCount.Seen
    }

    static let words = [
        "allow", "refuse", "delay", "drop", "pause", "shadow_allow", "shadow_refuse", "ban",
    ]

    init(_ model: PolicyModel, _ count: CoverageCount) {
        for rule in model.limits { add(rule, count) }
        for rule in model.permissions { add(rule, count) }
        let verdict = Rule(
            name: "default", kind: "default", counts: Self.counts("default", count))
        rules.append(verdict)
        point(verdict.counts.isEmpty, "default: never decided")
    }

    var covered: Int { total - missing.count }

    /// Whether so much of it is reached; everything, where there is nothing to reach.
    func reaches(percent: Double) -> Bool { Double(covered) * 100 >= percent * Double(total) }

    /// `94.4 % (34 of 36)`, rounded down: not everything is never 100.
    var percent: String {
        let tenths = total == 0 ? 1_000 : covered * 1_000 / total
        return "\(tenths / 10).\(tenths % 10) % (\(covered) of \(total))"
    }

    private static func counts(_ rule: String, _ count: CoverageCount) -> [String: Int] {
        var counts: [String: Int] = [:]
        for word in words {
            let number = count.count(rule, word)
            if number > 0 { counts[word] = number }
        }
        return counts
    }

    private mutating func point(_ isMissing: Bool, _ text: String) {
        total += 1
        if isMissing { missing.append(text) }
    }

    private mutating func add(_ rule: LimitRule, _ count: CoverageCount) {
        let counts = Self.counts(rule.name, count)
        rules.append(Rule(name: rule.name, kind: "limit", counts: counts))
        // In a queue waiting is how calls go on; elsewhere it is what happens over the limit.
        let isQueue = rule.algorithm == .leakyBucket
        let over =
            ["refuse", "drop", "pause", "shadow_refuse"] + (isQueue ? [] : ["delay"])
        let has = { (words: [String]) in words.contains { counts[$0] != nil } }
        point(!has(["allow"]), "limit `\(rule.name)`: never with room")
        point(!has(over), "limit `\(rule.name)`: never without room")
        for value in rule.overrides?.numbers.keys.sorted() ?? [] {
            point(
                !count.sawVariant(rule.name, value),
                "limit `\(rule.name)`: never with the numbers of `\(value)`")
        }
        if rule.ban != nil { point(!has(["ban"]), "limit `\(rule.name)`: never banned a key") }
    }

    private mutating func add(_ rule: PermissionRule, _ count: CoverageCount) {
        let counts = Self.counts(rule.name, count)
        rules.append(Rule(name: rule.name, kind: "permission", counts: counts))
        point(counts.isEmpty, "permission `\(rule.name)`: never decided")
        for text in rule.when?.comparisons ?? [] {
            let seen = count.seen(rule.name, text)
            conditions.append(Comparison(rule: rule.name, text: text, seen: seen))
            point(seen.yes == 0, "permission `\(rule.name)`: `\(text)` never true")
            point(seen.no == 0, "permission `\(rule.name)`: `\(text)` never false")
        }
    }
}

extension Condition {
    /// Texts of the comparisons in it, each once, in the order of the text.
    var comparisons: [String] {
        var found: [String] = []
        func walk(_ condition: Condition) {
            switch condition {
            case .all(let parts), .any(let parts): for part in parts { walk(part) }
            case .not(let part): walk(part)
            case .isIn, .differs, .compare, .isInBlocks, .exists, .like, .timeOfDay:
                if !found.contains(condition.text) { found.append(condition.text) }
            }
        }
        walk(self)
        return found
    }
}
