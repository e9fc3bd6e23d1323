package import SluicePolicy

/// What a reload changes, by rule name, each list sorted.
package struct PolicyDiff: Sendable, Equatable {
    package var added: [String] = []
    package var changed: [String] = []
    package var removed: [String] = []
    /// `old -> new`: limits that keep their buckets under a new name.
    package var renamed: [String] = []
    /// Limits that were there before but count by another key or unit now: their buckets start full.
    package var restarted: [String] = []
    /// The revision is the same. The catalog of actions may differ all the same.
    package var isUnchanged = false

    package init(from old: PolicySnapshot?, to new: PolicySnapshot) {
        let oldModel = old?.model ?? PolicyModel()
        isUnchanged = old?.revision == new.revision
        let oldLimits = Dictionary(
            oldModel.limits.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let newNames = Set(new.model.limits.map(\.name))
        var inherited: Set<String> = []
        for rule in new.model.limits {
            if let before = oldLimits[rule.name] {
                var before = before
                before.was = rule.was
                if before != rule { changed.append(rule.name) }
                if !rule.inherits(from: before) { restarted.append(rule.name) }
            } else if let name = rule.was.first(where: {
                oldLimits[$0] != nil && !newNames.contains($0)
            }),
                let before = oldLimits[name]
            {
                inherited.insert(name)
                renamed.append("\(name) -> \(rule.name)")
                if !rule.inherits(from: before) { restarted.append(rule.name) }
            } else {
                added.append(rule.name)
            }
        }
        removed = oldModel.limits.map(\.name).filter {
            !newNames.contains($0) && !inherited.contains($0)
        }
        comparePermissions(oldModel, new.model)
        for path in [\Self.added, \.changed, \.removed, \.renamed, \.restarted] {
            self[keyPath: path].sort()
        }
    }

    private mutating func comparePermissions(_ old: PolicyModel, _ new: PolicyModel) {
        let before = Dictionary(
            old.permissions.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        for rule in new.permissions {
            if let other = before[rule.name] {
                if other != rule { changed.append(rule.name) }
            } else {
                added.append(rule.name)
            }
        }
        let names = Set(new.permissions.map(\.name))
        removed += old.permissions.map(\.name).filter { !names.contains($0) }
    }
}
