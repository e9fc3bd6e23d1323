import SluiceDocuments
import SluicePolicy
import SluiceVocabulary

/// Reads the files of tests. Goes on after an error, to find all of them.
final class PolicyTestReader {
    let source: PolicySource
    let catalog: ActionCatalog
    let sink: DiagnosticSink
    /// Fixtures of the file being read; nil behind a name = wrong, and told already.
    var fixtures: [String: Caller?] = [:]
    /// The file being read.
    var file = ""
    /// Sets that the test being read has in force one after another.
    var sets: [PolicySource] = []
    private var reloads: [String: PolicySource?] = [:]

    static let fileKeys = ["now", "fixtures", "tests"]
    static let testKeys = ["name", "now", "steps"]
    static let maxTests = 10_000
    static let maxSteps = 1_000

    init(source: PolicySource, sink: DiagnosticSink) {
        self.source = source
        catalog = source.snapshot.catalog
        self.sink = sink
    }

    /// One file's tests, as far as they can be read.
    func read(_ text: String, file: String) -> PolicyTestFile {
        self.file = file
        fixtures = [:]
        guard let root = Document.parse(text, file: file, into: sink)?.mapping(sink) else {
            return PolicyTestFile(name: file, tests: [])
        }
        let start = root.optional("now")?.wallTime(sink) ?? .testStart
        readFixtures(root)
        var tests: [PolicyTest] = []
        if let items = root.required("tests")?.list(sink) {
            if items.isEmpty { sink.error("no test", at: root.keyPosition("tests")) }
            if items.count > Self.maxTests {
                sink.error(
                    "more than \(Self.maxTests) tests", at: root.keyPosition("tests"),
                    hint: "split the file")
            }
            tests = items.prefix(Self.maxTests).compactMap { readTest($0, start: start) }
        }
        root.finish()
        checkNames(tests)
        return PolicyTestFile(name: file, tests: tests)
    }

    private func readFixtures(_ root: DocumentMapping) {
        guard let mapping = root.optional("fixtures")?.mapping(sink) else { return }
        let reader = CallerReader(claimsUsed: source.snapshot.claimsUsed, sink: sink)
        for entry in mapping.entries {
            fixtures[entry.key] = .some(mapping.optional(entry.key).flatMap { reader.read($0) })
        }
    }

    private func readTest(_ value: DocumentValue, start: WallTime) -> PolicyTest? {
        guard let mapping = value.mapping(sink) else { return nil }
        sets = [source]
        let name = mapping.required("name")?.nonEmptyString(sink, maxCharacters: 200)
        let own = mapping.optional("now")?.wallTime(sink)
        var steps: [PolicyTestStep] = []
        if let items = mapping.required("steps")?.list(sink) {
            if items.count > Self.maxSteps {
                sink.error(
                    "more than \(Self.maxSteps) steps", at: mapping.keyPosition("steps"),
                    hint: "make two tests of it")
            }
            var clock: Int64 = 0
            for (offset, item) in items.prefix(Self.maxSteps).enumerated() {
                guard let step = readStep(item, number: offset + 1, clock: &clock) else { continue }
                steps.append(step)
            }
            // With an error in a step, what it expects is not known.
            if steps.count == items.count, steps.allSatisfy(\.expectations.isEmpty) {
                sink.error(
                    "the test expects nothing", at: mapping.position,
                    hint: "give a step `expect`, as in `expect: {allowed: 1}`")
            }
        }
        mapping.finish()
        guard let name else { return nil }
        return PolicyTest(
            name: name, position: mapping.position, start: own ?? start, steps: steps)
    }

    /// A name that a report shows twice would say nothing.
    private func checkNames(_ tests: [PolicyTest]) {
        var seen: [String: SourcePosition] = [:]
        for test in tests {
            if let first = seen[test.name] {
                sink.error(
                    "a test of this name is at line \(first.line) already", at: test.position,
                    hint: "say what is different")
            }
            seen[test.name] = seen[test.name] ?? test.position
        }
    }

    /// The set of a directory that a step names, relative to the file's own.
    func reloadSource(_ value: DocumentValue) -> PolicySource? {
        guard let name = value.nonEmptyString(sink) else { return nil }
        let folder = file.lastIndex(of: "/").map { String(file[...$0]) } ?? ""
        let path = name.hasPrefix("/") ? name : folder + name
        if let known = reloads[path] { return known }
        do throws(DiagnosticList) {
            let loaded = try PolicySource(directory: path, catalog: catalog)
            reloads[path] = loaded
            return loaded
        } catch {
            // Nil: told once, however often it is named.
            reloads[path] = .some(nil)
            for diagnostic in error.diagnostics { sink.add(diagnostic) }
            sink.error(
                "the policy `\(name)` cannot be loaded", at: value.position,
                hint: "see its errors; the path is relative to this file")
            return nil
        }
    }
}
