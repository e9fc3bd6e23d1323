import SluiceAdmin
import SluiceEdge
import SluiceFraming
import SluiceSessions
import SluiceVocabulary

/// `/v1/users/{id}/connections`: who somebody is connected by, and the end of it.
extension ControlRoom {
    private static let path = "/v1/users/{id}/connections"

    var connectionsCall: AdminRoute {
        AdminRoute(.get, Self.path, action: "admin.connections") { [self] call in
            guard let found = await gateway.connections(of: call.parameter) else {
                return .stopping
            }
            return .json(
                Self.text(
                    .object([
                        ("user", .string(call.parameter)),
                        ("connections", .array(found.map { Self.describe($0.summary) })),
                    ])))
        }
    }

    private static func describe(_ one: ConnectionSummary) -> JSONValue {
        .object([
            ("session", .string(one.session.text)), ("device", .string(one.device)),
            ("transport", .string(one.transport.name)),
            ("codec", one.codec.map { .string($0 == .json ? "json" : "protobuf") } ?? .null),
            ("client", .string(one.client)), ("connected_since", .integer(one.since.seconds)),
            ("version", .integer(Int64(one.version))), ("in_flight", .integer(Int64(one.inFlight))),
            ("bytes_queued", .integer(Int64(one.queuedBytes))),
        ])
    }

    var kickCall: AdminRoute {
        AdminRoute(.delete, Self.path, action: "admin.kick", maxBodyBytes: 1_024) {
            [self] call in
            var choice = KickChoice()
            for (name, value) in call.query {
                guard choice.narrow(name, value) else {
                    return .problem(
                        400, "Bad Request",
                        "The query may name `session` (32 hexadecimal digits) and `device`, once.",
                        name: "bad_query")
                }
            }
            guard let kicked = await gateway.kick(call.parameter, where: choice.includes) else {
                return .stopping
            }
            return .json(
                Self.text(.object([("kicked", .integer(Int64(kicked)))])),
                summary: "\(choice.text) of user \(call.parameter): \(kicked) closed")
        }
    }
}

/// Which of a user's connections are meant: all, those of a session, those of a device.
struct KickChoice: Sendable {
    private var session: SessionID?
    private var device: String?

    /// Takes one pair of the query; false when it says nothing known, or says it twice.
    mutating func narrow(_ name: String, _ value: String) -> Bool {
        switch name {
        case "session":
            guard session == nil, let id = SessionID(text: value) else { return false }
            session = id
        case "device":
            guard device == nil else { return false }
            device = value
        default: return false
        }
        return true
    }

    func includes(_ entry: SessionEntry) -> Bool {
        (session == nil || entry.session == session) && (device == nil || entry.device == device)
    }

    /// For the journal: a session's id stays out of it.
    var text: String {
        session != nil ? "one session" : device.map { "device `\($0)`" } ?? "every connection"
    }
}
