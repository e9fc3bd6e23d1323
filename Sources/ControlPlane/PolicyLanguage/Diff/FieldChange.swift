/// One field of one rule, before and after a reload.
package struct FieldChange: Sendable, Hashable {
    /// The rule's name; for parts of the set `permissions.default`, `devices`, `logging` or `metadata`.
    package var rule: String
    /// As a policy writes it: `limit`, `overrides.free`, `principal.claims.tenant`.
    package var field: String
    /// The value before; nil when the field was not there.
    package var old: String?
    /// The value now; nil when the field is not there any more.
    package var new: String?

    package init(rule: String, field: String, old: String?, new: String?) {
        self.rule = rule
        self.field = field
        self.old = old
        self.new = new
    }

    /// One readable line: `limit: 60 -> 30`, `when: added`, `ban: removed`.
    package var text: String {
        switch (old, new) {
        case (let old?, let new?): "\(field): \(old) -> \(new)"
        case (nil, _): "\(field): added"
        case (_, nil): "\(field): removed"
        }
    }
}

/// Fields by name in the order in which a policy writes them, with their values as texts.
struct FieldList {
    private(set) var fields: [Field] = []

    struct Field {
        var name: String
        var value: String
        /// Nobody wrote it: it follows from other fields, and changes with them.
        var isImplied = false
    }

    /// Adds a field; one without a value is not there.
    mutating func add(_ name: String, _ value: String?, isImplied: Bool = false) {
        if let value { fields.append(Field(name: name, value: value, isImplied: isImplied)) }
    }

    /// What differs between two lists, in the order of the new one, then what is gone.
    static func changes(of rule: String, from old: Self, to new: Self) -> [FieldChange] {
        let before = Dictionary(
            old.fields.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let names = Set(new.fields.map(\.name))
        let changed = new.fields.filter { field in
            guard let other = before[field.name] else { return true }
            return other.value != field.value && !(other.isImplied && field.isImplied)
        }.map {
            FieldChange(rule: rule, field: $0.name, old: before[$0.name]?.value, new: $0.value)
        }
        let gone = old.fields.filter { !names.contains($0.name) }.map {
            FieldChange(rule: rule, field: $0.name, old: $0.value, new: nil)
        }
        return changed + gone
    }
}
