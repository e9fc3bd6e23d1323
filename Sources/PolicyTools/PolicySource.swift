import SluiceDocuments
import SluicePolicy
import SluicePolicyLanguage
import SluiceVocabulary

/// The policy files of a directory, compiled: what every policy command begins with.
struct PolicySource: Sendable {
    /// As the user named it.
    let directory: String
    let compilation: PolicyCompilation

    var snapshot: PolicySnapshot { compilation.snapshot }
    var model: PolicyModel { compilation.snapshot.model }
    var warnings: [Diagnostic] { compilation.warnings }

    /// Reads and compiles a directory.
    ///
    /// - Parameter previous: what is in force, for what a reload would say.
    /// - Throws: every error of all files.
    init(
        directory: String, catalog: ActionCatalog, previous: PolicySnapshot? = nil
    ) throws(DiagnosticList) {
        self.directory = directory
        compilation = try PolicyCompiler.compile(
            files: try PolicyCompiler.read(directory: directory), catalog: catalog,
            previous: previous)
    }

    /// The same set with buckets that nobody has used, for one test.
    func fresh(previous: PolicySnapshot? = nil) -> PolicySnapshot {
        PolicySnapshot(
            model: model, revision: snapshot.revision, catalog: snapshot.catalog,
            previous: previous)
    }

    /// Names a call can be told: those of all rules, and `default`.
    var ruleNames: [String] { snapshot.ruleNames + ["default"] }

    /// `messaging 2026.11.1 (policies), revision 0123456789ab`.
    var title: String {
        let name = [snapshot.name, snapshot.version].filter { !$0.isEmpty }.joined(separator: " ")
        let shown = name.isEmpty ? directory : "\(name) (\(directory))"
        return "\(shown), revision \(snapshot.revision.prefix(12))"
    }
}
