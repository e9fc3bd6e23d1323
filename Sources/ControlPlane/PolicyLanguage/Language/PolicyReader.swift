import SluiceDocuments
import SluicePolicy
import SluiceVocabulary

/// Reads the files of one policy set into a model. Goes on after an error, to find all of them.
final class PolicyReader {
    let catalog: ActionCatalog
    let sink: DiagnosticSink
    let actionFinder: ActionFinder
    var descriptors: [String: Descriptor] = [:]
    var limits: [Located<LimitRule>] = []
    var permissions: [Located<PermissionRule>] = []
    var model = PolicyModel()
    private var firstSeen: [String: SourcePosition] = [:]
    private var hintsLeft = PolicyReader.maxHintCandidates

    /// A rule and where its name stands.
    struct Located<Rule> {
        let rule: Rule
        let position: SourcePosition
    }

    /// A named value taken from the call.
    struct Descriptor {
        /// Nil when what it names is wrong, which was reported.
        let fact: Condition.Fact?
        let position: SourcePosition
        var isUsed = false
    }

    /// Most rules a policy set may hold, limits and permissions together.
    static let maxRules = 20_000
    /// Most limits that may match one action.
    static let maxLimitsPerAction = 64
    /// Conditions may nest 16 deep, each in a list of its own.
    private static let documentLimits = DocumentLimits(maxDepth: 48)
    /// Words that may be compared in search of hints: a file of nothing but mistakes ends too.
    private static let maxHintCandidates = 50_000

    init(catalog: ActionCatalog, sink: DiagnosticSink) {
        self.catalog = catalog
        self.sink = sink
        actionFinder = ActionFinder(catalog)
    }

    /// The model of all files, or nil when one of them is not even YAML.
    func read(_ files: [(name: String, text: String)]) -> PolicyModel? {
        let roots = files.map { file in
            Document.parse(
                file.text, file: file.name, limits: Self.documentLimits, into: sink)?.mapping(sink)
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
        if let value = root.optional("devices"), isFirst("devices", at: root.keyPosition("devices"))
        {
            readDevices(value)
        }
        if let value = root.optional("logging"), isFirst("logging", at: root.keyPosition("logging"))
        {
            readLogging(value)
        }
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

    /// A hint that names the nearest candidate, or lists all when they are few; nil as well when
    /// enough hints were looked for.
    func hint(for word: String, among candidates: [String]) -> String? {
        hintsLeft -= candidates.count
        return hintsLeft > 0 ? suggestion(for: word, among: candidates) : nil
    }

    /// A hint that names the nearest candidate if there is one; nil as well when enough hints were
    /// looked for.
    func nearestHint(for word: String, among candidates: [String]) -> String? {
        hintsLeft -= candidates.count
        guard hintsLeft > 0 else { return nil }
        return nearest(to: word, among: candidates).map { "did you mean `\($0)`?" }
    }
}
