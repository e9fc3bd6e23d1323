package import SluicePolicy

/// What a reload changes, by rule name, each list sorted.
///
/// `changed` also names parts of the set that are no rules: `permissions.default`, `devices`,
/// `logging`, `metadata`, and `rate_limits` and `permissions.rules` for the order of their rules.
package struct PolicyDiff: Sendable, Equatable {
    package var added: [String] = []
    package var changed: [String] = []
    package var removed: [String] = []
    /// `old -> new`: limits that keep their buckets under a new name.
    package var renamed: [String] = []
    /// Limits that were there before but count by another key, unit or algorithm now: their buckets
    /// start full.
    package var restarted: [String] = []
    /// What is different in each changed or renamed rule, and in the parts of the set; in the order
    /// of `rule`, under its new name, fields as a policy writes them.
    package var details: [FieldChange] = []
    /// The revision is the same. The catalog of actions may differ all the same.
    package var isUnchanged = false

    package init(from old: PolicySnapshot?, to new: PolicySnapshot) {
        isUnchanged = old?.revision == new.revision
        let oldModel = old?.model ?? PolicyModel()
        let heirs = compareLimits(oldModel, new.model)
        comparePermissions(oldModel, new.model)
        // Nothing of the first set is a change.
        if old != nil {
            compareParts(oldModel, new.model)
            compareOrder(oldModel, new.model, heirs)
        }
        for path in [\Self.added, \.changed, \.removed, \.renamed, \.restarted] {
            self[keyPath: path].sort()
        }
        // Stable, so that fields stay in their order.
        details = details.enumerated().sorted {
            ($0.element.rule, $0.offset) < ($1.element.rule, $1.offset)
        }.map(\.element)
    }

    /// Returns the new names of limits by their old ones.
    private mutating func compareLimits(
        _ old: PolicyModel, _ new: PolicyModel
    ) -> [String: String] {
        let before = Dictionary(
            old.limits.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let names = Set(new.limits.map(\.name))
        var heirs: [String: String] = [:]
        for rule in new.limits {
            if let other = before[rule.name] {
                if compare(other, rule) { changed.append(rule.name) }
                if !rule.inherits(from: other) { restarted.append(rule.name) }
            } else if let name = rule.was.first(where: {
                before[$0] != nil && !names.contains($0) && heirs[$0] == nil
            }),
                let other = before[name]
            {
                heirs[name] = rule.name
                renamed.append("\(name) -> \(rule.name)")
                _ = compare(other, rule)
                if !rule.inherits(from: other) { restarted.append(rule.name) }
            } else {
                added.append(rule.name)
            }
        }
        removed += old.limits.map(\.name).filter {
            !names.contains($0) && heirs[$0] == nil
        }
        return heirs
    }

    /// Whether the rules differ in more than their earlier names; notes in what.
    private mutating func compare(_ old: LimitRule, _ new: LimitRule) -> Bool {
        // What a rule was called once is no change of the rule.
        var old = old
        old.was = new.was
        if old == new { return false }
        return note(FieldList.changes(of: new.name, from: FieldList(old), to: FieldList(new)))
    }

    private mutating func comparePermissions(_ old: PolicyModel, _ new: PolicyModel) {
        let before = Dictionary(
            old.permissions.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        for rule in new.permissions {
            if let other = before[rule.name] {
                guard other != rule else { continue }
                let changes = FieldList.changes(
                    of: rule.name, from: FieldList(other), to: FieldList(rule))
                if note(changes) { changed.append(rule.name) }
            } else {
                added.append(rule.name)
            }
        }
        let names = Set(new.permissions.map(\.name))
        removed += old.permissions.map(\.name).filter { !names.contains($0) }
    }

    private mutating func compareParts(_ old: PolicyModel, _ new: PolicyModel) {
        let parts: [(name: String, old: FieldList, new: FieldList)] = [
            ("permissions.default", .defaultVerdict(of: old), .defaultVerdict(of: new)),
            ("devices", FieldList(old.devices), FieldList(new.devices)),
            ("logging", FieldList(old.logging), FieldList(new.logging)),
            ("metadata", .metadata(of: old), .metadata(of: new)),
        ]
        for part in parts {
            if note(FieldList.changes(of: part.name, from: part.old, to: part.new)) {
                changed.append(part.name)
            }
        }
    }

    /// Of equals the first decides, so that the order of rules that stay means something.
    private mutating func compareOrder(
        _ old: PolicyModel, _ new: PolicyModel, _ heirs: [String: String]
    ) {
        let orders = [
            FieldList.order(
                of: "rate_limits", from: old.limits.map { heirs[$0.name] ?? $0.name },
                to: new.limits.map(\.name)),
            FieldList.order(
                of: "permissions.rules", from: old.permissions.map(\.name),
                to: new.permissions.map(\.name)),
        ]
        for case let change? in orders {
            _ = note([change])
            changed.append(change.rule)
        }
    }

    /// Keeps changes; false when there are none.
    private mutating func note(_ changes: [FieldChange]) -> Bool {
        details += changes
        return !changes.isEmpty
    }
}
