import Foundation
import SluiceDocuments
import SluicePolicyTools
import Testing

/// The schema for editors says the same as the reader.
@Suite("the schema of tests")
struct PolicyTestSchemaTests {
    private let schema: JSONObject

    init() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let file = root.appending(path: "policies/tests/schema.json")
        schema = try JSONObject(try String(contentsOf: file, encoding: .utf8))
    }

    private func properties(_ path: any PathStep...) throws -> [String] {
        guard case .mapping(let entries) = schema.value(path + ["properties"])?.kind else {
            Issue.record("no properties at \(path)")
            return []
        }
        return entries.map(\.key).sorted()
    }

    @Test("every mapping has the keys that the reader knows, and no other")
    func keys() throws {
        let known = PolicyTestKeys()
        #expect(try properties() == known.file.sorted())
        #expect(try properties("$defs", "test") == known.test.sorted())
        #expect(try properties("$defs", "step") == known.step.sorted())
        #expect(try properties("$defs", "send") == known.send.sorted())
        #expect(try properties("$defs", "expect") == known.expect.sorted())
        #expect(try properties("$defs", "caller") == known.fixture.sorted())
    }

    @Test("the reader asks for exactly the keys it says it knows")
    func asked() throws {
        let known = PolicyTestKeys()
        for (keys, text) in [
            (known.file, "zzzzzzzzzzzzzzzz: 1\ntests: []\n"),
            (known.test, "tests: [{zzzzzzzzzzzzzzzz: 1}]\n"),
            (known.step, "tests: [{steps: [{zzzzzzzzzzzzzzzz: 1, send: {action: echo}}]}]\n"),
            (known.send, "tests: [{steps: [{send: {zzzzzzzzzzzzzzzz: 1}}]}]\n"),
            (
                known.expect,
                "tests: [{steps: [{send: {action: echo}, expect: {zzzzzzzzzzzzzzzz: 1}}]}]\n"
            ),
        ] {
            let folder = try PolicyFolder([
                "policies/chat.yaml": chat, "policies/tests/a_test.yaml": text,
            ])
            let complaint = try folder.test().complaints.first { $0.contains("zzzz") } ?? "none"
            let listed = complaint.split(separator: "`").enumerated().compactMap {
                $0.offset % 2 == 1 ? String($0.element) : nil
            }
            #expect(listed.dropFirst().sorted() == keys.sorted(), "\(complaint)")
        }
    }
}
