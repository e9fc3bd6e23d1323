package import SluiceDocuments
package import SluicePolicy
import SluicePolicyLanguage
import SluiceTelemetry
package import SluiceVocabulary

/// Reads, checks, compiles, diffs, publishes, reports. All or nothing: on any error the old set
/// stays in force on every loop.
///
/// Signals that arrive during a reload coalesce into one more reload after it.
package actor Reloader<Prepared: Sendable> {
    /// What the configuration side brings: the action catalog its commands make, and the rest that
    /// is published together with the policy.
    package struct Preparation: Sendable {
        package var catalog: ActionCatalog
        package var value: Prepared
        /// Changes with anything in `value`; equal means unchanged.
        package var fingerprint: String
        package var needsRestart: [String]
        /// What is doubtful in the configuration but no error.
        package var warnings: [Diagnostic]

        package init(
            catalog: ActionCatalog, value: Prepared, fingerprint: String, needsRestart: [String],
            warnings: [Diagnostic]
        ) {
            self.warnings = warnings
            self.catalog = catalog
            self.value = value
            self.fingerprint = fingerprint
            self.needsRestart = needsRestart
        }
    }

    private let directory: String
    private let clocks: any Clocks
    private let prepare: @Sendable () async throws(DiagnosticList) -> Preparation
    private let examine: @Sendable (PolicySnapshot) -> [String]
    private let publish: @Sendable (PolicySnapshot, Prepared) async -> Int64
    private let report: @Sendable (ReloadReport) -> Void
    private let begun: @Sendable () -> Void

    private var policy: PolicySnapshot
    private var fingerprint: String
    private var isRunning = false
    private var requested: UInt64 = 0

    /// The last reload; number 0 is the load at start.
    package private(set) var last: ReloadReport

    /// - Parameters:
    ///   - directory: where the policy files are.
    ///   - policy: what is in force now.
    ///   - fingerprint: of the configuration in force now.
    ///   - prepare: reads configuration, keys and command table again.
    ///   - examine: what is doubtful about a policy in this process, though no file is wrong.
    ///   - publish: puts a snapshot in force on every loop and returns when all have it, with the
    ///     longest time for which a loop stood still, in nanoseconds.
    ///   - begun: a reload starts (`RELOADING=1` for systemd).
    ///   - report: a reload ended.
    package init(
        directory: String, policy: PolicySnapshot, fingerprint: String, clocks: any Clocks,
        prepare: @escaping @Sendable () async throws(DiagnosticList) -> Preparation,
        examine: @escaping @Sendable (PolicySnapshot) -> [String] = { _ in [] },
        publish: @escaping @Sendable (PolicySnapshot, Prepared) async -> Int64,
        begun: @escaping @Sendable () -> Void,
        report: @escaping @Sendable (ReloadReport) -> Void
    ) {
        self.directory = directory
        self.policy = policy
        self.fingerprint = fingerprint
        self.clocks = clocks
        self.prepare = prepare
        self.examine = examine
        self.publish = publish
        self.begun = begun
        self.report = report
        last = ReloadReport(
            number: 0, covered: 0, result: .ok, oldRevision: "", newRevision: policy.revision)
    }

    /// Signals received so far.
    package var requests: UInt64 { requested }

    /// Reloads; joins a reload under way by making it run once more afterwards.
    package func reload() async {
        requested += 1
        guard !isRunning else { return }
        isRunning = true
        repeat { await run() } while last.covered < requested
        isRunning = false
    }

    private func run() async {
        begun()
        let covered = requested
        let start = clocks.monotonic()
        var next = ReloadReport(
            number: last.number + 1, covered: covered, result: .unchanged,
            oldRevision: policy.revision, newRevision: policy.revision)
        do throws(DiagnosticList) {
            let preparation = try await prepare()
            let files = try PolicyCompiler.read(directory: directory)
            let compiled = try PolicyCompiler.compile(
                files: files, catalog: preparation.catalog, previous: policy)
            next.needsRestart = preparation.needsRestart
            next.warnings = (preparation.warnings + compiled.warnings).map(\.text)
            next.warnings += examine(compiled.snapshot)
            let isSame = compiled.diff.isUnchanged && preparation.fingerprint == fingerprint
            if !isSame {
                next.longestPauseNanoseconds = await publish(
                    compiled.snapshot, preparation.value)
                // Every loop has let go of the old one: it is freed here, off the loops.
                policy = compiled.snapshot
                fingerprint = preparation.fingerprint
                next.result = .ok
                next.newRevision = compiled.snapshot.revision
                next.added = compiled.diff.added
                next.changed = compiled.diff.changed
                next.removed = compiled.diff.removed
                next.renamed = compiled.diff.renamed
                next.restarted = compiled.diff.restarted
            }
        } catch {
            next.result = .rejected
            next.errors = error.errors.map(\.text)
            next.warnings = error.warnings.map(\.text)
        }
        next.durationNanoseconds = clocks.monotonic().nanoseconds(since: start)
        last = next
        report(next)
    }

    /// The policy in force.
    package var current: PolicySnapshot { policy }
}
