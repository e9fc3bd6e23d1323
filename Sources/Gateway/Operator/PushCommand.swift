import Foundation
import SluiceDocuments
import SluiceFraming
import SluiceSessions
import SluiceVocabulary

/// The body of `POST /v1/push`, read and checked.
struct PushCommand {
    let message: PushMessage
    let targets: PushTargets

    /// How many targets are named; nil for all.
    var targetCount: Int? {
        switch targets {
        case .users(let users): users.count
        case .sessions(let sessions): sessions.count
        case .all: nil
        }
    }

    /// Why a body is refused: names the problem for programs, and tells people what to write.
    struct Problem: Error {
        var name: String
        var detail: String
        var status = 400
    }

    private static let members = [
        "users", "sessions", "all", "cmd", "class", "ttl_ms", "data", "payload",
    ]
    private static let example =
        "{\"users\":[\"bob\"],\"cmd\":2000,\"data\":{\"text\":\"hi\"}}"

    init(_ body: [UInt8], maxTargets: Int) throws(Problem) {
        let value: JSONValue
        do throws(EnvelopeError) {
            value = try JSONValue(parsing: body)
        } catch {
            throw Problem(name: "bad_json", detail: "\(error.text) Write \(Self.example).")
        }
        guard let members = value.members else {
            throw Problem(name: "bad_json", detail: "Write an object: \(Self.example).")
        }
        if let unknown = members.first(where: { !Self.members.contains($0.0) }) {
            let hint = suggestion(for: unknown.0, among: Self.members) ?? ""
            throw Problem(name: "unknown_member", detail: "An unknown member is there; \(hint)")
        }
        targets = try Self.targets(value, maxTargets: maxTargets)
        message = try Self.message(value, body)
    }

    private static func targets(
        _ value: JSONValue, maxTargets: Int
    ) throws(Problem) -> PushTargets {
        let named = ["users", "sessions", "all"].filter { value[$0] != nil }
        guard named.count == 1 else {
            throw Problem(
                name: "bad_targets", detail: "Give one of `users`, `sessions` and `all: true`.")
        }
        if let all = value["all"] {
            guard all.bool == true else {
                throw Problem(name: "bad_targets", detail: "`all` can only be true.")
            }
            return .all
        }
        let list = (value["users"] ?? value["sessions"])?.array ?? []
        guard !list.isEmpty else {
            throw Problem(
                name: "bad_targets", detail: "`\(named[0])` is a list of at least one text.")
        }
        guard list.count <= maxTargets else {
            throw Problem(
                name: "too_many_targets",
                detail: "A push may name \(maxTargets) targets (limits.max_push_targets).",
                status: 413)
        }
        let texts = list.compactMap(\.string).filter { !$0.isEmpty }
        guard texts.count == list.count else {
            throw Problem(
                name: "bad_targets", detail: "`\(named[0])` holds texts, none of them empty.")
        }
        if named[0] == "users" { return .users(texts) }
        let sessions = texts.compactMap(SessionID.init(text:))
        guard sessions.count == texts.count else {
            throw Problem(name: "bad_targets", detail: "A session is 32 hexadecimal digits.")
        }
        return .sessions(sessions)
    }

    private static func message(
        _ value: JSONValue, _ body: [UInt8]
    ) throws(Problem) -> PushMessage {
        let first = Int64(GatewayCommand.firstApplicationCommand)
        guard let command = value["cmd"]?.integer, (first...Int64(UInt32.max)).contains(command)
        else {
            throw Problem(
                name: "bad_command",
                detail: "`cmd` is a number from \(first) on: 1-99 are the gateway's own.")
        }
        let classes = DeliveryClass.allCases
        let name = value["class"] ?? .string(DeliveryClass.must.name)
        guard let deliveryClass = classes.first(where: { $0.name == name.string }) else {
            let hint = suggestion(for: name.string ?? "", among: classes.map(\.name))
            throw Problem(
                name: "bad_class",
                detail: "`class` is must, latest or droppable" + (hint.map { "; " + $0 } ?? "."))
        }
        if let ttl = value["ttl_ms"] {
            guard let ttl = ttl.integer, (0...Int64(UInt32.max)).contains(ttl) else {
                throw Problem(name: "bad_ttl", detail: "`ttl_ms` is a number of milliseconds.")
            }
        }
        let (format, payload) = try payload(value, body)
        return PushMessage(
            command: UInt32(truncatingIfNeeded: command), deliveryClass: deliveryClass,
            format: format.rawValue, payload: payload)
    }

    /// `data` travels as the bytes it was written with; `payload` is base64.
    private static func payload(
        _ value: JSONValue, _ body: [UInt8]
    ) throws(Problem) -> (PayloadFormat, [UInt8]) {
        guard value["data"] == nil || value["payload"] == nil else {
            throw Problem(name: "bad_payload", detail: "Give `data` or `payload`, not both.")
        }
        if let encoded = value["payload"] {
            guard let text = encoded.string, let bytes = Data(base64Encoded: text) else {
                throw Problem(
                    name: "bad_payload", detail: "`payload` is base64; JSON goes to `data`.")
            }
            return (.opaque, Array(bytes))
        }
        guard value["data"] != nil else { return (.opaque, []) }
        let range: Range<Int>
        do throws(EnvelopeError) {
            range = try body.withBytes { bytes throws(EnvelopeError) in
                try JSONEnvelope.scan(bytes).payload.range
            }
        } catch {
            throw Problem(name: "bad_json", detail: error.text)
        }
        return (.json, Array(body[range]))
    }
}
