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

    @Test("a file far too large is refused without being read to its end")
    func huge() throws {
        try withDirectory(["a.yaml": Data()]) { directory in
            let handle = try #require(FileHandle(forWritingAtPath: directory + "/a.yaml"))
            // A hole: nothing is written to the disk.
            try handle.truncate(atOffset: 100 << 30)
            try handle.close()
            let files = try PolicyCompiler.read(directory: directory)
            #expect(files[0].text.utf8.count == DocumentLimits().maxBytes + 1)
        }
    }

    @Test("files that are too much together are refused before the last is read")
    func tooMuch() throws {
        let files = (0..<70).map { ("\($0).yaml", Data(repeating: 0x23, count: 1_000_000)) }
        try withDirectory(Dictionary(uniqueKeysWithValues: files)) {
            #expect(
                findings(reading: $0)
                    == "DIR: error: the policy files hold more than 67108864 bytes together; remove what is no policy"
            )
        }
    }

    @Test("what is no file is refused and not waited for; a link to a file is one")
    func noFile() throws {
        try withDirectory(["c.yaml/x": Data(), "real": Data("a".utf8)]) { directory in
            #expect(mkfifo(directory + "/b.yaml", 0o600) == 0)
            try FileManager.default.createSymbolicLink(
                atPath: directory + "/a.yaml", withDestinationPath: "real")
            #expect(
                findings(reading: directory)
                    == "DIR/b.yaml: error: this is no file; remove it, or rename it\n"
                    + "DIR/c.yaml: error: this is no file; remove it, or rename it")
        }
    }

    @Test("a link to nowhere is told")
    func deadLink() throws {
        try withDirectory(["c.yaml": Data()]) { directory in
            try FileManager.default.createSymbolicLink(
                atPath: directory + "/a.yaml", withDestinationPath: "gone")
            #expect(
                findings(reading: directory)
                    == "DIR/a.yaml: error: the file cannot be read: there is no such file or directory"
            )
        }
    }
}
