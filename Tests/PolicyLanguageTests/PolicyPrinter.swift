import SluiceDocuments
import SluicePolicy
import SluiceVocabulary

/// Writes a model as the files of a policy set, in one of many forms that mean the same.
struct PolicyPrinter {
    var dice: Dice
    private var names: [KeySource: String] = [:]

    init(dice: Dice) { self.dice = dice }

    /// The texts of two files.
    mutating func files(_ model: PolicyModel) -> [String] {
        let head = "apiVersion: sluice/v1\nkind: PolicySet # \(dice.next())\n"
        // Names decide among equals, so the order of rules is kept.
        let limits = model.limits.map { limit($0) }
        let permissions = model.permissions.map { permission($0) }
        let cut = dice.chance(2) ? limits.count / 2 : limits.count
        var first = head + "rate_limits: [\(limits[..<cut].joined(separator: ",\n  "))]\n"
        var second = head + "rate_limits: [\(limits[cut...].joined(separator: ", "))]\n"
        first += mapping("metadata", metadata(model))
        second += mapping(
            "permissions",
            fields([
                ("default", model.permitsByDefault ? "permit" : (dice.chance(2) ? "deny" : nil)),
                ("rules", "[\(permissions.joined(separator: ",\n    "))]"),
            ]))
        second += mapping("devices", devices(model.devices))
        first += mapping("logging", logging(model.logging))
        let sources = names.map { "\($1): \(Condition.constant($0.text))" }.shuffled(using: &dice)
        if !sources.isEmpty { second += "descriptors: {\(sources.joined(separator: ", "))}\n" }
        return [first, second]
    }

    private func mapping(_ key: String, _ text: String?) -> String {
        text.map { "\(key): \($0)\n" } ?? ""
    }

    /// A mapping of what is there, in any order; nil when nothing is.
    private mutating func fields(_ fields: [(String, String?)]) -> String? {
        let written = fields.compactMap { name, value in value.map { "\(name): \($0)" } }
        return written.isEmpty ? nil : "{\(written.shuffled(using: &dice).joined(separator: ", "))}"
    }

    /// A list of texts, in any order and some of them twice.
    private mutating func list(_ texts: [String]) -> String {
        let items = texts + (dice.chance(3) ? texts : [])
        return "[\(items.shuffled(using: &dice).map { quoted($0) }.joined(separator: ", "))]"
    }

    private func quoted(_ text: String) -> String {
        // A number or boolean in place of a text is refused where no claim is compared.
        let plain = Condition.constant(text)
        return Int64(text) == nil ? plain : "\"\(text)\""
    }

    private mutating func name(_ source: KeySource) -> String {
        if let known = names[source] { return known }
        let new = "d\(names.count)"
        names[source] = new
        return new
    }

    private mutating func metadata(_ model: PolicyModel) -> String? {
        fields([
            ("name", model.name.isEmpty ? nil : quoted(model.name)),
            ("version", model.version.isEmpty ? nil : quoted(model.version)),
        ])
    }

    // MARK: Limits

    private mutating func limit(_ rule: LimitRule) -> String {
        let isAll = rule.transports.count == Transport.allCases.count
        let transports = isAll && dice.chance(2) ? nil : list(rule.transports.map(\.name))
        let match = fields([("action", list(rule.actions.map(\.text))), ("transport", transports)])
        var all: [(String, String?)] = [
            ("name", rule.name), ("match", match),
            ("key", "[\(rule.key.map { name($0) }.joined(separator: ", "))]"),
            ("algorithm", rule.algorithm.rawValue),
            ("unit", rule.unit == .bytes ? "bytes" : optionally("requests")),
            ("on_limit", rule.onLimit == .reject ? optionally("reject") : rule.onLimit.rawValue),
            ("max_delay", rule.maxDelayNanoseconds.map { duration($0) }),
            ("scope", optionally("node")),
            ("shadow", rule.isShadow ? "true" : optionally("false")),
            ("max_keys", rule.maxKeys == 200_000 ? optionally("200000") : "\(rule.maxKeys)"),
            ("was", rule.was.isEmpty ? nil : list(rule.was)),
            ("overrides", rule.overrides.map { overrides($0, rule) }),
        ]
        if let ban = rule.ban {
            all.append(
                (
                    "ban",
                    fields([
                        ("after", "\(ban.after)"),
                        ("within", duration(ban.withinMilliseconds * 1_000_000)),
                        ("for", duration(ban.forMilliseconds * 1_000_000)),
                    ])
                ))
        }
        return fields(all + numbers(rule.numbers, rule, isRule: true)) ?? "{}"
    }

