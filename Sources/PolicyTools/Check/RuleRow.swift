import SluiceDocuments
import SluicePolicy

/// A limit in the words of a table.
struct LimitRow: Encodable {
    let name: String
    let actions: String
    let key: String
    let algorithm: String
    /// `60 per 60s, burst 10`.
    let numbers: String
    /// What happens over it.
    let over: String
    let shadow: Bool

    init(_ rule: LimitRule) {
        name = rule.name
        actions = Self.list(rule.actions.map(\.text))
        key = "[\(rule.key.map(\.text).joined(separator: ", "))]"
        algorithm = rule.algorithm.rawValue
        numbers = Self.numbers(rule)
        over = Self.over(rule)
        shadow = rule.isShadow
    }

    /// `["message.*", echo]`.
    static func list(_ texts: [String]) -> String {
        "[\(texts.map(Condition.constant).joined(separator: ", "))]"
    }

    private static func numbers(_ rule: LimitRule) -> String {
        let numbers = rule.numbers
        var text = String(numbers.limit) + (rule.unit == .bytes ? " bytes" : "")
        switch rule.algorithm {
        case .tokenBucket, .leakyBucket, .slidingWindow:
            text += " per \(durationText(nanoseconds: numbers.periodNanoseconds))"
        case .quota: text += rule.calendar.map { " a \($0.rawValue)" } ?? ""
        case .concurrency: text += " at once"
        }
        if numbers.burst != numbers.limit { text += ", burst \(numbers.burst)" }
        if numbers.cost != 1 { text += ", cost \(numbers.cost)" }
        return text + (rule.overrides.map { ", others by \($0.by.text)" } ?? "")
    }

    private static func over(_ rule: LimitRule) -> String {
        var text = rule.onLimit.rawValue
        if let delay = rule.maxDelayNanoseconds {
            text += " up to \(durationText(nanoseconds: delay))"
        }
        if let ban = rule.ban {
            text += ", ban for \(durationText(nanoseconds: ban.forMilliseconds * 1_000_000))"
        }
        return text
    }
}

/// A permission in the words of a table.
struct PermissionRow: Encodable {
    let name: String
    let effect: String
    /// Whom it speaks of.
    let who: String
    let actions: String
    let when: String?
    let shadow: Bool

    init(_ rule: PermissionRule) {
        name = rule.name
        effect = rule.effect == .permit ? "permit" : "deny"
        who = Self.who(rule.principal)
        actions = LimitRow.list(rule.actions.map(\.text))
        when = rule.when?.text
        shadow = rule.isShadow
    }

    private static func who(_ principal: PrincipalMatch) -> String {
        var parts: [String] = []
        if !principal.roles.isEmpty { parts.append("roles " + LimitRow.list(principal.roles)) }
        for (claim, values) in principal.claims.sorted(by: { $0.key < $1.key }) {
            parts.append("\(claim) " + LimitRow.list(values))
        }
        if parts.isEmpty { return principal.includesAnonymous ? "everyone" : "authenticated" }
        return parts.joined(separator: ", ")
            + (principal.includesAnonymous ? ", or not authenticated" : "")
    }
}
