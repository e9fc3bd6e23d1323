package import SluiceDocuments
package import SluicePolicy
package import SluiceVocabulary

/// A policy set that may be published.
package struct PolicyCompilation: Sendable {
    package let snapshot: PolicySnapshot
    /// Against the snapshot that was in force.
    package let diff: PolicyDiff
    /// What works but is hardly meant.
    package let warnings: [Diagnostic]
}

/// From policy files to a snapshot: everything is checked, or nothing changes.
package enum PolicyCompiler {
    /// Compiles all files into one policy set.
    ///
    /// - Parameters:
    ///   - files: names as errors shall show them, and texts. Their order means nothing.
    ///   - catalog: actions the policy may name; publish it together with the snapshot.
    ///   - previous: the snapshot in force; rules of the same name and key take over its buckets. It
    ///     is not changed, so a compilation that is never published does no harm.
    /// - Throws: every error found, with file, line and column.
    package static func compile(
        files: [(name: String, text: String)], catalog: ActionCatalog, previous: PolicySnapshot?
    ) throws(DiagnosticList) -> PolicyCompilation {
        let sink = DiagnosticSink()
        let reader = PolicyReader(catalog: catalog, sink: sink)
        let model = reader.read(files.sorted { $0.name < $1.name })
        let found = sink.list
        guard !found.hasErrors, let model else { throw found }
        let snapshot = PolicySnapshot(
            model: model, revision: PolicyNormalForm.revision(of: model), catalog: catalog,
            previous: previous)
        return PolicyCompilation(
            snapshot: snapshot, diff: PolicyDiff(from: previous, to: snapshot),
            warnings: found.warnings)
    }
}
