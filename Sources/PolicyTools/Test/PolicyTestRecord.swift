import SluiceDocuments

/// Results as `sluice policy test --json` prints them.
struct PolicyTestRecord: Encodable {
    private let ok: Bool
    private let policy: PolicySourceRecord
    private let passed: Int
    private let failed: Int
    private let tests: [Test]
    private let coverage: CoverageRecord?
    private let diagnostics: [DiagnosticRecord]

    private struct Test: Encodable {
        let file: String
        let line: Int
        let name: String
        let ok: Bool
        let failures: [Failure]
        /// Why the first call that differed was decided as it was.
        let trace: TraceRecord?
    }

    private struct Failure: Encodable {
        let file: String
        let line: Int
        let column: Int
        let step: Int
        /// Counted from 1 within the step.
        let call: Int
        let expected: String
        let found: String
    }

    init(_ report: PolicyTestReport, _ warnings: DiagnosticList) {
        ok = report.isOK
        policy = PolicySourceRecord(report.source)
        passed = report.passed
        failed = report.failed
        tests = report.results.flatMap { file, results in
            results.map { Self.test($0, file: file) }
        }
        coverage = report.coverage.map(CoverageRecord.init)
        diagnostics = warnings.diagnostics.map(DiagnosticRecord.init)
    }

    private static func test(_ result: PolicyTestResult, file: String) -> Test {
        let failures = result.misses.map { miss in
            Failure(
                file: miss.position.file, line: miss.position.line, column: miss.position.column,
                step: result.step ?? 0, call: miss.call + 1, expected: miss.expected,
                found: miss.found)
        }
        return Test(
            file: file, line: result.test.position.line, name: result.test.name, ok: result.isOK,
            failures: failures, trace: result.trace.map(TraceRecord.init))
    }
}
