/// Why a request is not HTTP as RFC 9110 and RFC 9112 write it, or goes over a bound.
///
/// What follows such a request on the connection cannot be told apart from a smuggled one, so the
/// connection closes with the answer. The raw value is the metric label and the journal's word.
package enum HTTPViolation: String, Error, Sendable, CaseIterable {
    /// A line end that is not CRLF: bare CR or bare LF (RFC 9112 section 2.2).
    case lineEnd = "line_end"
    /// NUL or another control character.
    case controlCharacter = "control_character"
    /// Not `method SP target SP version`, and nothing else (RFC 9112 section 3).
    case requestLine = "request_line"
    case method
    case target
    /// A path for a route that a service could read otherwise than the gateway: `RoutePath`.
    case ambiguousPath = "ambiguous_path"
    /// Neither HTTP/1.1 nor HTTP/1.0.
    case version
    /// A field name that is no token, or white space before its colon (RFC 9112 section 5.1).
    case fieldName = "field_name"
    /// A field value that is not text.
    case fieldValue = "field_value"
    /// A field continued on the next line (RFC 9112 section 5.2).
    case foldedLine = "folded_line"
    /// No Host, several, a malformed one, or one that differs from the target's (RFC 9112 section 3.2).
    case host
    case contentLength = "content_length"
    case transferEncoding = "transfer_encoding"
    /// Content-Length beside Transfer-Encoding (RFC 9112 section 6.3).
    case bothLengths = "both_lengths"
    case chunk
    case trailer
    case expectation
    /// An upgrade with a body: where the new protocol begins would be anybody's guess.
    case upgradeWithBody = "upgrade_with_body"
    /// The head is larger than `max_header_bytes`.
    case headTooLarge = "head_too_large"
    /// More fields than `max_headers`.
    case tooManyFields = "too_many_fields"
    /// HTTP/2: what the protocol's own rules refuse (RFC 9113 section 8).
    case http2 = "http2"

    /// The status of the answer.
    var status: Int {
        switch self {
        case .headTooLarge, .tooManyFields: 431
        case .version: 505
        case .expectation: 417
        default: 400
        }
    }

    /// The limit that was hit, by its key in the configuration.
    var limit: String? {
        switch self {
        case .headTooLarge: "max_header_bytes"
        case .tooManyFields: "max_headers"
        default: nil
        }
    }

    /// A sentence for the client.
    var text: String {
        switch self {
        case .lineEnd: "Lines end with CRLF."
        case .controlCharacter: "A request has no control characters."
        case .requestLine: "A request begins with method, target and version, one space between."
        case .method: "This method is not spoken here."
        case .target: "The request target is not one."
        case .ambiguousPath:
            "The path has empty or dot segments, encoded slashes or control characters."
        case .version: "HTTP/1.1 and HTTP/1.0 are spoken here."
        case .fieldName: "A field name is a token with a colon behind it."
        case .fieldValue: "A field value is text in UTF-8, over HTTP/2 without blanks at its ends."
        case .foldedLine: "Fields are not continued on another line."
        case .host: "A request has one valid Host, the same as in its target."
        case .contentLength: "Content-Length is one decimal number, given once."
        case .transferEncoding: "Transfer-Encoding is `chunked`, once, and in HTTP/1.1."
        case .bothLengths: "Content-Length and Transfer-Encoding exclude each other."
        case .chunk: "The body is not in chunks as RFC 9112 writes them."
        case .trailer: "The trailer is malformed."
        case .expectation: "Only 100-continue can be expected."
        case .upgradeWithBody: "An upgrade has no body."
        case .headTooLarge: "The request head is too large."
        case .tooManyFields: "The request has too many header fields."
        case .http2: "The request breaks HTTP/2."
        }
    }
}
