import Testing

/// Policies with something wrong, and exactly what must be said about it.
struct BrokenPolicy: Sendable, CustomTestStringConvertible {
    let name: String
    /// Files `a.yaml`, `b.yaml`, ...
    let files: [String]
    let findings: String

    init(_ name: String, _ files: String..., says findings: String) {
        self.name = name
        self.files = files
        self.findings = findings
    }

    static let all = head + limits + rules + algorithms + excess + conditions + parts

    /// A limit on `echo` keyed by user, in lines 5 to 7; `lines` follow from line 8 on.
    static func limit(_ name: String, _ lines: String..., says findings: String) -> Self {
        let head = [
            "apiVersion: sluice/v1", "kind: PolicySet", "descriptors: {user: token.sub}",
            "rate_limits:", "  - name: a-limit", "    match: {action: [echo]}", "    key: [user]",
        ]
        let text = (head + lines.map { "    " + $0 }).joined(separator: "\n") + "\n"
        return BrokenPolicy(name, text, says: findings)
    }

    /// A token bucket of 60 a minute, in lines 5 to 10; `lines` follow from line 11 on.
    static func bucket(_ name: String, _ lines: String..., says findings: String) -> Self {
        let numbers = ["algorithm: token_bucket", "limit: 60", "per: 60s"]
        let head = [
            "apiVersion: sluice/v1", "kind: PolicySet", "descriptors: {user: token.sub}",
            "rate_limits:", "  - name: a-limit", "    match: {action: [echo]}", "    key: [user]",
        ]
        let text = (head + (numbers + lines).map { "    " + $0 }).joined(separator: "\n") + "\n"
        return BrokenPolicy(name, text, says: findings)
    }

    /// A permit for `echo` with a condition, which begins at 8:13.
    static func when(_ name: String, _ condition: String, says findings: String) -> Self {
        let lines = [
            "apiVersion: sluice/v1", "kind: PolicySet", "permissions:", "  rules:", "    - name: p",
            "      effect: permit", "      action: [echo]", "      when: \(condition)",
        ]
        return BrokenPolicy(name, lines.joined(separator: "\n") + "\n", says: findings)
    }

    /// A set with one more part, in line 3.
    static func part(_ name: String, _ text: String, says findings: String) -> Self {
        BrokenPolicy(name, "apiVersion: sluice/v1\nkind: PolicySet\n\(text)\n", says: findings)
    }

    var testDescription: String { name }
}
