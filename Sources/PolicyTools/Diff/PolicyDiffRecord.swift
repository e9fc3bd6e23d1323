import SluicePolicy
import SluicePolicyLanguage

/// A comparison as `sluice policy diff --json` prints it.
struct PolicyDiffRecord: Encodable {
    private let differs: Bool
    private let old: PolicySourceRecord
    private let new: PolicySourceRecord
    private let limits: [Rule]
    private let permissions: [Rule]
    private let set: [Field]
    /// Limits by what becomes of their buckets.
    private let buckets: [String: Int]

    private struct Rule: Encodable {
        let change: String
        let name: String
        let was: String?
        let buckets: String?
        let fields: [Field]

        init(_ rule: RuleChange) {
            change = rule.kind.rawValue
            name = rule.name
            was = rule.was
            buckets = rule.buckets?.rawValue
            fields = rule.fields.map { Field($0) }
        }
    }

    private struct Field: Encodable {
        /// Of the set: which part of it.
        let part: String?
        let field: String
        let old: String?
        let new: String?

        init(_ change: FieldChange, isOfSet: Bool = false) {
            part = isOfSet ? change.rule : nil
            field = change.field
            old = change.old
            new = change.new
        }
    }

    init(_ old: PolicySource, _ new: PolicySource, _ changes: PolicyChanges) {
        differs = !changes.isEmpty
        self.old = PolicySourceRecord(old)
        self.new = PolicySourceRecord(new)
        limits = changes.limits.map(Rule.init)
        permissions = changes.permissions.map(Rule.init)
        set = changes.set.map { Field($0, isOfSet: true) }
        buckets = Dictionary(
            uniqueKeysWithValues: changes.buckets.map { ($0.key.rawValue, $0.value) })
    }
}

/// A policy set as `--json` names it.
struct PolicySourceRecord: Encodable {
    private let directory: String
    private let name: String
    private let version: String
    private let revision: String

    init(_ source: PolicySource) {
        directory = source.directory
        name = source.snapshot.name
        version = source.snapshot.version
        revision = source.snapshot.revision
    }
}
