import SluiceDocuments
import SluicePolicy
import SluiceVocabulary

/// What a rule says, field by field, as a policy writes it; what says the default is left out.
extension FieldList {
    init(_ rule: LimitRule) {
        add("match.action", Self.list(rule.actions.map(\.text)))
        if rule.transports.count < Transport.allCases.count {
            add("match.transport", Self.list(rule.transports.map(\.name).sorted()))
        }
        add("key", Self.list(rule.key.map(\.text)))
        add("algorithm", rule.algorithm.rawValue)
        add("limit", Self.amount(rule.numbers.limit, rule.unit))
        add("per", Self.period(rule.numbers, rule))
        add(
            "burst", Self.burst(rule.numbers, rule),
            isImplied: rule.numbers.burst == rule.numbers.limit)
        add("unit", rule.unit.rawValue)
        add("cost", String(rule.numbers.cost))
        if let overrides = rule.overrides {
            add("overrides.by", overrides.by.text)
            for (value, numbers) in overrides.numbers.sorted(by: { $0.key < $1.key }) {
                add("overrides.\(value)", Self.override(numbers, rule))
            }
        }
        add("on_limit", rule.onLimit.rawValue)
        add("max_delay", rule.maxDelayNanoseconds.map { durationText(nanoseconds: $0) })
        add("ban", rule.ban.map(Self.text(of:)))
        add("shadow", String(rule.isShadow))
        add("max_keys", String(rule.maxKeys))
        if !rule.was.isEmpty { add("was", Self.list(rule.was)) }
    }

    init(_ rule: PermissionRule) {
        add("effect", rule.effect == .deny ? "deny" : "permit")
        let principal = rule.principal
        if !principal.roles.isEmpty { add("principal.roles", Self.list(principal.roles.sorted())) }
        for (claim, values) in principal.claims.sorted(by: { $0.key < $1.key }) {
            add("principal.claims.\(claim)", Self.list(values.sorted()))
        }
        add("principal.anonymous", String(principal.includesAnonymous))
        add("action", Self.list(rule.actions.map(\.text)))
        add("when", rule.when?.normalized.text)
        add("shadow", String(rule.isShadow))
    }

    private static func list(_ items: [String]) -> String {
        "[\(items.map(Condition.constant).joined(separator: ", "))]"
    }

    private static func amount(_ count: Int64, _ unit: LimitUnit) -> String {
        guard unit == .bytes else { return String(count) }
        let units: [(String, Int64)] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)]
        for (name, size) in units where count % size == 0 { return "\(count / size)\(name)" }
        return String(count)
    }

    private static func period(_ numbers: LimitNumbers, _ rule: LimitRule) -> String? {
        switch rule.algorithm {
        case .quota: rule.calendar?.rawValue
        case .concurrency: nil
        case .tokenBucket, .leakyBucket, .slidingWindow:
            durationText(nanoseconds: numbers.periodNanoseconds)
        }
    }

    private static func burst(_ numbers: LimitNumbers, _ rule: LimitRule) -> String? {
        switch rule.algorithm {
        case .tokenBucket, .leakyBucket: amount(numbers.burst, rule.unit)
        case .slidingWindow, .concurrency, .quota: nil
        }
    }

    /// All numbers of an override, those it takes over from the rule too.
    private static func override(_ numbers: LimitNumbers, _ rule: LimitRule) -> String {
        var parts = ["limit: \(amount(numbers.limit, rule.unit))"]
        if let burst = burst(numbers, rule) {
            parts.append("per: \(durationText(nanoseconds: numbers.periodNanoseconds))")
            parts.append("burst: \(burst)")
        }
        if rule.unit == .requests { parts.append("cost: \(numbers.cost)") }
        return "{\(parts.joined(separator: ", "))}"
    }

    private static func text(of ban: LimitBan) -> String {
        let within = durationText(nanoseconds: ban.withinMilliseconds * 1_000_000)
        let length = durationText(nanoseconds: ban.forMilliseconds * 1_000_000)
        return "{after: \(ban.after), within: \(within), for: \(length)}"
    }
}
