import SluiceFraming
import Testing

@Suite("JSON: what is taken and refused (RFC 8259)")
struct JSONCorpusTests {
    static let good = [
        "null", "true", "false", "0", "-0", "1", "-1", "10", "123456789012345678901234567890",
        "0.5",
        "-0.5e1", "1e5", "1E+5", "1e-5", "1.0e0", "0e0", "0.0", "-0.0E-0", "1e9999",
        #""""#, #""a""#, #""\"\\\/\b\f\n\r\t""#, #""\u0000\uFFFF\uabCD""#, #""\uD834\uDD1E""#,
        #""\ud800""#, #""\udc00\ud800""#, "\"\u{7F}\"", "\"\u{80}€𝄞\u{10FFFF}\"", "\"\u{2028}\"",
        #""sieben_""#, #""achtacht""#, #""neunneunn""#, #""acht\\cht""#, #""neunneun\"""#,
        "[]", "[ ]", "[1]", "[1,2]", "[[],[[]],{}]", "[null,true,false]", " \t\n\r[1 , 2 ] \t\n\r",
        "{}", "{ }", #"{"a":1}"#, #"{"a":{"b":[{"c":"d"}]}}"#, #"{ "a" : 1 , "b" : 2 }"#,
        #"{"":0}"#,
        #"{"a":1,"a":2}"#, #"[1,[2,[3,{"x":[]}],4],5]"#, #"[{},{"a":[]},[]]"#,
    ]

