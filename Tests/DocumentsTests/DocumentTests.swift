import SluiceDocuments
import Testing

/// Parses and gives back the value with all findings, one line each.
func parsed(_ text: String, limits: DocumentLimits = DocumentLimits()) -> (DocumentValue?, [String])
{
    let sink = DiagnosticSink()
    let value = Document.parse(text, file: "f.yaml", limits: limits, into: sink)
    return (value, sink.list.diagnostics.map(\.text))
}

@Suite("Strict YAML")
struct DocumentTests {
    @Test("every scalar gets its type of YAML 1.2's core schema")
    func scalarTypes() throws {
        let text = """
            [1, -2, +3, 1.5, 1e3, .5, true, FALSE, null, ~, no, yes, on, 0x10, 1_000, "1", 'true',
             2026.11.1, 127.0.0.1, 10s, "-", 9223372036854775808, .inf, "", 1:30]
            """
        let (value, findings) = parsed(text)
        #expect(findings == [])
        guard case .list(let items) = try #require(value).kind else {
            Issue.record("not a list")
            return
        }
        let kinds = items.map(\.kind)
        #expect(
            kinds == [
                .integer(1), .integer(-2), .integer(3), .number(1.5), .number(1000), .number(0.5),
                .boolean(true), .boolean(false), .null, .null, .string("no"), .string("yes"),
                .string("on"), .string("0x10"), .string("1_000"), .string("1"), .string("true"),
                .string("2026.11.1"), .string("127.0.0.1"), .string("10s"), .string("-"),
                .number(9_223_372_036_854_775_808), .string(".inf"), .string(""), .string("1:30"),
            ])
    }

    @Test("keys and values know their line and column")
    func positions() throws {
        let (value, _) = parsed("# comment\na:\n  - {bc: 1}\n  - text\n")
        guard case .mapping(let entries) = try #require(value).kind, let a = entries.first,
            case .list(let items) = a.value.kind, case .mapping(let inner) = items[0].kind
        else {
            Issue.record("unexpected shape")
            return
        }
        #expect(a.keyPosition.text == "f.yaml:2:1")
        #expect(inner[0].keyPosition.text == "f.yaml:3:6")
        #expect(inner[0].value.position.text == "f.yaml:3:10")
        #expect(items[1].position.text == "f.yaml:4:5")
    }

    @Test(
        "an empty file and one of comments alone are empty mappings",
        arguments: ["", "# nothing\n", "\n\n", "---\n"])
    func empty(_ text: String) throws {
        let (value, findings) = parsed(text)
        #expect(findings == [])
        #expect(try #require(value).kind == .mapping([]))
    }

    @Test("a byte order mark is skipped and shifts nothing")
    func byteOrderMark() throws {
        let (value, findings) = parsed("\u{FEFF}a: 1")
        #expect(findings == [])
        guard case .mapping(let entries) = try #require(value).kind else { return }
        #expect(entries.map(\.key) == ["a"])
        #expect(entries[0].keyPosition.column == 1)
    }

    static let broken: [(String, [String])] = [
        (
            "a: &x 1",
            [
                "f.yaml:1:4: error: anchors (`&x`) are not allowed; write the value out where it is used"
            ]
        ),
        (
            "a: &x 1\nb: *x",
            [
                "f.yaml:1:4: error: anchors (`&x`) are not allowed; write the value out where it is used",
                "f.yaml:2:4: error: aliases (`*name`) are not allowed; write the value out, "
                    + "or put a text that begins with `*` in quotes",
            ]
        ),
        (
            "a: *x",
            [
                "f.yaml:1:4: error: aliases (`*name`) are not allowed; write the value out, "
                    + "or put a text that begins with `*` in quotes"
            ]
        ),
        (
            "a: !!int 1",
            ["f.yaml:1:4: error: tags are not allowed; remove the `!…`; put a text in quotes"]
        ),
        (
            "a: !!str 1",
            ["f.yaml:1:4: error: tags are not allowed; remove the `!…`; put a text in quotes"]
        ),
        (
            "a: !thing {b: 1}",
            ["f.yaml:1:4: error: tags are not allowed; remove the `!…`; put a text in quotes"]
        ),
        (
            "a: !!seq [1]",
            ["f.yaml:1:4: error: tags are not allowed; remove the `!…`; put a text in quotes"]
        ),
        (
            "<<: {b: 1}",
            ["f.yaml:1:1: error: merge keys (`<<`) are not allowed; write the keys out"]
        ),
        (
            "a: 1\n---\nb: 2",
            [
                "f.yaml:3:1: error: a second document begins here; one document a file: remove the `---`"
            ]
        ),
        ("a: 1\nb: 2\na: 3", ["f.yaml:3:1: error: key `a` appears twice; it is at line 1 already"]),
        (
            "x:\n  - name: 1\n    per: 2\n    name: 3",
            ["f.yaml:4:5: error: key `name` appears twice; it is at line 2 already"]
        ),
        ("{a: 1, a: 2}", ["f.yaml:1:2: error: key `a` appears twice"]),
        (
            "[a]: 1",
            [
                "f.yaml:1:1: error: a key must be a text; put `{` and `[` in quotes where they are text"
            ]
        ),
        ("{\"\": 1}", ["f.yaml:1:2: error: a key is missing before the `:`"]),
        (
            "a: [1, 2",
            [
                "f.yaml:1:9: error: not YAML: did not find expected ',' or ']' while parsing a flow sequence; it begins at 1:4"
            ]
        ),
        (
            "a: \"x",
            [
                "f.yaml:1:6: error: not YAML: found unexpected end of stream while scanning a quoted scalar; it begins at 1:4"
            ]
        ),
        (
            "a:\n\t- 1",
            [
                "f.yaml:2:1: error: not YAML: found character that cannot start any token while scanning for the next token; indent with spaces"
            ]
        ),
        (
            "a: b: c",
            ["f.yaml:1:5: error: not YAML: mapping values are not allowed in this context"]
        ),
        ("a: 1\nb: \u{1}", ["f.yaml:2:4: error: not YAML: control characters are not allowed"]),
    ]

    @Test("what strict YAML leaves out is told with its place", arguments: broken)
    func refused(_ text: String, _ expected: [String]) {
        let (value, findings) = parsed(text)
        #expect(value == nil)
        #expect(findings == Array(expected.prefix(findings.count)))
        #expect(!findings.isEmpty)
    }

    @Test("several refusals are reported in one go")
    func several() {
        let (_, findings) = parsed("a: &x 1\nb: !!int 2\n<<: {c: 3}\n")
        #expect(findings.map { $0.prefix(10) } == ["f.yaml:1:4", "f.yaml:2:4", "f.yaml:3:1"])
    }

    @Test("depth, size and number of values are bounded")
    func limits() {
        let deep = String(repeating: "[", count: 40) + String(repeating: "]", count: 40)
        #expect(parsed(deep).1 == ["f.yaml:1:34: error: nested deeper than 32 levels"])
        let fits = String(repeating: "[", count: 33) + String(repeating: "]", count: 33)
        #expect(parsed(fits).1 == [])
        #expect(parsed("a: 12345", limits: DocumentLimits(maxBytes: 7)).1.count == 1)
        #expect(parsed("[1, 2, 3]", limits: DocumentLimits(maxNodes: 3)).1.count == 1)
        #expect(parsed("[1, 2, 3]", limits: DocumentLimits(maxNodes: 4)).1 == [])
    }

    @Test(
        "what is nested far beyond any parser's stack is refused at once",
        arguments: ["[", "[\n", "{a: ", "{? ", "- ", "? ", "- ? ", "[{a: "])
    func bottomless(_ opening: String) {
        let text = String(repeating: opening, count: 1_000_000 / opening.utf8.count)
        let (value, findings) = parsed(text)
        #expect(value == nil)
        #expect(findings.map { $0.hasSuffix("error: nested deeper than 32 levels") } == [true])
    }

    @Test("indentation without end is refused as well")
    func staircase() {
        let text = (0..<1_400).map { String(repeating: " ", count: $0) + "a:\n" }.joined()
        #expect(parsed(text).1.last?.hasSuffix("nested deeper than 32 levels") == true)
    }

    @Test("aliases that multiply are refused before they grow")
    func laughs() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1...12 {
            let items = [String](repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
            text += "a\(level): &a\(level) [\(items)]\n"
        }
        let (value, findings) = parsed(text)
        #expect(value == nil)
        #expect(findings.contains { $0.contains("anchors") })
    }

    @Test(
        "nor do they grow where keys are compared, which would take until the end of days",
        arguments: [
            "? *a60\n: 1\n", "? [*a60, *a60]\n: 1\n", "{*a60 : 1}: 2\n", "x: {*a60 : *a60}\n",
        ])
    func laughingKeys(_ end: String) {
        var text = "a0: &a0 [x, x]\n"
        for level in 1...60 { text += "a\(level): &a\(level) [*a\(level - 1), *a\(level - 1)]\n" }
        let (value, findings) = parsed(text + end)
        #expect(value == nil)
        #expect(findings.contains { $0.contains("1:5: error: anchors (`&a0`) are not allowed") })
        #expect(findings.contains { $0.contains("2:10: error: aliases (`*name`) are not allowed") })
        #expect(findings.contains { $0.hasPrefix("f.yaml:62:") })
    }

    @Test("a `*` that is no alias stays what it is, beside anchors too")
    func stars() throws {
        let text = "{\"a*\": [\"*b\", '*', c * d, \"& *\"], e: \"&\"}"
        let (value, findings) = parsed(text)
        #expect(findings == [])
        guard case .mapping(let entries) = try #require(value).kind,
            case .list(let items) = entries[0].value.kind
        else {
            Issue.record("unexpected shape")
            return
        }
        #expect(entries.map(\.key) == ["a*", "e"])
        #expect(items.map(\.text) == ["*b", "*", "c * d", "& *"])
        #expect(
            parsed("{\"a*\": \"&\", \"a*\": 1}").1 == ["f.yaml:1:2: error: key `a*` appears twice"])
        #expect(
            parsed("a: \"& * \u{E02A}\"").1
                == ["f.yaml:1:1: error: the character U+E02A is not allowed"])
    }

    @Test("bytes that are not UTF-8 are refused at their place")
    func notUTF8() {
        let sink = DiagnosticSink()
        let bytes: [UInt8] = Array("a: 1\nbc: ".utf8) + [0xFF]
        #expect(Document.parse(bytes, file: "f.yaml", into: sink) == nil)
        #expect(sink.list.text == "f.yaml:2:5: error: the file is not UTF-8; save it as UTF-8")
    }
}
