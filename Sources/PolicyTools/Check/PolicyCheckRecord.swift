import SluiceDocuments
import SluicePolicy

/// A check as `sluice policy check --json` prints it.
struct PolicyCheckRecord: Encodable {
    private let ok: Bool
    private let configuration: String
    private let policies: String
    private var name: String?
    private var version: String?
    private var revision: String?
    /// Names of all rules, limits first.
    private var rules: [String] = []
    private var limits: [LimitRow] = []
    private var permissions: [PermissionRow] = []
    private let diagnostics: [DiagnosticRecord]

    init(_ source: PolicySource, configuration: String) {
        ok = true
        self.configuration = configuration
        policies = source.directory
        name = source.snapshot.name
        version = source.snapshot.version
        revision = source.snapshot.revision
        rules = source.snapshot.ruleNames
        limits = source.model.limits.map(LimitRow.init)
        permissions = source.model.permissions.map(PermissionRow.init)
        diagnostics = source.warnings.map(DiagnosticRecord.init)
    }

    init(wrong found: DiagnosticList, directory: String, configuration: String) {
        ok = false
        self.configuration = configuration
        policies = directory
        diagnostics = found.diagnostics.map(DiagnosticRecord.init)
    }
}
