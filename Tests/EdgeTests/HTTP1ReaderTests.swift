import NIOCore
import NIOHTTP1
import SluiceEdge
import Testing

@Suite("HTTP/1 reader")
struct HTTP1ReaderTests {
    /// What the reader makes of bytes that come in these pieces: a line for each event.
    static func read(_ pieces: [String]) -> [String] {
        var reader = HTTP1Reader(maxHeadBytes: 1_000, maxFields: 5)
        var input = ByteBuffer()
        var events: [String] = []
        for piece in pieces {
            input.writeString(piece)
            do throws(HTTPViolation) {
                while let event = try reader.next(&input) {
                    switch event {
                    case .head(let head): events.append("\(head.method) \(head.uri)")
                    case .body(let part):
                        let text = String(buffer: part)
                        if let last = events.last, last.hasPrefix("body ") {
                            events[events.count - 1] = last + text
                        } else {
                            events.append("body " + text)
                        }
                    case .end: events.append("end")
                    }
                }
            } catch {
                return events + ["refused: \(error.rawValue)"]
            }
        }
        return events
    }

    static let host = "Host: edge\r\n"
    static let texts = [
        "GET /a?b=c HTTP/1.1\r\n\(host)\r\n",
        "POST /a HTTP/1.1\r\n\(host)Content-Length: 5\r\n\r\nhelloGET /b HTTP/1.1\r\n\(host)\r\n",
        "POST /a HTTP/1.1\r\n\(host)Transfer-Encoding: chunked\r\n\r\n"
            + "3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nX: y\r\n\r\nGET /b HTTP/1.1\r\n\(host)\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\n\(host)\r\n",
        "POST /a HTTP/1.1\r\n\(host)Content-Length: 1\r\nContent-Length: 1\r\n\r\n",
        "POST /a HTTP/1.1\r\n\(host)Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
        "POST /a HTTP/1.1\r\n\(host)Transfer-Encoding: chunked\r\n\r\n0\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\n\(host)a: 1\r\nb: 1\r\nc: 1\r\nd: 1\r\ne: 1\r\n\r\n",
        "GET / HTTP/1.1\r\n\(host)X: a\r\n b\r\n\r\n",
        "GET / HTTP/1.1\n\n",
    ]

    @Test("where the bytes are cut makes no difference", arguments: texts)
    func cuts(_ text: String) {
        let whole = Self.read([text])
        #expect(Self.read(text.unicodeScalars.map { String($0) }) == whole)
        let scalars = Array(text.unicodeScalars)
        for cut in 1..<scalars.count {
            var pieces = ["", ""]
            for (index, scalar) in scalars.enumerated() {
                pieces[index < cut ? 0 : 1].unicodeScalars.append(scalar)
            }
            #expect(Self.read(pieces) == whole, "cut at \(cut)")
        }
    }

    @Test("a pipelined request begins where the one before ends")
    func pipelined() {
        #expect(
            Self.read([Self.texts[1]]) == ["POST /a", "body hello", "end", "GET /b", "end"])
        #expect(
            Self.read([Self.texts[2]]) == ["POST /a", "body hello", "end", "GET /b", "end"])
    }

    @Test(
        "each violation has its name",
        arguments: [
            (5, "content_length"), (7, "trailer"), (8, "too_many_fields"), (9, "folded_line"),
            (10, "line_end"),
        ])
    func names(_ index: Int, _ name: String) {
        #expect(Self.read([Self.texts[index]]).last == "refused: \(name)")
    }

    @Test("a chunk that is longer than it says is refused before its surplus is believed")
    func longChunk() {
        #expect(Self.read([Self.texts[6]]) == ["POST /a", "body a", "refused: chunk"])
    }

    @Test("a head that does not end is refused when it is too large")
    func endless() {
        let head = "GET / HTTP/1.1\r\n\(Self.host)X: " + String(repeating: "y", count: 2_000)
        #expect(Self.read([head]) == ["refused: head_too_large"])
    }

    @Test("an absolute target is read as its path, and its authority must be the host")
    func absolute() {
        #expect(
            Self.read(["GET http://Edge/a HTTP/1.1\r\n\(Self.host)\r\n"]) == ["GET /a", "end"])
        #expect(Self.read(["GET http://edge HTTP/1.1\r\n\(Self.host)\r\n"]) == ["GET /", "end"])
        #expect(
            Self.read(["GET http://edge:80/ HTTP/1.1\r\n\(Self.host)\r\n"]) == ["refused: host"])
    }
}
