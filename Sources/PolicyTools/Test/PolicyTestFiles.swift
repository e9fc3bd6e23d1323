import Foundation
import SluiceDocuments

/// Finds and reads the files of tests of a policy directory: `DIR/tests/*_test.yaml`.
enum PolicyTestFiles {
    /// Texts by name, sorted by name; what is wrong goes to the sink.
    static func read(
        of directory: String, _ sink: DiagnosticSink
    ) -> [(name: String, text: String)] {
        let folder = (directory.hasSuffix("/") ? directory : directory + "/") + "tests"
        let place = SourcePosition(file: folder)
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        } catch {
            let isAbsent = !FileManager.default.fileExists(atPath: folder)
            sink.error(
                isAbsent ? "there are no tests" : "the tests cannot be read", at: place,
                hint: isAbsent ? "write them to \(folder)/NAME_test.yaml" : nil)
            return []
        }
        let visible = names.filter { !$0.hasPrefix(".") }
        for name in visible where isStray(name) {
            sink.warning(
                "not read: the name of a file of tests ends in `_test.yaml`",
                at: SourcePosition(file: folder + "/" + name), hint: "rename it")
        }
        let found = visible.filter { $0.hasSuffix("_test.yaml") }
        if found.isEmpty {
            sink.error(
                "no `*_test.yaml` file in this directory", at: place,
                hint: "write tests to \(folder)/NAME_test.yaml")
        }
        return found.compactMap { name in
            readText(folder + "/" + name, sink).map { (folder + "/" + name, $0) }
        }
    }

    private static func isStray(_ name: String) -> Bool {
        name.hasSuffix(".yml") || name.hasSuffix(".yaml") && !name.hasSuffix("_test.yaml")
    }

    /// The text of a file of at most so many bytes as a document may have.
    static func readText(_ path: String, _ sink: DiagnosticSink) -> String? {
        let place = SourcePosition(file: path)
        let limit = DocumentLimits().maxBytes
        do {
            let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            defer { try? handle.close() }
            let bytes = try handle.read(upToCount: limit + 1) ?? Data()
            if bytes.count > limit {
                sink.error("the file is larger than \(limit) bytes", at: place, hint: "split it")
                return nil
            }
            if let text = String(validating: bytes, as: UTF8.self) { return text }
            sink.error("the file is not UTF-8", at: place, hint: "save it as UTF-8")
        } catch {
            let isAbsent = !FileManager.default.fileExists(atPath: path)
            sink.error(
                isAbsent ? "there is no such file" : "the file cannot be read", at: place)
        }
        return nil
    }
}
