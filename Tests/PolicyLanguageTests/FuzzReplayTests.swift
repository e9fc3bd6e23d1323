import Foundation
import SluiceDocuments
import SluicePolicy
import SluicePolicyLanguage
import SluiceVocabulary
import Testing

@Suite("What the fuzzer of policy files found, and what it begins with")
struct FuzzReplayTests {
    private static let files: [URL] = {
        let fuzz = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appending(path: "../../Fuzz").standardized
        return ["FailCases/policy", "Seeds/policy"].flatMap { folder in
            let path = fuzz.appending(path: folder)
            let names = (try? FileManager.default.contentsOfDirectory(atPath: path.path)) ?? []
            return names.filter { $0 != "README" }.sorted().map { path.appending(path: $0) }
        }
    }()

    @Test("is read twice alike, or refused with reasons and places")
    func replay() throws {
        #expect(Self.files.count > 20)
        for file in Self.files {
            let name = file.lastPathComponent
            let bytes = try [UInt8](Data(contentsOf: file))
            guard let text = String(validating: bytes, as: UTF8.self) else {
                let sink = DiagnosticSink()
                #expect(Document.parse(bytes, file: name, into: sink) == nil)
                #expect(sink.list.hasErrors)
                continue
            }
            let texts = text.components(separatedBy: "\n=====\n")
            do throws(DiagnosticList) {
                let first = try compileFiles(texts)
                let again = try compileFiles(texts, previous: first.snapshot)
                #expect(again.diff.isUnchanged && again.diff.details.isEmpty, "\(name)")
                #expect(again.warnings == first.warnings, "\(name)")
            } catch {
                #expect(error.hasErrors, "\(name)")
                #expect(error.diagnostics.allSatisfy { $0.position.line > 0 }, "\(name)")
            }
        }
    }

    @Test("seeds that are named after a part of the language are read")
    func seeds() throws {
        let refused = Self.files.filter { file in
            guard let text = try? String(contentsOf: file, encoding: .utf8) else { return true }
            return (try? compileFiles(text.components(separatedBy: "\n=====\n"))) == nil
        }
        #expect(
            refused.map(\.lastPathComponent).filter { !$0.hasPrefix("crash") } == [
                "anchors", "block-text", "documents", "nested", "tags", "wrong-condition",
                "wrong-words",
            ])
    }
}
