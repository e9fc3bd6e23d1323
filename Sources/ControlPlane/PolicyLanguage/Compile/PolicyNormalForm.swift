import Crypto
import Foundation
import SluicePolicy
import SluiceVocabulary

/// A policy as one text that is the same however it was written: rules sorted by name, defaults
/// filled in, no comments. Its hash is the policy's revision.
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
            line(
                "logging",
                [String(model.logging.budgetPerSecond), String(model.logging.reservePerSecond)]),
        ]
        for rule in model.limits.sorted(by: { $0.name < $1.name }) { lines += limit(rule) }
        for rule in model.permissions.sorted(by: { $0.name < $1.name }) {
            lines += permission(rule)
        }
        return lines.joined(separator: "\n")
    }

    private static func limit(_ rule: LimitRule) -> [String] {
        var lines = [
            line("limit", [rule.name, rule.unit == .bytes ? "bytes" : "requests"]),
            line("actions", Set(rule.actions.map(\.text)).sorted()),
            line("transports", rule.transports.map(\.name).sorted()),
            line("key", rule.key.map(text(of:))),
            line("numbers", numbers(rule.numbers)),
            line("more", [String(rule.isShadow), String(rule.maxKeys)] + Set(rule.was).sorted()),
        ]
        if let overrides = rule.overrides {
            lines.append(line("by", overrides.claim))
            for (value, other) in overrides.numbers.sorted(by: { $0.key < $1.key }) {
                lines.append(line("override", [value] + numbers(other)))
            }
        }
        return lines
    }

    private static func permission(_ rule: PermissionRule) -> [String] {
        let principal = rule.principal
        return [
            line(
                "permission",
                [rule.name, rule.effect == .deny ? "deny" : "permit", String(rule.isShadow)]),
            line("actions", Set(rule.actions.map(\.text)).sorted()),
            line("roles", Set(principal.roles).sorted()),
            line("anonymous", [String(principal.includesAnonymous)]),
        ]
            + principal.claims.sorted { $0.key < $1.key }.map {
                line("claim", [$0.key] + Set($0.value).sorted())
            }
    }

    private static func numbers(_ numbers: LimitNumbers) -> [String] {
        [numbers.limit, numbers.periodNanoseconds, numbers.burst, numbers.cost].map { String($0) }
    }

    private static func text(of source: KeySource) -> String {
        switch source {
        case .claim(let path): line("claim", path)
        case .device: "device"
        case .session: "session"
        case .address(let bits4, let bits6): "address/\(bits4)/\(bits6)"
        case .topic: "topic"
        case .loginUser: "login"
        }
    }

    /// Each value with its length before it, so that no value can pass for two.
    private static func line(_ word: String, _ values: [String]) -> String {
        word + values.map { " \($0.utf8.count):\($0)" }.joined()
    }
}
