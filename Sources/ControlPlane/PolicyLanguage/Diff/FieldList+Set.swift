import SluicePolicy

/// What the parts of a set beside its rules say.
extension FieldList {
    init(_ devices: DevicePolicy) {
        switch devices.rule {
        case .allowAll: add("rule", "allow_all")
        case .onePerClass: add("rule", "one_per_class")
        case .oneInAll: add("rule", "one_in_all")
        case .max(let count): add("rule", "{max: \(count)}")
        }
        add("on_conflict", devices.refusesNewer ? "refuse" : "replace")
        let classes = Dictionary(grouping: devices.classByPlatform.keys) {
            devices.classByPlatform[$0] ?? ""
        }
        for (name, platforms) in classes.sorted(by: { $0.key < $1.key }) {
            let items = platforms.sorted().map(Condition.constant)
            add("classes.\(name)", "[\(items.joined(separator: ", "))]")
        }
    }

    init(_ logging: PolicyLogging) {
        add("sample", Self.text(of: logging.sample))
        for action in logging.actions {
            add("sample.actions.\(action.pattern.text)", Self.text(of: action.sample))
        }
        add("budget_per_second", String(logging.budgetPerSecond))
        add("reserve_per_second", String(logging.reservePerSecond))
    }

    private static func text(of sample: PolicyLogging.Sample) -> String {
        "{ok: \(sample.ok), refused: \(sample.refused), error: \(sample.error)}"
    }

    static func metadata(of model: PolicyModel) -> Self {
        var list = Self()
        if !model.name.isEmpty { list.add("name", model.name) }
        if !model.version.isEmpty { list.add("version", model.version) }
        return list
    }

    static func defaultVerdict(of model: PolicyModel) -> Self {
        var list = Self()
        list.add("default", model.permitsByDefault ? "permit" : "deny")
        return list
    }

    /// The order of the rules that both sets have; nil when it is the same.
    ///
    /// - Parameters:
    ///   - part: `rate_limits` or `permissions.rules`.
    ///   - old: names in the old order, those of renamed rules as they are now.
    static func order(of part: String, from old: [String], to new: [String]) -> FieldChange? {
        let both = Set(old).intersection(new)
        var before = old.filter(both.contains)[...]
        var after = new.filter(both.contains)[...]
        while let first = before.first, first == after.first {
            before.removeFirst()
            after.removeFirst()
        }
        while let last = before.last, last == after.last {
            before.removeLast()
            after.removeLast()
        }
        if before.isEmpty { return nil }
        return FieldChange(rule: part, field: "order", old: text(of: before), new: text(of: after))
    }

    /// Rules named in a line, at most.
    private static let mostNames = 10

    private static func text(of names: ArraySlice<String>) -> String {
        let more = names.count > mostNames ? ", and \(names.count - mostNames) more" : ""
        return "[\(names.prefix(mostNames).joined(separator: ", "))\(more)]"
    }
}
