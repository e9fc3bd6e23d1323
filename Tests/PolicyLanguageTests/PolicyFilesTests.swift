import Foundation
import SluiceDocuments
import SluicePolicyLanguage
import Testing

@Suite("Policy files")
struct PolicyFilesTests {
    /// Runs a block with a directory of its own holding the given files.
    private func withDirectory(_ files: [String: Data], _ body: (String) throws -> Void) throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: url) }
        for (name, content) in files {
            let file = url.appendingPathComponent(name)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try content.write(to: file)
        }
        try body(url.path)
    }

    private func findings(reading directory: String) -> String {
        do throws(DiagnosticList) {
            return try PolicyCompiler.read(directory: directory).map(\.name).joined(separator: "\n")
        } catch {
            return error.text.replacing(directory, with: "DIR")
        }
    }

    @Test("reads every *.yaml, sorted, and nothing else")
    func reads() throws {
        let files = [
            "b.yaml": "b", "a.yaml": "a", "README.md": "", ".hidden.yaml": "h",
            "tests/t_test.yaml": "t",
        ]
        try withDirectory(files.mapValues { Data($0.utf8) }) { directory in
            let read = try PolicyCompiler.read(directory: directory)
            #expect(read.map(\.name) == [directory + "/a.yaml", directory + "/b.yaml"])
            #expect(read.map(\.text) == ["a", "b"])
        }
    }

    @Test("says so when there is no directory, no file, or one with another ending")
    func missing() throws {
        #expect(
            findings(reading: "/no/such/place")
                == "DIR: error: the policy directory cannot be read: there is no such file or directory"
        )
        try withDirectory([:]) {
            #expect(findings(reading: $0) == "DIR: error: no `*.yaml` file in this directory")
        }
        try withDirectory(["a.yaml": Data(), "b.yml": Data()]) {
            #expect(
                findings(reading: $0) == "DIR/b.yml: error: files must end in `.yaml`; rename it")
        }
    }

    @Test("refuses what is not UTF-8 or too large, and tells all of it")
    func unreadable() throws {
        let bad = Data("a: 1\nb: ".utf8) + Data([0xFF, 0x0A])
        try withDirectory(["a.yaml": bad, "b.yaml": bad]) {
            #expect(
                findings(reading: $0)
                    == "DIR/a.yaml:2:4: error: the file is not UTF-8; save it as UTF-8\n"
                    + "DIR/b.yaml:2:4: error: the file is not UTF-8; save it as UTF-8")
        }
        try withDirectory(["a.yaml": Data(repeating: 0x20, count: 2_000_000)]) { directory in
            let files = try PolicyCompiler.read(directory: directory)
            let found = #expect(throws: DiagnosticList.self) {
                _ = try PolicyCompiler.compile(files: files, catalog: catalog, previous: nil)
            }
            #expect(
                found?.text.replacing(directory, with: "DIR")
                    == "DIR/a.yaml:1:1: error: the file is larger than 1048576 bytes; split it")
        }
    }

    @Test("every example of the page about the language compiles without a warning")
    func page() throws {
        let here = URL(fileURLWithPath: #filePath)
        let root = here.deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let page = try String(
            contentsOf: root.appendingPathComponent("policies/README.md"), encoding: .utf8)
        let examples = page.components(separatedBy: "```yaml\n").dropFirst().map {
            $0.components(separatedBy: "```")[0]
        }
        #expect(!examples.isEmpty)
        for example in examples {
            let compiled = try PolicyCompiler.compile(
                files: [(name: "README.md", text: example)], catalog: catalog, previous: nil)
            #expect(compiled.warnings.map(\.text) == [])
        }
    }
}