    static let bad = [
        "", " ", "nul", "nulL", "True", "tru", "falsey", "nulll", "NaN", "Infinity", "-", "+1",
        "--1",
        "01", "-01", "00", "1.", ".5", "-.5", "1.e5", "1e", "1e+", "1e5.0", "0x10", "1_000", "1 2",
        "1,", "\"", "\"a", "\"a\\\"", "'a'", "a", "\"\\a\"", "\"\\x41\"", "\"\\u12\"", "\"\\u123\"",
        "\"\\u12G4\"", "\"\\U0041\"", "\"\\", "\"\\u", "\"a\u{0}b\"", "\"\n\"", "\"\t\"",
        "\"\u{1F}\"",
        "\"sieben_\n\"", "\"achtacht\u{1}\"", "\"a\"b", "\"a\" \"b\"",
        "[", "]", "[1", "[1,", "[,1]", "[1,]", "[1,,2]", "[1 2]", "[1}", "[1]]", "[\"a\":1]", "[[]",
        "{", "}", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{,\"a\":1}",
        "{\"a\" 1}",
        "{\"a\",1}", "{a:1}", "{1:1}", "{null:1}", "{\"a\":1 \"b\":2}", "{\"a\":1]", "{}}",
        "{\"a\"::1}",
        "{\"a\":}", "{\"a\":1,,\"b\":2}", "{[]:1}", "{{}:1}", "[{]", "[}", "{]", "{\"a\":[}",
        "/* c */1", "1//c", "1\u{0}", "\u{0}", "\u{FEFF}1", "\u{A0}1", "\u{0B}1", "\u{0C}1", "1;",
        "[1;2]",
        "[\"a\", tru]", "[\u{FF}]", "\u{1}",
    ]

    @Test("good JSON is well-formed", arguments: good)
    func taken(text: String) {
        #expect(text.bytes.withBytes { JSONEnvelope.isWellFormed($0) })
        let envelope = #"{"cmd":1,"data":\#(text)}"#.bytes
        let view = outcome { () throws(EnvelopeError) in
            try envelope.withBytes { bytes throws(EnvelopeError) in try JSONEnvelope.scan(bytes) }
        }
        guard case .success(let view) = view else { return #expect(Bool(false), "refused as data") }
        #expect(view.format == 1)
        let trimmed = text.bytes.trimmingJSONWhitespace
        #expect(Array(envelope[view.payload.range]) == trimmed)
    }

    @Test("broken JSON is not", arguments: bad)
    func refused(text: String) {
        #expect(!text.bytes.withBytes { JSONEnvelope.isWellFormed($0) })
        #expect((try? JSONValue(parsing: text.bytes)) == nil)
    }

    @Test("a control character is refused at every place of a string")
    func controlCharacters() {
        for control in 0..<32 as Range<UInt8> {
            for place in 0..<20 {
                var bytes = [UInt8](repeating: 0x61, count: 20)
                bytes[place] = control
                let text = [0x22] + bytes + [0x22]
                #expect(!text.withBytes { JSONEnvelope.isWellFormed($0) }, "\(control) at \(place)")
            }
        }
    }

    @Test("every beginning of good JSON but a number's is broken")
    func cut() {
        for text in Self.good where ["[", "{", "\""].contains(text.prefix(1)) {
            for count in 0..<text.utf8.count {
                #expect(
                    !Array(text.bytes.prefix(count)).withBytes { JSONEnvelope.isWellFormed($0) })
            }
        }
    }

    @Test(
        "text that is not UTF-8 is refused inside strings and outside",
        arguments: WebSocketTextTests.badTexts)
    func badUTF8(bad: [UInt8]) {
        for bytes in [
            "\"".bytes + bad + "\"".bytes, "[\"langer Text davor".bytes + bad + "\"]".bytes, bad,
            "{\"".bytes + bad + "\":1}".bytes,
        ] {
            #expect(!bytes.withBytes { JSONEnvelope.isWellFormed($0) })
        }
    }

    @Test("JSON may nest 128 deep, not 129; a hundred thousand brackets do no harm")
    func depth() {
        for (depth, isGood) in [(1, true), (128, true), (129, false), (100_000, false)] {
            for (left, right) in [("[", "]"), ("{\"a\":", "}")] {
                let text =
                    String(repeating: left, count: depth) + "1"
                    + String(repeating: right, count: depth)
                #expect(text.bytes.withBytes { JSONEnvelope.isWellFormed($0) } == isGood)
            }
        }
        let mixed =
            String(repeating: "[{\"a\":", count: 64) + "0" + String(repeating: "}]", count: 64)
        #expect(mixed.bytes.withBytes { JSONEnvelope.isWellFormed($0) })
        let wrong =
            String(repeating: "[{\"a\":", count: 64) + "0" + String(repeating: "]}", count: 64)
        #expect(!wrong.bytes.withBytes { JSONEnvelope.isWellFormed($0) })
    }

    @Test("what the scanner takes, the parser takes too, and the other way round")
    func scannerAndParserAgree() {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("JSON agreement: seed \(seed)")
        var random = Seeded(seed)
        let tokens = [
            "{", "}", "[", "]", ",", ":", "\"a\"", "\"b\\n\"", "1", "-2.5", "true", "null", " ",
            "\"", "0",
        ]
        var good = 0
        for _ in 0..<60_000 {
            var text = ""
            for _ in 0..<Int.random(in: 1...7, using: &random) { text += random.pick(tokens) }
            let scanned = text.bytes.withBytes { JSONEnvelope.isWellFormed($0) }
            let parsed = (try? JSONValue(parsing: text.bytes)) != nil
            if scanned { good += 1 }
            // Duplicate names, which the parser alone refuses, need two members.
            let mayHaveDuplicates = text.contains("{") && text.contains(",")
            if parsed ? !scanned : scanned && !mayHaveDuplicates {
                Issue.record("seed \(seed): \(text): scanned \(scanned), parsed \(parsed)")
            }
        }
        #expect(good > 500)
    }
}

extension [UInt8] {
    var trimmingJSONWhitespace: [UInt8] {
        let blank: Set<UInt8> = [0x20, 0x09, 0x0A, 0x0D]
        return Array(drop { blank.contains($0) }.reversed().drop { blank.contains($0) }.reversed())
    }
}
