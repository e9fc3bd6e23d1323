import SluiceDocuments
import SluicePolicy
import SluiceVocabulary

/// Reads the files of one policy set into a model. Goes on after an error, to find all of them.
final class PolicyReader {
    let catalog: ActionCatalog
    let sink: DiagnosticSink
    var descriptors: [String: Descriptor] = [:]
    var limits: [Located<LimitRule>] = []
    var permissions: [Located<PermissionRule>] = []
    private var model = PolicyModel()
    private var firstSeen: [String: SourcePosition] = [:]

    /// A rule and where its name stands.
    struct Located<Rule> {
        let rule: Rule
        let position: SourcePosition
    }

    /// A named value taken from the call.
    struct Descriptor {
        let source: KeySource
        let position: SourcePosition
        var isUsed = false
    }

    /// Most rules a policy set may hold, limits and permissions together.
    static let maxRules = 20_000
    /// Most limits that may match one action.
    static let maxLimitsPerAction = 64

    init(catalog: ActionCatalog, sink: DiagnosticSink) {
        self.catalog = catalog
        self.sink = sink
    }

    /// The model of all files, or nil when one of them is not even YAML.
    func read(_ files: [(name: String, text: String)]) -> PolicyModel? {
        let roots = files.map { file in
            Document.parse(file.text, file: file.name, into: sink)?.mapping(sink)
        }
        let mappings = roots.compactMap(\.self)
        for root in mappings { readHead(root) }
        for root in mappings { readRules(root) }
        for root in mappings { root.finish() }
        if mappings.count < roots.count { return nil }
        checkSet()
        model.limits = limits.map(\.rule)
        model.permissions = permissions.map(\.rule)
        return model
    }

    /// What must be known before any rule is read.
    private func readHead(_ root: DocumentMapping) {
        _ = root.required("apiVersion")?.choice(sink, of: ["sluice/v1": true])
        _ = root.required("kind")?.choice(sink, of: ["PolicySet": true])
        if let value = root.optional("metadata"),
            isFirst("metadata", at: root.keyPosition("metadata")),
            let metadata = value.mapping(sink)
        {
            let text = {
                metadata.optional($0)?.nonEmptyString(self.sink, maxCharacters: 128) ?? ""
            }
            model.name = text("name")
            model.version = text("version")
            metadata.finish()
        }
        if let descriptors = root.optional("descriptors")?.mapping(sink) {
            readDescriptors(descriptors)
        }
    }

    private func readRules(_ root: DocumentMapping) {
        for value in root.optional("rate_limits")?.list(sink) ?? [] { readLimit(value) }
        if let permissions = root.optional("permissions")?.mapping(sink) {
            readPermissions(permissions)
        }
        if let value = root.optional("logging"),
            isFirst("logging", at: root.keyPosition("logging")),
            let logging = value.mapping(sink)
        {
            readLogging(logging)
        }
        notSupported("devices", in: root, hint: "leave it out: any number of devices is allowed")
    }

    private func readPermissions(_ permissions: DocumentMapping) {
        if let value = permissions.optional("default"),
            isFirst("permissions.default", at: permissions.keyPosition("default")),
            let verdict = value.choice(sink, of: ["deny": false, "permit": true])
        {
            model.permitsByDefault = verdict
        }
        for value in permissions.optional("rules")?.list(sink) ?? [] { readPermission(value) }
        permissions.finish()
    }

    private func readLogging(_ logging: DocumentMapping) {
        if let budget = logging.optional("budget_per_second")?.integer(sink, in: 1...1_000_000) {
            model.logging.budgetPerSecond = Int(budget)
        }
        if let reserve = logging.optional("reserve_per_second")?.integer(sink, in: 1...1_000_000) {
            model.logging.reservePerSecond = Int(reserve)
        }
        notSupported("sample", in: logging, hint: "leave it out: the budget alone decides")
        logging.finish()
    }

    /// Reports a key of the language that this version cannot obey yet. Ignoring it would be worse.
    func notSupported(_ key: String, in mapping: DocumentMapping, hint: String = "leave it out") {
        mapping.accept(key)
        guard mapping.contains(key) else { return }
        sink.error(
            "`\(key)` is not supported in this version", at: mapping.keyPosition(key), hint: hint)
    }

    /// False, with an error, when an earlier file gave the same part of the set.
    private func isFirst(_ part: String, at position: SourcePosition) -> Bool {
        if let first = firstSeen[part] {
            sink.error(
                "`\(part)` is already given at \(first.text)", at: position,
                hint: "keep one of them")
            return false
        }
        firstSeen[part] = position
        return true
    }
}
