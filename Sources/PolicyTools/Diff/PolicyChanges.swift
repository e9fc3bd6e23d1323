import Foundation
import SluicePolicy
import SluicePolicyLanguage

/// What a reload from one set to another would do, rule by rule.
struct PolicyChanges {
    var limits: [RuleChange] = []
    var permissions: [RuleChange] = []
    /// Name, version, default, devices and logging; the order of the rules.
    var set: [FieldChange]
    /// Limits by what becomes of their buckets.
    var buckets: [BucketFate: Int] = [:]

    var isEmpty: Bool { limits.isEmpty && permissions.isEmpty && set.isEmpty }

    init(from old: PolicySource, to new: PolicySource) {
        let diff = PolicyDiff(from: old.snapshot, to: new.snapshot)
        set = diff.details.filter(\.isOfSet)
        let fields = Dictionary(grouping: diff.details.filter { !$0.isOfSet }, by: \.rule)
        compareLimits(old.model.limits, new.model.limits, renamed: diff.renamed, fields)
        comparePermissions(old.model.permissions, new.model.permissions, fields)
    }

    private mutating func compareLimits(
        _ old: [LimitRule], _ new: [LimitRule], renamed: [String],
        _ fields: [String: [FieldChange]]
    ) {
        let before = Dictionary(old.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        var heirs: [String: String] = [:]
        for pair in renamed.map({ $0.components(separatedBy: " -> ") }) where pair.count == 2 {
            heirs[pair[1]] = pair[0]
        }
        for rule in new {
            guard let other = before[heirs[rule.name] ?? rule.name] else {
                add(RuleChange(.added, rule.name, buckets: .new))
                continue
            }
            let kind: RuleChange.Kind =
                other.name != rule.name ? .renamed : fields[rule.name] == nil ? .same : .changed
            add(
                RuleChange(
                    kind, rule.name, was: kind == .renamed ? other.name : nil,
                    fields: fields[rule.name] ?? [], buckets: BucketFate(from: other, to: rule)))
        }
        let names = Set(new.map(\.name)).union(heirs.values)
        for rule in old where !names.contains(rule.name) {
            add(RuleChange(.removed, rule.name, buckets: .forgotten))
        }
    }

    /// Counts a limit's buckets, and keeps what is a change.
    private mutating func add(_ change: RuleChange) {
        if let fate = change.buckets { buckets[fate, default: 0] += 1 }
        if change.kind != .same { limits.append(change) }
    }

    private mutating func comparePermissions(
        _ old: [PermissionRule], _ new: [PermissionRule], _ fields: [String: [FieldChange]]
    ) {
        let before = Set(old.map(\.name))
        for rule in new {
            if !before.contains(rule.name) {
                permissions.append(RuleChange(.added, rule.name))
            } else if let changes = fields[rule.name] {
                permissions.append(RuleChange(.changed, rule.name, fields: changes))
            }
        }
        let names = Set(new.map(\.name))
        permissions += old.filter { !names.contains($0.name) }.map {
            RuleChange(.removed, $0.name)
        }
    }
}

extension FieldChange {
    /// Whether it is a part of the set beside its rules. A rule may have the same name as a part;
    /// their fields are others.
    fileprivate var isOfSet: Bool {
        let fields: [String: Set<Substring>] = [
            "permissions.default": ["default"], "devices": ["rule", "on_conflict", "classes"],
            "logging": ["sample", "budget_per_second", "reserve_per_second"],
            "metadata": ["name", "version"], "rate_limits": ["order"],
            "permissions.rules": ["order"],
        ]
        return fields[rule]?.contains(field.prefix { $0 != "." }) ?? false
    }
}

/// One rule that a reload would change.
struct RuleChange: Equatable {
    enum Kind: String { case added, removed, renamed, changed, same }

    let kind: Kind
    let name: String
    /// The name before; set for `renamed` alone.
    let was: String?
    let fields: [FieldChange]
    /// Nil for permissions.
    let buckets: BucketFate?

    init(
        _ kind: Kind, _ name: String, was: String? = nil, fields: [FieldChange] = [],
        buckets: BucketFate? = nil
    ) {
        self.kind = kind
        self.name = name
        self.was = was
        self.fields = fields
        self.buckets = buckets
    }
}

/// What a reload does with the buckets of a limit. docs/policy.md, "Reload".
enum BucketFate: String, CaseIterable {
    /// As they are.
    case kept
    /// The used share stays, in other numbers.
    case converted
    /// Another key, unit or algorithm: they start anew.
    case restarted
    /// The limit is new.
    case new
    /// The limit is gone.
    case forgotten

    init(from old: LimitRule, to new: LimitRule) {
        if !new.inherits(from: old) {
            self = .restarted
        } else if old.numbers != new.numbers || old.overrides != new.overrides
            || old.calendar != new.calendar
        {
            self = .converted
        } else {
            self = .kept
        }
    }
}
