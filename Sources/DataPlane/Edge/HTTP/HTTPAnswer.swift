import NIOCore
import NIOHTTP1
import SluiceFraming
import SluiceVocabulary

/// A fixed page the gateway serves, such as the demo's chat page.
package struct StaticPage: Sendable {
    package var contentType: String
    package var body: [UInt8]

    package init(contentType: String, body: [UInt8]) {
        self.contentType = contentType
        self.body = body
    }
}

/// One HTTP response, written whole (RFC 9112).
struct HTTPAnswer {
    var status: Int
    var contentType = "application/json"
    var body: [UInt8] = []
    var headers: [(String, String)] = []

    /// A JSON body.
    static func json(_ status: Int, _ body: [UInt8]) -> Self { Self(status: status, body: body) }

    /// The problem of a refusal (RFC 9457), with the same facts as `Refusal` has on a WebSocket.
    ///
    /// - Parameter status: where HTTP has a better one than the refusal's.
    static func problem(_ refusal: Refusal, status: Int? = nil) -> Self {
        let status = status ?? Int(refusal.kind.status)
        let isQuota = refusal.kind == .rateLimited
        var members: [(String, JSONValue)] = [
            ("type", .string(isQuota ? quotaExceeded : "about:blank")),
            ("title", .string(refusal.kind.name)),
            ("status", .integer(Int64(status))), ("detail", .string(refusal.text)),
            ("name", .string(refusal.kind.name)),
            ("temporary", .bool(refusal.kind.entry.temporary)),
        ]
        if let rule = refusal.rule {
            members.append(("rule", .string(rule)))
            if isQuota { members.append(("violated-policies", .array([.string(rule)]))) }
        }
        var answer = Self(
            status: status, contentType: "application/problem+json")
        if refusal.retryAfterMilliseconds > 0 {
            let milliseconds = refusal.retryAfterMilliseconds
            members.append(("retry_after_ms", .integer(Int64(clamping: milliseconds))))
            answer.headers.append(("Retry-After", String((milliseconds + 999) / 1_000)))
        }
        if let limit = refusal.limit { answer.headers += limit.fields }
        if refusal.kind == .unauthenticated || refusal.kind == .tokenExpired {
            answer.headers.append(("WWW-Authenticate", "Bearer"))
        }
        answer.body = JSONValue.object(members).text()
        return answer
    }

    /// The type of problem of a limit (draft-ietf-httpapi-ratelimit-headers-10 section 7).
    private static let quotaExceeded =
        "https://iana.org/assignments/http-problem-types#quota-exceeded"

    /// Appends the response's bytes.
    func write(
        into buffer: inout ByteBuffer, keepAlive: Bool, isHead: Bool, version: HTTPVersion
    ) {
        buffer.writeString("HTTP/1.1 \(status) \(Self.reason(status))\r\n")
        if status != 204 {
            buffer.writeString(
                "Content-Type: \(contentType)\r\nContent-Length: \(body.count)\r\n")
        }
        for (name, value) in headers { buffer.writeString("\(name): \(value)\r\n") }
        if !keepAlive {
            buffer.writeString("Connection: close\r\n")
        } else if version == .http1_0 {
            buffer.writeString("Connection: keep-alive\r\n")
        }
        buffer.writeString("\r\n")
        if !isHead { buffer.writeBytes(body) }
    }

    private static func reason(_ status: Int) -> String {
        switch status {
        case 413: "Content Too Large"
        default: HTTPResponseStatus(statusCode: status).reasonPhrase
        }
    }
}
