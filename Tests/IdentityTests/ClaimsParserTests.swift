import Foundation
import SluiceIdentity
import SluiceVocabulary
import Testing

@Suite("Strict JSON of tokens")
struct ClaimsParserTests {
    private func parse(_ claims: [UInt8]) -> [String: ClaimValue]? {
        let token = Forge.base64(Array("{}".utf8)) + "." + Forge.base64(claims) + "."
        do { return try TokenInspection(Array(token.utf8)).claims } catch { return nil }
    }

    @Test(
        "what is not one strict JSON object is refused",
        arguments: [
            "", " ", "[]", "1", "null", #""a""#, "{", "}", "{}{}", "{},", "{} x", "{a:1}",
            "{'a':1}", #"{"a"}"#, #"{"a":}"#, #"{"a":1,}"#, #"{,"a":1}"#, #"{"a":1 "b":2}"#,
            #"{"a":[1,]}"#, #"{"a":[1 2]}"#, #"{"a":[}"#, #"{"a":tru}"#, #"{"a":True}"#,
            #"{"a":nul}"#, #"{"a":"\x"}"#, #"{"a":"\u12"}"#, #"{"a":"\u12g4"}"#,
            #"{"a":"\ud800"}"#, #"{"a":"\udc00"}"#, #"{"a":"\ud800\u0041"}"#,
            #"{"a":"\ud800x"}"#, #"{"a":"\ud800\ud800"}"#, "{\"a\":\"\n\"}", "{\"a\":\"\0\"}",
            #"{"a":"b}"#, #"{"a":00}"#, #"{"a":-}"#, #"{"a":1.e1}"#, #"{"a":1e+}"#,
            #"{"a":--1}"#, "\u{FEFF}{}", #"{"a":1}/**/"#, "\u{000C}{}", #"{"\ud800":1}"#,
        ])
    func refused(text: String) {
        #expect(parse(Array(text.utf8)) == nil)
    }

    @Test("bytes that are not UTF-8 are refused")
    func notUTF8() {
        for bytes: [UInt8] in [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xE2, 0x82], [0x80]] {
            #expect(parse(Array("{\"a\":\"".utf8) + bytes + Array("\"}".utf8)) == nil)
        }
    }

    @Test("what is strict JSON is read to its values")
    func accepted() {
        let text = """
             {"a" : [ ] , "b":{},\t"c":[1,-2,0,-0.5,1e2,1E-2],
            "d":"\\u00e9\\ud83d\\ude00\\/\\b\\f\\n\\r\\t\\"\\\\","e":true,"f":false,"g":null,
            "":9223372036854775807,"h":-9223372036854775808,"i":9223372036854775808}\r\n
            """
        #expect(
            parse(Array(text.utf8)) == [
                "a": .array([]), "b": .object([:]),
                "c": .array([
                    .integer(1), .integer(-2), .integer(0), .number(-0.5), .number(100),
                    .number(0.01),
                ]),
                "d": .string("é😀/\u{8}\u{C}\n\r\t\"\\"), "e": .bool(true), "f": .bool(false),
                "g": .null, "": .integer(.max), "h": .integer(.min),
                "i": .number(9_223_372_036_854_775_808),
            ])
    }

    @Test("sixteen levels are read and seventeen refused")
    func depth() {
        func nested(_ levels: Int) -> [UInt8] {
            let open = String(repeating: "[", count: levels - 1)
            let close = String(repeating: "]", count: levels - 1)
            return Array("{\"a\":\(open)\(close)}".utf8)
        }
        #expect(parse(nested(16)) != nil)
        #expect(parse(nested(17)) == nil)
    }

    @Test("whatever is accepted, Foundation accepts too")
    func noMoreLenientThanFoundation() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var state = seed
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        let text = #"{"a":[1,-2.5e3,"x\u00e9\n"],"bc":{"d":null,"e":true},"f":"\ud83d\ude00"}"#
        let alphabet = Array(#"{}[]:,"\ue01-.ntfd 9"#.utf8)
        var accepted = 0
        for _ in 0..<20_000 {
            var bytes = Array(text.utf8)
            for _ in 0...next(2) {
                switch next(3) {
                case 0: bytes.remove(at: next(bytes.count))
                case 1: bytes.insert(alphabet[next(alphabet.count)], at: next(bytes.count + 1))
                default: bytes[next(bytes.count)] = alphabet[next(alphabet.count)]
                }
            }
            guard let ours = parse(bytes) else { continue }
            accepted += 1
            let theirs = try? JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any]
            #expect(
                theirs?.count == ours.count,
                "seed \(seed): \(String(decoding: bytes, as: UTF8.self))")
        }
        #expect(accepted > 100, "seed \(seed)")
    }
}
