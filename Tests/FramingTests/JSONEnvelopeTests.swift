import NIOCore
import SluiceFraming
import SwiftProtobuf
import Testing

@Suite("JSON envelope")
struct JSONEnvelopeTests {
    private func scan(_ text: String) -> Result<EnvelopeView, EnvelopeError> {
        outcome { () throws(EnvelopeError) in
            try text.bytes.withBytes { bytes throws(EnvelopeError) in try JSONEnvelope.scan(bytes) }
        }
    }

    private func error(_ text: String) -> EnvelopeError? {
        if case .failure(let error) = scan(text) { error } else { nil }
    }

    /// The request as a service gets it.
    private func translated(_ text: String) throws -> Sluice_V1_Envelope {
        var buffer = ByteBuffer()
        try text.bytes.withBytes { bytes in
            try JSONEnvelope.appendProtobuf(try JSONEnvelope.scan(bytes), from: bytes, to: &buffer)
        }
        return try Sluice_V1_Envelope(serializedBytes: buffer.array)
    }

    @Test("the documented request is read")
    func documented() throws {
        let text = #"{"cmd":100,"seq":7,"data":"hi"}"#
        let view = try scan(text).get()
        #expect(view.cmd == 100 && view.seq == 7 && view.format == 1 && !view.isPayloadBase64)
        #expect(Array(text.bytes[view.payload.range]) == "\"hi\"".bytes)
    }

    @Test("every member is read, in any order, between any whitespace")
    func members() throws {
        let text = """
             { "key":"k" ,"trace" : "t","topic":"room", "class":2,"deadline_ms":5,"format":0,\
            "kind":1,"status":4294967295,"seq":9007199254740991,"cmd":3,"version":1 } \n
            """
        let view = try scan(text).get()
        let part = { (range: ByteRange) in text.bytes.withBytes { JSONEnvelope.text(range, in: $0) }
        }
        #expect(view.version == 1 && view.cmd == 3 && view.seq == JSONEnvelope.maxSequence)
        #expect(view.status == .max && view.kind == 1 && view.format == 0)
        #expect(view.deadlineMilliseconds == 5 && view.deliveryClass == 2)
        #expect(part(view.topic) == "room" && part(view.trace) == "t" && part(view.key) == "k")
        #expect(view.payload.isEmpty && !view.hasEscapes && !view.hasGatewayFields)
        #expect(scan("{}") == .success(EnvelopeView()))
    }

    @Test("unknown members are ignored, whatever they are; the gateway's own among them")
    func unknown() throws {
        let text =
            #"{"x":[{"cmd":9}],"cmd":1,"user_id":"root","session":"s","":{},"Cmd":2,"cmd ":3}"#
        let read = try translated(text)
        #expect(read == .with { $0.cmd = 1 })
    }

    @Test(
        "a known member twice is refused, also in an escaped spelling",
        arguments: [
            "version", "cmd", "seq", "status", "kind", "format", "deadline_ms", "class",
        ])
    func duplicates(name: String) {
        #expect(error(#"{"\#(name)":1,"\#(name)":1}"#) == .duplicateMember(.init(name)))
        let escaped = "\\u00" + String(name.utf8.first ?? 0, radix: 16) + name.dropFirst()
        #expect(error(#"{"\#(name)":1,"x":0,"\#(escaped)":1}"#) == .duplicateMember(.init(name)))
    }

    @Test(
        "texts and payloads twice are refused too, unknown members are not",
        arguments: [
            "topic", "trace", "key", "data", "payload",
        ])
    func duplicateTexts(name: String) {
        #expect(error(#"{"\#(name)":"YQ==","\#(name)":"YQ=="}"#) == .duplicateMember(.init(name)))
        #expect(error(#"{"x":1,"x":2}"#) == nil)
    }

    @Test("an escaped name names the same member")
    func escapedName() throws {
        #expect(try scan(#"{"\u0063\u006d\u0064":5}"#).get().cmd == 5)
        #expect(try scan(#"{"\ud800":5}"#).get() == EnvelopeView())
    }

    @Test(
        "numbers are whole, unsigned and in range",
        arguments: [
            "-1", "-0", "1.0", "1e2", "1E2", "\"1\"", "null", "true", "[]", "{}", "4294967296",
            "18446744073709551616",
            "99999999999999999999999999",
        ])
    func badNumbers(value: String) {
        for name in ["version", "cmd", "status", "kind", "format", "deadline_ms"] {
            #expect(error(#"{"\#(name)":\#(value)}"#) == .badMember(.init(name)))
        }
    }

    @Test("seq goes to 2^53-1")
    func sequence() throws {
        #expect(try scan(#"{"seq":9007199254740991}"#).get().seq == 9_007_199_254_740_991)
        #expect(error(#"{"seq":9007199254740992}"#) == .badMember(.init("seq")))
        #expect(error(#"{"seq":-1}"#) == .badMember(.init("seq")))
        #expect(error(#"{"seq":007}"#) == .malformedJSON(offset: 7))
        #expect(error(#"{"seq":0.5}"#) == .badMember(.init("seq")))
    }

