/// Why a call is not let through. Each is a value of the label `result` of
/// `sluice_admin_calls_total`.
package enum AdminRefusal: String, Error, Sendable, CaseIterable {
    case badHost = "bad_host"
    case misdirected
    case notFound = "not_found"
    case methodNotAllowed = "method_not_allowed"
    case badTarget = "bad_target"
    case originPresent = "origin_present"
    case unauthenticated
    case wrongToken = "wrong_token"
    case wrongUser = "wrong_user"
    case badContentType = "bad_content_type"
    case tooLarge = "too_large"

    /// The HTTP status (RFC 9110 section 15).
    package var status: Int {
        switch self {
        case .badHost, .badTarget: 400
        case .unauthenticated, .wrongToken: 401
        case .originPresent, .wrongUser: 403
        case .notFound: 404
        case .methodNotAllowed: 405
        case .tooLarge: 413
        case .badContentType: 415
        case .misdirected: 421
        }
    }

    /// The status in words.
    package var title: String {
        switch status {
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 413: "Content Too Large"
        case 415: "Unsupported Media Type"
        default: "Misdirected Request"
        }
    }

    /// What is wrong and what to do about it. Our own words, nothing of the request.
    package var detail: String {
        switch self {
        case .badHost: "Exactly one Host header is needed."
        case .misdirected:
            "Use localhost or a loopback address as host, and this port where something changes."
        case .notFound: "There is no such call; docs/admin.md lists them."
        case .methodNotAllowed: "Another method is understood here; the header Allow names it."
        case .badTarget: "The path or query is not percent-encoded UTF-8."
        case .originPresent:
            "A web page sent this. Calls that change something are for tools, not for browsers."
        case .unauthenticated:
            "Use the Unix socket (admin.socket), or send Authorization: Bearer with the token of "
                + "admin.token_file."
        case .wrongToken: "This is not the token of admin.token_file."
        case .wrongUser: "Only the gateway's own user and root may use the Unix socket."
        case .badContentType: "Send Content-Type: application/json."
        case .tooLarge: "The body is larger than this call takes."
        }
    }

    var response: AdminResponse {
        var response = AdminResponse.problem(status, title, detail, name: rawValue)
        if status == 401 { response.challenge = "Bearer realm=\"sluice admin\"" }
        return response
    }
}
