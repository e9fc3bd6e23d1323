import SluiceDocuments
import Testing

@Suite("Mappings")
struct DocumentMappingTests {
    private func findings(_ text: String, _ body: (DocumentMapping, DiagnosticSink) -> Void)
        -> [String]
    {
        let sink = DiagnosticSink()
        if let mapping = Document.parse(text, file: "f", into: sink)?.mapping(sink) {
            body(mapping, sink)
        }
        return sink.list.diagnostics.map(\.text)
    }

    @Test("a key nobody asked for is an error with the nearest key as hint")
    func unknown() {
        let all = findings("limit: 1\nburts: 2\ncolour: 3\n") { mapping, sink in
            #expect(mapping.required("limit")?.integer(sink) == 1)
            _ = mapping.optional("burst")
            _ = mapping.optional("per")
            mapping.finish()
        }
        #expect(
            all == [
                "f:2:1: error: unknown key `burts`; did you mean `burst`?",
                "f:3:1: error: unknown key `colour`; known: `limit`, `burst`, `per`",
            ])
    }

    @Test("a missing key is told where its mapping begins, an empty one at the key")
    func missing() {
        let all = findings("a:\nb: {}\nc:\n") { mapping, sink in
            _ = mapping.required("a")
            _ = mapping.required("b")?.mapping(sink)?.required("x")
            _ = mapping.optional("c")
            _ = mapping.optional("d")
            _ = mapping.required("e")
            mapping.finish()
        }
        #expect(
            all == [
                "f:1:1: error: `a` has no value",
                "f:1:1: error: missing key `e`",
                "f:2:4: error: missing key `x`",
                "f:3:1: error: `c` has no value; give one or leave the key out",
            ])
    }

    @Test("a mapping of very many keys is read and finished like a small one")
    func manyKeys() {
        let text = (0..<60_000).map { "key-\($0): 1\n" }.joined()
        let all = findings(text) { mapping, sink in
            for entry in mapping.entries.dropFirst(2) {
                #expect(mapping.optional(entry.key)?.position.line == entry.keyPosition.line)
            }
            #expect(mapping.keyPosition("key-59999").line == 60_000)
            #expect(mapping.contains("key-0") && !mapping.contains("key"))
            mapping.finish()
        }
        #expect(
            all.map { $0.prefix(28) }
                == ["f:1:1: error: unknown key `ke", "f:2:1: error: unknown key `ke"].map {
                    $0.prefix(28)
                })
    }

    @Test("findings are sorted by place, files in the order first seen, and never repeated")
    func order() {
        let sink = DiagnosticSink()
        sink.warning("w", at: SourcePosition(file: "b", line: 9, column: 1))
        sink.error("x", at: SourcePosition(file: "a", line: 2, column: 5))
        sink.error("y", at: SourcePosition(file: "b", line: 1, column: 1), hint: "do z")
        sink.error("x", at: SourcePosition(file: "a", line: 2, column: 5))
        #expect(sink.list.text == "b:1:1: error: y; do z\nb:9:1: warning: w\na:2:5: error: x")
        #expect(sink.list.errors.count == 2)
        #expect(sink.list.warnings.count == 1)
    }

    @Test("the nearest word is found over typing slips and not over other words")
    func nearestWord() {
        let known = ["burst", "limit", "max_keys", "per"]
        #expect(nearest(to: "burts", among: known) == "burst")
        #expect(nearest(to: "brust", among: known) == "burst")
        #expect(nearest(to: "limits", among: known) == "limit")
        #expect(nearest(to: "maxKeys", among: known) == "max_keys")
        #expect(nearest(to: "max-keys", among: known) == "max_keys")
        #expect(nearest(to: "pre", among: known) == "per")
        #expect(nearest(to: "colour", among: known) == nil)
        #expect(nearest(to: "", among: known) == nil)
    }
}
