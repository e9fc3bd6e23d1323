import SluiceDocuments
package import SluiceVocabulary

/// `sluice policy test`: runs the tests of a policy directory on a virtual clock.
package struct PolicyTestTool: Sendable {
    package var directory: String
    /// Runs the tests whose names hold this text alone, upper and lower case alike.
    package var filter: String?
    /// Also tells what no test reaches.
    package var showsCoverage: Bool
    /// Per cent that the tests must reach, 0...100; nil = nothing is asked.
    package var minCoverage: Double?
    package var style: OutputStyle

    package init(
        directory: String, filter: String? = nil, showsCoverage: Bool = false,
        minCoverage: Double? = nil, style: OutputStyle
    ) {
        self.directory = directory
        self.filter = filter
        self.showsCoverage = showsCoverage
        self.minCoverage = minCoverage
        self.style = style
    }

    /// Runs them. Exit code 0 when all came out as expected, 1 when one did not or too little was
    /// reached, 64 when files are wrong.
    package func run(catalog: ActionCatalog) throws -> ToolResult {
        let source: PolicySource
        do throws(DiagnosticList) {
            source = try PolicySource(directory: directory, catalog: catalog)
        } catch {
            return try style.wrong(error)
        }
        let sink = DiagnosticSink()
        let reader = PolicyTestReader(source: source, sink: sink)
        var files = PolicyTestFiles.read(of: directory, sink).map {
            reader.read($0.text, file: $0.name)
        }
        if !sink.hasErrors { files = chosen(files, sink) }
        let found = sink.list
        if found.hasErrors { return try style.wrong(found) }
        let count = showsCoverage || minCoverage != nil ? CoverageCount() : nil
        let run = PolicyTestRun(source: source, coverage: count)
        let results = files.map { file in (file.name, file.tests.map(run.run)) }
        let report = PolicyTestReport(
            source: source, results: results,
            coverage: count.map { CoverageReport(source.model, $0) }, minCoverage: minCoverage)
        let warnings = DiagnosticList(source.warnings + found.warnings)
        return ToolResult(
            output: try style.isJSON
                ? jsonText(PolicyTestRecord(report, warnings))
                : report.lines(style, showsCoverage: showsCoverage).joined(separator: "\n"),
            complaints: style.isJSON ? [] : warnings.diagnostics.map(\.text),
            exitCode: report.isOK ? 0 : 1)
    }

    /// The tests whose names fit the filter.
    private func chosen(_ files: [PolicyTestFile], _ sink: DiagnosticSink) -> [PolicyTestFile] {
        guard let filter else { return files }
        let wanted = filter.lowercased()
        let fitting = files.map { file in
            PolicyTestFile(
                name: file.name,
                tests: file.tests.filter { $0.name.lowercased().contains(wanted) })
        }.filter { !$0.tests.isEmpty }
        if fitting.isEmpty {
            sink.error(
                "the name of no test holds `\(filter)`", at: SourcePosition(file: "--filter"),
                hint: suggestion(for: filter, among: files.flatMap { $0.tests.map(\.name) }))
        }
        return fitting
    }
}
