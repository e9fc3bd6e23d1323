import Crypto
import Foundation
import SluicePolicy
import SluiceVocabulary

/// A policy as one text that is the same however it was written: defaults filled in, lists sorted, no
/// comments. Its hash is the policy's revision.
///
/// Rules stay in their order: of several that say the same the first decides, is named and counts
/// towards its ban.
enum PolicyNormalForm {
    static func revision(of model: PolicyModel) -> String {
        let digest = SHA256.hash(data: Data(text(of: model).utf8))
        return digest.map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }

    static func text(of model: PolicyModel) -> String {
        var lines = [
            "sluice/v1",
            line("set", [model.name, model.version, String(model.permitsByDefault)]),
            text(of: model.devices), text(of: model.logging),
        ]
        for rule in model.limits { lines.append(text(of: rule)) }
        for rule in model.permissions { lines.append(text(of: rule)) }
        return lines.joined(separator: "\n")
    }

    static func text(of rule: LimitRule) -> String {
        var lines = [
            line("limit", [rule.name, rule.algorithm.rawValue, rule.unit.rawValue]),
            line("actions", Set(rule.actions.map(\.text)).sorted()),
            line("transports", rule.transports.map(\.name).sorted()),
            line("key", rule.key.map(\.text)),
            line("numbers", numbers(rule.numbers)),
            line("over", [rule.onLimit.rawValue]),
            line("more", [String(rule.isShadow), String(rule.maxKeys)] + Set(rule.was).sorted()),
        ]
        if let calendar = rule.calendar { lines.append(line("calendar", [calendar.rawValue])) }
        if let delay = rule.maxDelayNanoseconds { lines.append(line("delay", [String(delay)])) }
        if let ban = rule.ban {
            let numbers = [Int64(ban.after), ban.withinMilliseconds, ban.forMilliseconds]
            lines.append(line("ban", numbers.map { String($0) }))
        }
        if let overrides = rule.overrides {
            lines.append(line("by", [overrides.by.text]))
            for (value, other) in overrides.numbers.sorted(by: { $0.key < $1.key }) {
                lines.append(line("override", [value] + numbers(other)))
            }
        }
        return lines.joined(separator: "\n")
    }

    static func text(of rule: PermissionRule) -> String {
        let principal = rule.principal
        var lines = [
            line(
                "permission",
                [rule.name, rule.effect == .deny ? "deny" : "permit", String(rule.isShadow)]),
            line("actions", Set(rule.actions.map(\.text)).sorted()),
            line("roles", Set(principal.roles).sorted()),
            line("anonymous", [String(principal.includesAnonymous)]),
        ]
        for (claim, values) in principal.claims.sorted(by: { $0.key < $1.key }) {
            lines.append(line("claim", [claim] + Set(values).sorted()))
        }
        if let when = rule.when { lines.append(line("when", [when.normalized.text])) }
        return lines.joined(separator: "\n")
    }

    static func text(of devices: DevicePolicy) -> String {
        let rule =
            switch devices.rule {
            case .allowAll: "allow_all"
            case .onePerClass: "one_per_class"
            case .oneInAll: "one_in_all"
            case .max(let count): String(count)
            }
        let classes = devices.classByPlatform.sorted { $0.key < $1.key }
        return line(
            "devices",
            [rule, String(devices.refusesNewer)] + classes.flatMap { [$0.key, $0.value] })
    }

    static func text(of logging: PolicyLogging) -> String {
        let lines = [
            line("logging", [String(logging.budgetPerSecond), String(logging.reservePerSecond)]),
            line("sample", shares(logging.sample)),
        ]
        let actions = logging.actions.sorted { $0.pattern.text < $1.pattern.text }
        return (lines + actions.map { line("sampled", [$0.pattern.text] + shares($0.sample)) })
            .joined(separator: "\n")
    }

    private static func shares(_ sample: PolicyLogging.Sample) -> [String] {
        [sample.ok, sample.refused, sample.error].map { String($0) }
    }

    private static func numbers(_ numbers: LimitNumbers) -> [String] {
        [numbers.limit, numbers.periodNanoseconds, numbers.burst, numbers.cost].map { String($0) }
    }

    /// Each value with its length before it, so that no value can pass for two.
    private static func line(_ word: String, _ values: [String]) -> String {
        word + values.map { " \($0.utf8.count):\($0)" }.joined()
    }
}

extension Condition {
    /// The same condition with the parts of each group sorted and none twice: their order means
    /// nothing.
    var normalized: Condition {
        switch self {
        case .all(let parts): .all(Self.sorted(parts))
        case .any(let parts): .any(Self.sorted(parts))
        case .not(let condition): .not(condition.normalized)
        case .isIn(let fact, let values): .isIn(fact, Set(values).sorted())
        case .isInBlocks(let blocks):
            .isInBlocks(Set(blocks).sorted { $0.text < $1.text })
        case .differs, .compare, .exists, .like, .timeOfDay: self
        }
    }

    private static func sorted(_ parts: [Condition]) -> [Condition] {
        Set(parts.map(\.normalized)).map { ($0.text, $0) }.sorted { $0.0 < $1.0 }.map(\.1)
    }
}
