import Foundation
package import SluiceDocuments

extension PolicyCompiler {
    /// Most files a policy directory may hold.
    package static let maxFiles = 1_000

    /// Reads `*.yaml` of a directory, not those of directories within it, sorted by name.
    ///
    /// - Throws: every file that cannot be read; or that there is none.
    package static func read(
        directory: String
    ) throws(DiagnosticList) -> [(name: String, text: String)] {
        let sink = DiagnosticSink()
        let place = SourcePosition(file: directory)
        var files: [(name: String, text: String)] = []
        do {
            let all = try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
            let visible = all.filter { !$0.hasPrefix(".") }
            for name in visible where name.hasSuffix(".yml") {
                sink.error(
                    "files must end in `.yaml`",
                    at: SourcePosition(file: path(directory, name)), hint: "rename it")
            }
            let names = visible.filter { $0.hasSuffix(".yaml") }
            if names.isEmpty {
                sink.error("no `*.yaml` file in this directory", at: place)
            } else if names.count > maxFiles {
                sink.error("more than \(maxFiles) policy files", at: place, hint: "join some")
            } else {
                files = names.compactMap { readFile(path(directory, $0), sink) }
            }
        } catch {
            sink.error("the policy directory cannot be read: \(reason(error))", at: place)
        }
        let found = sink.list
        if found.hasErrors { throw found }
        return files
    }

    private static func readFile(_ path: String, _ sink: DiagnosticSink) -> (
        name: String, text: String
    )? {
        let place = SourcePosition(file: path)
        do {
            let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            defer { try? handle.close() }
            let limit = DocumentLimits().maxBytes
            // One byte more than allowed: the parser then says that the file is too large.
            let bytes = try handle.read(upToCount: limit + 1) ?? Data()
            if bytes.count > limit { return (path, String(repeating: " ", count: bytes.count)) }
            if let text = String(validating: bytes, as: UTF8.self) { return (path, text) }
            _ = Document.parse([UInt8](bytes), file: path, into: sink)
        } catch {
            sink.error("the file cannot be read: \(reason(error))", at: place)
        }
        return nil
    }

    private static func path(_ directory: String, _ name: String) -> String {
        directory.hasSuffix("/") ? directory + name : directory + "/" + name
    }

    private static func reason(_ error: any Error) -> String {
        switch (error as? CocoaError)?.code {
        case .fileReadNoSuchFile?, .fileNoSuchFile?: "there is no such file or directory"
        case .fileReadNoPermission?: "no permission"
        default: (error as NSError).localizedDescription
        }
    }
}
