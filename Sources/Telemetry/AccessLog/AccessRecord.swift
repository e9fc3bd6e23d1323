package import SluiceVocabulary

/// How a request ended, as far as log and metrics tell requests apart.
package enum LogClass: UInt8, Sendable, CaseIterable {
    case ok, refused, error

    /// The journal word and metric label.
    package var name: String {
        switch self {
        case .ok: "ok"
        case .refused: "refused"
        case .error: "error"
        }
    }
}

/// What an entry is about: field `SLUICE_EVENT`.
package enum LogEvent: UInt8, Sendable, CaseIterable {
    case request, open, close, login, push, reload, upstream
    /// The process itself: start, stop, lost entries, and what libraries say through swift-log.
    case gateway
    /// Somebody changed something through the admin interface, or was not let.
    case admin

    package var name: String {
        switch self {
        case .request: "request"
        case .open: "open"
        case .close: "close"
        case .login: "login"
        case .push: "push"
        case .reload: "reload"
        case .upstream: "upstream"
        case .gateway: "gateway"
        case .admin: "admin"
        }
    }
}

/// What every entry of a connection says about it. Immutable: made when the connection opens and
/// again when its user is known.
package final class ConnectionLabel: Sendable {
    package let connection: ConnectionID
    package let transport: Transport
    /// The client's address.
    package let client: String
    /// The user, once a token was verified; never before.
    package let user: String?
    /// The client's own id of its device; empty if it gave none.
    package let device: String
    /// What the client says it runs on; empty if it did not.
    package let platform: String
    /// Name and version of the client's program; empty if it did not say.
    package let app: String
    /// The session; not logged, since whoever reads the journal need not know it.
    package let session: String
    /// One JSON object with the claims a policy uses.
    package let claims: String?

    package init(
        connection: ConnectionID, transport: Transport, client: String, user: String?,
        device: String, platform: String = "", app: String = "", session: String, claims: String?
    ) {
        self.connection = connection
        self.transport = transport
        self.client = client
        self.user = user
        self.device = device
        self.platform = platform
        self.app = app
        self.session = session
        self.claims = claims
    }
}

/// One journal entry to be. Absent values are empty, nil, zero or -1, as said at each.
///
/// Nothing in here may be a secret: no token, no payload, no query string.
package struct AccessRecord: Sendable {
    package var event: LogEvent
    package var logClass: LogClass
    /// A shadow rule would have refused this.
    package var isShadow = false
    /// Replaces the priority that follows from the class; 0 (emergency) to 7 (debug).
    package var priority: UInt8?
    /// Status of the reply, or the close code of a `close`.
    package var status: UInt32 = 0
    /// Command id; 0 = none.
    package var command: UInt32 = 0
    package var action = ""
    /// The policy rule that decided.
    package var rule: String?
    package var connection: ConnectionLabel?
    /// Counts the requests of a connection from 1; 0 = not a request.
    package var requestNumber: UInt64 = 0
    package var service = ""
    package var instance = ""
    package var attempts: UInt8 = 0
    /// From reading the request to queueing its answer; -1 = absent.
    package var durationNanoseconds: Int64 = -1
    /// The service's part of it; -1 = absent.
    package var upstreamNanoseconds: Int64 = -1
    package var bytesIn: UInt32 = 0
    /// What the policy counted: the payload; -1 = absent.
    package var payloadBytes: Int64 = -1
    package var bytesOut: UInt32 = 0
    package var topic: String?
    /// Method of an HTTP request; empty = none.
    package var method = ""
    /// What is left of the tightest limit; -1 = absent.
    package var remaining: Int64 = -1
    package var retryAfterMilliseconds: UInt64 = 0
    /// When it was decided; journald's own time is that of receipt.
    package var time: WallTime
    /// Revision of the policy in force.
    package var policy = ""
    /// The client's traceparent (W3C Trace Context).
    package var trace: String?
    /// How many requests this entry stands for.
    package var weight: UInt32 = 1
    /// Name of the refusal or close reason.
    package var refusal: String?
    /// The readable line; nil lets the writer compose one.
    package var message: String?
    /// Identifies the kind of event for `journalctl -x`: a constant of `MessageID`.
    package var messageID: String?
    /// Further fields; names are made to fit (`rules added` becomes `SLUICE_RULES_ADDED`).
    package var extra: [(String, String)] = []

    package init(event: LogEvent, logClass: LogClass, time: WallTime) {
        self.event = event
        self.logClass = logClass
        self.time = time
    }
}
