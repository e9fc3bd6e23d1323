import SluiceFraming
import SluiceVocabulary
import Testing

@Suite("JSON values")
struct JSONValueTests {
    private func parse(_ text: String) throws -> JSONValue { try JSONValue(parsing: text.bytes) }

    @Test("values are parsed to what they are")
    func parsing() throws {
        #expect(try parse(" null ") == .null)
        #expect(try parse("true") == .bool(true))
        #expect(try parse("-9223372036854775808") == .integer(.min))
        #expect(try parse("9223372036854775808") == .number(9_223_372_036_854_775_808))
        #expect(try parse("1.5e3") == .number(1_500))
        #expect(try parse("1.0") == .number(1))
        #expect(try parse(#""a\u00e4\ud834\udd1e\n""#) == .string("aä𝄞\n"))
        #expect(try parse(#"[1,[],{}]"#) == .array([.integer(1), .array([]), .object([])]))
        let object = try parse(#"{"b":1,"a":{"c":"d"}}"#)
        #expect(object.members?.map(\.0) == ["b", "a"])
        #expect(object["a"]?["c"]?.string == "d")
        #expect(object["x"] == nil && object["b"]?["c"] == nil)
    }

    @Test(
        "a name twice is refused at any depth, also in another spelling",
        arguments: [
            #"{"a":1,"a":1}"#, #"[{"x":{"a":1,"b":2,"a":3}}]"#, #"{"a":1,"\u0061":2}"#,
            #"{"":1,"":2}"#,
        ])
    func duplicates(text: String) {
        #expect((try? parse(text)) == nil)
    }

    @Test("a number too large for a double and half a surrogate pair are refused")
    func unrepresentable() {
        #expect((try? parse("1e400")) == nil)
        #expect((try? parse("-1e400")) == nil)
        #expect((try? parse(#""\ud800""#)) == nil)
        #expect((try? parse(#"{"\ud800":1}"#)) == nil)
    }

    @Test("values nest 32 deep, not 33")
    func depth() {
        for (depth, isGood) in [(32, true), (33, false), (10_000, false)] {
            for (left, right) in [("[", "]"), ("{\"a\":", "}")] {
                let text =
                    String(repeating: left, count: depth) + "1"
                    + String(repeating: right, count: depth)
                #expect(((try? parse(text)) != nil) == isGood)
            }
        }
    }

    @Test("written text is parsed back to the same value")
    func roundTrip() throws {
        let value = JSONValue.object([
            ("z", .array([.null, .bool(false), .integer(.min), .number(-1.5e-7), .number(1e20)])),
            ("quotes \"\\\u{1}\u{1F}\n\t\r", .string("\u{7F}ä𝄞/\u{0}")), ("", .object([])),
        ])
        #expect(try JSONValue(parsing: value.text()) == value)
        #expect(
            String(decoding: JSONValue.string("\u{1}\"\\\n\u{1F}é").text(), as: UTF8.self)
                == #""\u0001\"\\\n\u001fé""#)
        #expect(JSONValue.number(.infinity).text() == "null".bytes)
        #expect(JSONValue.array([.number(.nan), .integer(1)]).text() == "[null,1]".bytes)
    }

    @Test("a claim becomes JSON and JSON a claim")
    func claims() {
        let claim = ClaimValue.object([
            "a": .array([.string("x"), .integer(1)]), "b": .null, "c": .bool(true),
            "d": .number(0.5),
        ])
        #expect(JSONValue(claim).claim == claim)
        #expect(JSONValue(claim).text() == #"{"a":["x",1],"b":null,"c":true,"d":0.5}"#.bytes)
    }
}
