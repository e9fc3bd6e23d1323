import SluiceDocuments
import SluicePolicy

/// What came of all tests.
struct PolicyTestReport {
    let source: PolicySource
    /// By file, in the order of their names.
    let results: [(file: String, tests: [PolicyTestResult])]
    let coverage: CoverageReport?
    let minCoverage: Double?

    private var all: [PolicyTestResult] { results.flatMap(\.tests) }
    var failed: Int { all.count { !$0.isOK } }
    var passed: Int { all.count - failed }

    /// Whether the tests reach as much as was asked for.
    var isCoverageEnough: Bool {
        guard let coverage, let minCoverage else { return true }
        return coverage.reaches(percent: minCoverage)
    }

    var isOK: Bool { failed == 0 && isCoverageEnough }

    /// One line per test, more for those that failed, then a sum.
    func lines(_ style: OutputStyle, showsCoverage: Bool) -> [String] {
        var lines: [String] = []
        for (file, tests) in results {
            lines.append(file)
            for result in tests {
                let sign =
                    style.isTerminal
                    ? (result.isOK ? "✓ " : "✗ ") : (result.isOK ? "ok      " : "FAILED  ")
                lines.append("  " + sign + result.test.name)
                lines += failure(result).map { "    " + $0 }
            }
        }
        lines.append("")
        if let coverage, showsCoverage || !isCoverageEnough {
            lines += coverage.lines(style) + [""]
        }
        lines.append(sum)
        if let coverage, let minCoverage, !isCoverageEnough {
            let whole = Int(exactly: minCoverage).map { String($0) }
            lines.append(
                "coverage \(coverage.percent), wanted \(whole ?? String(minCoverage)) %")
        }
        return lines
    }

    private var sum: String {
        failed == 0
            ? "\(counted(passed, "test")) passed"
            : "\(failed) of \(counted(all.count, "test")) failed"
    }

    /// Each miss at its place, then why the first call that differed was decided as it was.
    private func failure(_ result: PolicyTestResult) -> [String] {
        guard let step = result.step else { return [] }
        var lines = result.misses.map {
            "\($0.position.text): step \(step): expected \($0.expected), found \($0.found)"
        }
        guard let trace = result.trace else { return lines }
        lines.append(
            result.calls > 1 ? "call \(result.call) of \(result.calls):" : "the call:")
        let text = TraceText(trace, permitsByDefault: source.model.permitsByDefault)
        return lines + text.lines.map { "  " + $0 }
    }
}
