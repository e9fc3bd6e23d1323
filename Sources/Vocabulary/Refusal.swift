/// Every way in which the gateway says no. The catalogue is the one place that names them.
///
/// `docs/protocol.md` holds the same table; a test compares the two.
package enum RefusalKind: UInt8, Sendable, CaseIterable {
    case badRequest
    case unsupportedVersion
    case unauthenticated
    case tokenExpired
    case badCredentials
    case permissionDenied
    case commandNotFound
    case tooLarge
    case rateLimited
    case internalError
    case badUpstreamAnswer
    case serviceUnavailable
    case overloaded
    case timedOut
    case revoked

    /// Who is at fault, told in docs and metrics.
    package enum Source: String, Sendable { case client, policy, upstream, gateway }

    /// One row of the catalogue.
    package struct Entry: Sendable {
        /// The refusal's identity on the wire, in metrics and in the journal.
        package let name: String
        /// Envelope status, and HTTP status where HTTP has no better one.
        package let status: UInt32
        package let source: Source
        /// True when the same request may succeed later without being changed.
        package let temporary: Bool
        /// What a client is told when nothing better is known.
        package let message: String
    }

    package var entry: Entry { Self.catalogue[Int(rawValue)] }
    package var name: String { entry.name }
    package var status: UInt32 { entry.status }

    private static let catalogue: [Entry] = allCases.map { $0.makeEntry() }

    private func makeEntry() -> Entry {
        switch self {
        case .badRequest:
            Entry(
                name: "bad_request", status: 400, source: .client, temporary: false,
                message: "The request cannot be read.")
        case .unsupportedVersion:
            Entry(
                name: "unsupported_version", status: 400, source: .client, temporary: false,
                message:
                    "This protocol version is not spoken here; spoken: \(ProtocolVersion.list).")
        case .unauthenticated:
            Entry(
                name: "unauthenticated", status: 401, source: .client, temporary: false,
                message: "Authenticate first: the token is missing or not accepted.")
        case .tokenExpired:
            Entry(
                name: "token_expired", status: 401, source: .client, temporary: false,
                message: "The token has expired; get a new one and come back.")
        case .badCredentials:
            Entry(
                name: "bad_credentials", status: 401, source: .client, temporary: false,
                message: "User or password is wrong.")
        case .permissionDenied:
            Entry(
                name: "permission_denied", status: 403, source: .policy, temporary: false,
                message: "The policy does not permit this.")
        case .commandNotFound:
            Entry(
                name: "command_not_found", status: 404, source: .client, temporary: false,
                message: "No such command is offered to clients.")
        case .tooLarge:
            Entry(
                name: "too_large", status: 413, source: .client, temporary: false,
                message: "The message is larger than this command allows.")
        case .rateLimited:
            Entry(
                name: "rate_limited", status: 429, source: .policy, temporary: true,
                message: "Too many requests; wait before the next one.")
        case .internalError:
            Entry(
                name: "internal_error", status: 500, source: .gateway, temporary: true,
                message: "The gateway failed; the operator has been told.")
        case .badUpstreamAnswer:
            Entry(
                name: "bad_upstream_answer", status: 502, source: .upstream, temporary: true,
                message: "The service's answer cannot be read.")
        case .serviceUnavailable:
            Entry(
                name: "service_unavailable", status: 503, source: .upstream, temporary: true,
                message: "The service cannot be reached now.")
        case .overloaded:
            Entry(
                name: "overloaded", status: 503, source: .gateway, temporary: true,
                message: "Too much is waiting already; come back later.")
        case .timedOut:
            Entry(
                name: "timed_out", status: 504, source: .upstream, temporary: true,
                message: "The service did not answer in time.")
        case .revoked:
            Entry(
                name: "revoked", status: 401, source: .client, temporary: false,
                message: "The token or its user is revoked; a refresh does not help.")
        }
    }
}

/// A no to one request: what a client, the journal and the metrics are told.
package struct Refusal: Sendable, Equatable, Error {
    package var kind: RefusalKind
    /// Replaces the catalogue's message. Never holds a secret or a payload.
    package var message: String?
    /// Name of the policy rule that decided; `default` is the default verdict. Nil when none did.
    package var rule: String?
    /// When the same request can succeed, in milliseconds from now; 0 = not known.
    package var retryAfterMilliseconds: UInt64
    /// The limit that refused, where one did.
    package var limit: LimitFacts?

    package init(
        _ kind: RefusalKind, message: String? = nil, rule: String? = nil,
        retryAfterMilliseconds: UInt64 = 0, limit: LimitFacts? = nil
    ) {
        self.kind = kind
        self.message = message
        self.rule = rule
        self.retryAfterMilliseconds = retryAfterMilliseconds
        self.limit = limit
    }

    /// What the client reads.
    package var text: String { message ?? kind.entry.message }
}
