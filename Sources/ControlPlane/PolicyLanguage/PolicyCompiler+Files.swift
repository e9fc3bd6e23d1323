import Foundation
package import SluiceDocuments

extension PolicyCompiler {
    /// Most files a policy directory may hold.
    package static let maxFiles = 1_000
    /// Most bytes they may hold together.
    package static let maxBytes = 64 << 20

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
                var left = maxBytes
                for name in names where left >= 0 {
                    guard let file = readFile(path(directory, name), sink) else { continue }
                    left -= file.text.utf8.count
                    files.append(file)
                }
                if left < 0 {
                    sink.error(
                        "the policy files hold more than \(maxBytes) bytes together", at: place,
                        hint: "remove what is no policy")
                }
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
            // Opening a pipe would wait for whoever writes into it.
            guard try isFile(path) else {
                sink.error("this is no file", at: place, hint: "remove it, or rename it")
                return nil
            }
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

    /// Whether the path leads to a file, links followed; one that leads nowhere is for the reader.
    private static func isFile(_ path: String) throws -> Bool {
        let target = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        let type = try FileManager.default.attributesOfItem(atPath: target)[.type]
        return [.typeRegular, .typeSymbolicLink].contains(type as? FileAttributeType)
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