    private mutating func optionally(_ text: String) -> String? { dice.chance(2) ? text : nil }

    private mutating func numbers(
        _ numbers: LimitNumbers, _ rule: LimitRule, isRule: Bool
    ) -> [(String, String?)] {
        let hasBurst = rule.algorithm == .tokenBucket || rule.algorithm == .leakyBucket
        let hasPeriod = hasBurst || (isRule && rule.algorithm == .slidingWindow)
        let cost =
            numbers.cost == 1 && isRule
            ? (rule.unit == .requests ? optionally("1") : nil) : "\(numbers.cost)"
        let burst =
            isRule && numbers.burst == numbers.limit
            ? optionally(amount(numbers.burst, rule.unit)) : amount(numbers.burst, rule.unit)
        return [
            ("limit", amount(numbers.limit, rule.unit)),
            (
                "per",
                hasPeriod
                    ? duration(numbers.periodNanoseconds) : isRule ? rule.calendar?.rawValue : nil
            ),
            ("burst", hasBurst ? burst : nil),
            ("cost", rule.unit == .requests ? cost : nil),
        ]
    }

    private mutating func overrides(_ overrides: LimitOverrides, _ rule: LimitRule) -> String {
        let all: [(String, String?)] = overrides.numbers.map { value, numbers in
            (quoted(value), fields(self.numbers(numbers, rule, isRule: false)))
        }
        return fields(all + [("by", name(overrides.by))]) ?? "{}"
    }

    private mutating func amount(_ count: Int64, _ unit: LimitUnit) -> String {
        if unit == .bytes, count % 1_024 == 0, dice.chance(2) { return "\(count / 1_024)KiB" }
        return "\(count)"
    }

    private mutating func duration(_ nanoseconds: Int64) -> String {
        dice.chance(2) ? durationText(nanoseconds: nanoseconds) : "\(nanoseconds)ns"
    }

    // MARK: Permissions

    private mutating func permission(_ rule: PermissionRule) -> String {
        let isPlain = rule.principal == PrincipalMatch(includesAnonymous: rule.effect == .deny)
        var claims: String?
        if !rule.principal.claims.isEmpty {
            claims = fields(rule.principal.claims.map { ($0, list($1)) })
        }
        let anonymous = rule.principal.includesAnonymous
        let principal = fields([
            ("roles", rule.principal.roles.isEmpty ? nil : list(rule.principal.roles)),
            ("claims", claims), ("anonymous", anonymous ? "true" : "false"),
        ])
        return fields([
            ("name", rule.name), ("effect", rule.effect == .deny ? "deny" : "permit"),
            ("principal", isPlain && dice.chance(2) ? nil : principal),
            ("action", list(rule.actions.map(\.text))), ("when", rule.when?.text),
            ("shadow", rule.isShadow ? "true" : optionally("false")),
        ]) ?? "{}"
    }

    // MARK: Devices and logging

    private mutating func devices(_ devices: DevicePolicy) -> String? {
        if devices == DevicePolicy() { return nil }
        let rule =
            switch devices.rule {
            case .allowAll: "allow_all"
            case .onePerClass: "one_per_class"
            case .oneInAll: "one_in_all"
            case .max(let count): "{max: \(count)}"
            }
        let classes = Dictionary(grouping: devices.classByPlatform.keys) {
            devices.classByPlatform[$0] ?? ""
        }
        return fields([
            ("rule", rule),
            ("on_conflict", devices.refusesNewer ? "refuse" : optionally("replace")),
            ("classes", classes.isEmpty ? nil : fields(classes.map { ($0, list($1)) })),
        ])
    }

    private mutating func logging(_ logging: PolicyLogging) -> String? {
        if logging == PolicyLogging() { return nil }
        let actions = logging.actions.map { action -> (String, String?) in
            (quoted(action.pattern.text), fields(shares(action.sample)))
        }
        return fields([
            (
                "sample",
                fields(
                    shares(logging.sample)
                        + [("actions", actions.isEmpty ? nil : fields(actions))])
            ),
            ("budget_per_second", "\(logging.budgetPerSecond)"),
            ("reserve_per_second", "\(logging.reservePerSecond)"),
        ])
    }

    private func shares(_ sample: PolicyLogging.Sample) -> [(String, String?)] {
        [("ok", "\(sample.ok)"), ("refused", "\(sample.refused)"), ("error", "\(sample.error)")]
    }
}
