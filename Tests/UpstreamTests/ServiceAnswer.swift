/// What a service may answer, and what its caller gets.
struct ServiceAnswer {
    let bytes: String
    let wanted: String

    static let all: [String: Self] = [
        "no content": Self(
            bytes: "HTTP/1.1 204 No Content\r\n\r\n",
            wanted: "0 "),
        "a status of its own": Self(
            bytes: "HTTP/1.1 200 OK\r\nSluice-Status: 1042\r\nContent-Length: 2\r\n\r\nno",
            wanted: "1042 no"),
        "a status of its own with 422": Self(
            bytes: "HTTP/1.1 422 No\r\nSluice-Status: 2000\r\nContent-Length: 0\r\n\r\n",
            wanted: "2000 "),
        "a forged status": Self(
            bytes: "HTTP/1.1 200 OK\r\nSluice-Status: 403\r\nContent-Length: 0\r\n\r\n",
            wanted: "bad_upstream_answer"),
        "a status that is no number": Self(
            bytes: "HTTP/1.1 200 OK\r\nSluice-Status: x\r\nContent-Length: 0\r\n\r\n",
            wanted: "bad_upstream_answer"),
        "not found": Self(
            bytes: "HTTP/1.1 404 No\r\nContent-Length: 4\r\n\r\ngone",
            wanted: "1404 gone"),
        "unavailable": Self(
            bytes: "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n",
            wanted: "service_unavailable"),
        "too late": Self(
            bytes: "HTTP/1.1 504 No\r\nContent-Length: 0\r\n\r\n",
            wanted: "timed_out"),
        "broken": Self(
            bytes: "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
            wanted: "bad_upstream_answer"),
        "elsewhere": Self(
            bytes: "HTTP/1.1 302 No\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
            wanted: "bad_upstream_answer"),
        "continue, then ok": Self(
            bytes: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\ny",
            wanted: "0 y"),
        "chunks": Self(
            bytes:
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n",
            wanted: "0 abcd"),
        "two lengths": Self(
            bytes: "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            wanted: "bad_upstream_answer"),
        "one length twice": Self(
            bytes: "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
            wanted: "bad_upstream_answer"),
        "length and chunks": Self(
            bytes:
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            wanted: "bad_upstream_answer"),
        "an encoding nobody asked for": Self(
            bytes: "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            wanted: "bad_upstream_answer"),
        "chunks in HTTP/1.0": Self(
            bytes: "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            wanted: "bad_upstream_answer"),
        "an upgrade nobody asked for": Self(
            bytes: "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
            wanted: "bad_upstream_answer"),
        "a chunk without a length": Self(
            bytes: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            wanted: "bad_upstream_answer"),
        "another protocol": Self(
            bytes: "SSH-2.0-x\r\n\r\n",
            wanted: "bad_upstream_answer"),
        "a head without end": Self(
            bytes: "HTTP/1.1 200 OK\r\nX: \(String(repeating: "a", count: 20_000))",
            wanted: "bad_upstream_answer"),
    ]
}
