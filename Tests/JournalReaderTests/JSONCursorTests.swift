import SluiceJournalReader
import SluiceVocabulary
import Testing

@Suite("JSON from left to right")
struct JSONCursorTests {
    @Test(
        "every kind of value is read",
        arguments: [
            ("null", ClaimValue.null), ("true", .bool(true)),
            (" [1, -2.5, \"x\"] ", .array([.integer(1), .number(-2.5), .string("x")])),
            ("{\"a\": {\"b\": []}}", .object(["a": .object(["b": .array([])])])),
            ("\"tab\\tquote\\\" \\u00e9 \\ud83d\\ude00\"", .string("tab\tquote\" é 😀")),
        ])
    func values(_ text: String, _ value: ClaimValue) {
        #expect(JSONCursor.parse(text) == value)
    }

    @Test(
        "what is no JSON is nothing",
        arguments: [
            "", "{", "[1,]", "{\"a\" 1}", "tru", "\"\\x\"", "\"\\ud83d\"", "1 2", "\"open",
            "{\"a\":1}}",
            "--1",
        ])
    func wrong(_ text: String) {
        #expect(JSONCursor.parse(text) == nil)
    }

    @Test("nesting without end is refused, not followed")
    func deep() {
        #expect(JSONCursor.parse(String(repeating: "[", count: 100_000)) == nil)
    }
}