    @Test("texts are strings", arguments: ["topic", "trace", "key", "payload"])
    func badTexts(name: String) {
        for value in ["1", "null", "[]", "{}", "true"] {
            #expect(error(#"{"\#(name)":\#(value)}"#) == .badMember(.init(name)))
        }
    }

    @Test("a class is a word or a number")
    func deliveryClass() throws {
        for (word, value) in [("\"must\"", 0), ("\"latest\"", 1), ("\"droppable\"", 2), ("7", 7)] {
            #expect(try scan(#"{"class":\#(word)}"#).get().deliveryClass == UInt32(value))
        }
        #expect(error(#"{"class":"soon"}"#) == .badMember(.init("class")))
    }

    @Test("what is no object, or has something behind it, is refused")
    func shape() {
        for text in ["[]", "1", "\"a\"", "null"] { #expect(error(text) == .notAnObject) }
        for text in [
            "", "{", "{}}", "{} x", "{\"cmd\":1,}", "{\"cmd\"}", "{\"cmd\" 1}", "{,}",
            "{\"a\":1 \"b\":1}",
        ] {
            guard case .malformedJSON = error(text) else {
                Issue.record("\(text): \(scan(text))")
                continue
            }
        }
        #expect(error(#"{"data":1,"payload":""}"#) == .twoPayloads)
    }

    @Test(
        "data travels as its raw bytes, with format 1",
        arguments: [
            "\"hi\"", "null", "{ \"a\" : [ 1 , 2.50 ] }", "1e400", "\"\\ud800\\/\"", "[]",
        ])
    func data(value: String) throws {
        let read = try translated(#"{"cmd":1,"format":0,"data": \#(value) ,"seq":2}"#)
        #expect(read.format == 1 && read.seq == 2)
        #expect(Array(read.payload) == value.bytes)
    }

    @Test("texts with escapes reach the service as UTF-8")
    func escapes() throws {
        let read = try translated(
            #"{"topic":"a\"\\\/\b\f\n\r\t\u00e4\ud834\udd1e","key":"plain","trace":""}"#)
        #expect(
            read.topic == "a\"\\/\u{8}\u{C}\n\r\tä𝄞" && read.key == "plain" && read.trace.isEmpty)
        #expect(error(#"{"topic":"\ud800"}"#) == .invalidUTF8)
        #expect(error(#"{"key":"\udd1e\ud834"}"#) == .invalidUTF8)
        #expect(error(#"{"trace":"\ud834\u0041"}"#) == .invalidUTF8)
    }

    @Test("a request that was refused leaves the buffer as it was")
    func untouched() throws {
        var view = EnvelopeView()
        view.isPayloadBase64 = true
        view.payload = ByteRange(start: 0, count: 3)
        var buffer = ByteBuffer(string: "before")
        let result = "abc".bytes.withBytes { bytes in
            outcome { () throws(EnvelopeError) in
                try JSONEnvelope.appendProtobuf(view, from: bytes, to: &buffer)
            }
        }
        #expect(result.isFailure && buffer.text == "before")
    }

    @Test("base64 of every length reaches the service as bytes")
    func base64() throws {
        var random = Seeded(3)
        for count in 0..<70 {
            let bytes = random.bytes(count)
            let read = try translated(#"{"cmd":1,"payload":"\#(base64(bytes))"}"#)
            #expect(Array(read.payload) == bytes && read.format == 0)
            // As PHP writes it, and as nobody does.
            let slashed = base64(bytes).replacing("/", with: "\\/").replacing("A", with: "\\u0041")
            #expect(Array(try translated(#"{"payload":"\#(slashed)"}"#).payload) == bytes)
        }
        #expect(try translated(#"{"payload":"eyJ9","format":1}"#).format == 1)
    }

    @Test(
        "base64 that is not strict is refused",
        arguments: [
            "Y", "YQ", "YQ=", "YQ===", "=", "====", "Y===", "YR==", "YWF=", "YWE", "YQ==YQ==",
            "YQ==\\n", "Y Q=",
            "YQ-_", "YWFh=", "YWFhY", "YQ=a", "\\n", "\\u00e4AAA", "\\ud800AAA", "äAAA",
        ])
    func badBase64(text: String) {
        #expect(error(#"{"payload":"\#(text)"}"#) == .badBase64)
    }

    private func base64(_ bytes: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        var text = ""
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = Array(bytes[start..<min(start + 3, bytes.count)])
            let word = (0..<3).reduce(0) { $0 << 8 | Int($1 < group.count ? group[$1] : 0) }
            for index in 0..<4 {
                text.append(index <= group.count ? alphabet[word >> (18 - index * 6) & 63] : "=")
            }
        }
        return text
    }
}
