import SluiceDocuments
import Testing

@Suite("Typed access")
struct DocumentValueTests {
    private func value(_ text: String) throws -> DocumentValue {
        let sink = DiagnosticSink()
        let root = try #require(Document.parse("v: " + text, file: "f", into: sink))
        let mapping = try #require(root.mapping(sink))
        return try #require(mapping.required("v"))
    }

    /// What an accessor answers, or the error it reports.
    private func read<T>(_ text: String, _ body: (DocumentValue, DiagnosticSink) -> T?) throws
        -> String
    {
        let sink = DiagnosticSink()
        let result = body(try value(text), sink)
        if let result {
            #expect(sink.list.diagnostics.isEmpty)
            return "\(result)"
        }
        #expect(sink.list.diagnostics.count == 1)
        return sink.list.diagnostics.map { $0.message + ($0.hint.map { "; " + $0 } ?? "") }.joined()
    }

    @Test(
        "durations have a unit and are told in nanoseconds",
        arguments: [
            ("250ms", "250000000"), ("10s", "10000000000"), ("5m", "300000000000"),
            ("2h", "7200000000000"),
            ("30d", "2592000000000000"), ("7us", "7000"), ("0s", "0"), ("\"10s\"", "10000000000"),
            ("10", "expected a duration like 10s, found `10`; add a unit: 10s"),
            (
                "1.5s",
                "expected a duration like 10s, found `1.5s`; a whole number with one unit: ms, s, m, h, d"
            ),
            (
                "10 s",
                "expected a duration like 10s, found `10 s`; a whole number with one unit: ms, s, m, h, d"
            ),
            (
                "-1s",
                "expected a duration like 10s, found `-1s`; a whole number with one unit: ms, s, m, h, d"
            ),
            (
                "ten",
                "expected a duration like 10s, found `ten`; a whole number with one unit: ms, s, m, h, d"
            ),
            ("[1s]", "expected a duration like 10s, found a list"),
            ("999999999d", "expected a duration of at most 292 years, found `999999999d`"),
        ])
    func durations(_ text: String, _ expected: String) throws {
        #expect(try read(text) { $0.duration($1) } == expected)
    }

    @Test("a duration out of its range is told the range")
    func durationRange() throws {
        let message = try read("5s") { $0.duration($1, in: 10_000_000_000...60_000_000_000) }
        #expect(message == "expected a duration from 10s to 1m, found `5s`")
    }

    @Test(
        "byte counts are plain or in binary units",
        arguments: [
            ("65536", "65536"), ("64KiB", "65536"), ("1MiB", "1048576"), ("2GiB", "2147483648"),
            ("10B", "10"),
            (
                "64kB",
                "expected a number of bytes like 65536 or 64KiB, found `64kB`; a whole number, alone or with KiB, MiB or GiB"
            ),
            ("1.5", "expected a number of bytes like 65536 or 64KiB, found `1.5`"),
        ])
    func byteCounts(_ text: String, _ expected: String) throws {
        #expect(try read(text) { $0.byteCount($1) } == expected)
    }

    @Test(
        "whole numbers are checked for kind and range",
        arguments: [
            ("7", "7"), ("11", "expected a whole number from 1 to 10, found `11`"),
            ("7.0", "expected a whole number, found `7.0`"),
            ("\"7\"", "expected a whole number, found `7`; write 7 without quotes"),
            ("1_0", "expected a whole number, found `1_0`; write 10"),
            ("{a: 1}", "expected a whole number, found a mapping"),
        ])
    func integers(_ text: String, _ expected: String) throws {
        #expect(try read(text) { $0.integer($1, in: 1...10) } == expected)
    }

    @Test(
        "booleans are true and false alone",
        arguments: [
            ("true", "true"), ("false", "false"),
            ("yes", "expected true or false, found `yes`; write `true`"),
            ("off", "expected true or false, found `off`; write `false`"),
            ("0", "expected true or false, found `0`; write `false`"),
            ("maybe", "expected true or false, found `maybe`"),
            ("[]", "expected true or false, found a list"),
        ])
    func booleans(_ text: String, _ expected: String) throws {
        #expect(try read(text) { $0.boolean($1) } == expected)
    }

    @Test(
        "a number where a text belongs must be quoted",
        arguments: [
            ("abc", "abc"), ("\"1.10\"", "1.10"),
            ("1.10", "expected a text, found `1.10`; put it in quotes: \"1.10\""),
            ("true", "expected a text, found `true`; put it in quotes: \"true\""),
            ("{}", "expected a text, found a mapping"),
        ])
    func strings(_ text: String, _ expected: String) throws {
        #expect(try read(text) { $0.string($1) } == expected)
    }

    @Test(
        "a choice names the nearest word",
        arguments: [
            ("permit", "1"),
            ("premit", "expected one of `deny`, `permit`, found `premit`; did you mean `permit`?"),
            ("[permit]", "expected one of `deny`, `permit`, found a list"),
        ])
    func choices(_ text: String, _ expected: String) throws {
        #expect(try read(text) { $0.choice($1, of: ["permit": 1, "deny": 2]) } == expected)
    }

    @Test(
        "numbers may be whole",
        arguments: [
            ("1", "1.0"), ("0.25", "0.25"), ("2", "expected a number from 0.0 to 1.0, found `2`"),
        ])
    func numbers(_ text: String, _ expected: String) throws {
        #expect(try read(text) { $0.number($1, in: 0...1) } == expected)
    }

    @Test("an untyped text is read as whatever is asked for")
    func untyped() {
        let sink = DiagnosticSink()
        func text(_ text: String) -> DocumentValue {
            .untyped(text, at: SourcePosition(file: "variable X"))
        }
        #expect(text("5").integer(sink) == 5)
        #expect(text("5").string(sink) == "5")
        #expect(text("true").boolean(sink) == true)
        #expect(text("2s").duration(sink) == 2_000_000_000)
        #expect(text("1KiB").byteCount(sink) == 1_024)
        #expect(text("a, b,c").strings(sink) == ["a", "b", "c"])
        #expect(text("b").choice(sink, of: ["a": 1, "b": 2]) == 2)
        #expect(text("0.5").number(sink) == 0.5)
        #expect(!sink.hasErrors)
        #expect(text("5").duration(sink) == nil)
        #expect(
            sink.list.text
                == "variable X: error: expected a duration like 10s, found `5`; add a unit: 5s")
    }

    @Test("durations are written in the largest unit that holds them exactly")
    func durationTexts() {
        let texts = [0, 1, 1_500, 250_000_000, 60_000_000_000, 90_000_000_000, 86_400_000_000_000]
            .map { durationText(nanoseconds: $0) }
        #expect(texts == ["0s", "1ns", "1500ns", "250ms", "1m", "90s", "1d"])
    }
}
