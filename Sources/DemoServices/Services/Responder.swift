import NIOCore
import SluiceFraming
import SluiceVocabulary

/// Answers the calls of one link.
final class Responder {
    /// Longest text of a message.
    static let maxTextBytes = 16_384
    /// Longest user id that is taken.
    static let maxUserBytes = 256

    private let world: World
    /// Pushes are numbered by this side of the link.
    private var lastPush: UInt32 = 0

    init(world: World) { self.world = world }

    /// What a command comes to.
    struct Answer {
        var status: UInt32 = 0
        var payload: Payload
        /// The user who gets a push, the push's command and its payload.
        var push: (user: String, command: DemoCommand, body: JSONValue)?

        enum Payload {
            case json(JSONValue)
            case bytes([UInt8])
        }

        static func ok(_ members: [(String, JSONValue)]) -> Answer {
            Answer(payload: .json(.object(members)))
        }

        static func failure(_ status: DemoStatus, _ text: String) -> Answer {
            Answer(
                status: status.rawValue, payload: .json(.object([("error", .string(text))])))
        }
    }

    /// Appends the reply to a call, and the pushes it causes. Every call is answered, for the gateway
    /// waits for it whether or not its client wants to know (seq 0).
    func answer(_ call: LinkFrame, into output: inout ByteBuffer) {
        let bytes = call.body.readableBytesSpan
        let view: EnvelopeView
        do throws(EnvelopeError) {
            view = try ProtobufEnvelope.scan(bytes)
        } catch {
            return reply(.failure(.badRequest, error.text), to: EnvelopeView(), call, &output)
        }
        if view.cmd == DemoCommand.echo.rawValue {
            let start = LinkCodec.beginFrame(.reply, stream: call.stream, into: &output)
            ServiceEnvelope.append(
                cmd: view.cmd, seq: view.seq, kind: .reply, format: view.format,
                payload: bytes.extracting(view.payload.range), to: &output)
            LinkCodec.endFrame(at: start, in: &output)
            return
        }
        reply(evaluate(view, bytes), to: view, call, &output)
    }

    private func reply(
        _ answer: Answer, to view: EnvelopeView, _ call: LinkFrame, _ output: inout ByteBuffer
    ) {
        let start = LinkCodec.beginFrame(.reply, stream: call.stream, into: &output)
        let payload: [UInt8]
        let format: PayloadFormat
        switch answer.payload {
        case .json(let body): (payload, format) = (body.text(), .json)
        case .bytes(let bytes): (payload, format) = (bytes, .opaque)
        }
        payload.withBytes {
            ServiceEnvelope.append(
                cmd: view.cmd, seq: view.seq, status: answer.status, kind: .reply,
                format: format.rawValue, payload: $0, to: &output)
        }
        LinkCodec.endFrame(at: start, in: &output)
        if let push = answer.push { deliver(push.body, push.command, to: push.user, &output) }
    }

    private func deliver(
        _ body: JSONValue, _ command: DemoCommand, to user: String, _ output: inout ByteBuffer
    ) {
        var envelope = ByteBuffer()
        body.text().withBytes {
            ServiceEnvelope.append(
                cmd: command.rawValue, seq: 0, kind: .push,
                format: PayloadFormat.json.rawValue, payload: $0, to: &envelope)
        }
        lastPush = lastPush == .max ? 1 : lastPush + 1
        LinkPush(targets: .users([user]), deliveryClass: .must, envelope: envelope)
            .append(stream: lastPush, to: &output)
    }

    private func evaluate(_ view: EnvelopeView, _ bytes: RawSpan) -> Answer {
        guard let command = DemoCommand(rawValue: view.cmd) else {
            return .failure(.notFound, "no such command")
        }
        let user = ServiceEnvelope.user(in: bytes)
        if command == .mediaUpload {
            guard user != nil else { return .failure(.badRequest, Self.noUser) }
            return upload(bytes.extracting(view.payload.range))
        }
        let payload: JSONValue
        if view.payload.isEmpty {
            payload = .object([])
        } else {
            do throws(EnvelopeError) {
                payload = try JSONValue(parsing: bytes.extracting(view.payload.range))
            } catch {
                return .failure(.badRequest, error.text)
            }
        }
        guard payload.members != nil else {
            return .failure(.badRequest, "the payload is not an object")
        }
        switch command {
        case .userLogin: return login(payload)
        case .userPresence: return presence(payload)
        case .userPresenceReset: return reset(payload)
        case .echo, .messageDeliver, .friendRequested, .mediaUpload:
            return .failure(.notFound, "no such command")
        case .messageSend, .messageHistory, .friendList, .friendRequest, .userProfile,
            .mediaDownload:
            guard let user else { return .failure(.badRequest, Self.noUser) }
            return evaluate(command, payload, for: user)
        }
    }

    private static let noUser = "the call names no user"

    private func evaluate(
        _ command: DemoCommand, _ payload: JSONValue, for user: String
    ) -> Answer {
        switch command {
        case .messageSend: send(payload, from: user)
        case .messageHistory: history(payload, of: user)
        case .friendList: friends(of: user)
        case .friendRequest: request(payload, from: user)
        case .mediaDownload: download(payload)
        default: profile(payload, for: user)
        }
    }
}

// MARK: - Commands

extension Responder {
    private func login(_ payload: JSONValue) -> Answer {
        guard let id = payload["user"]?.string, let password = payload["password"]?.string else {
            return .failure(.badRequest, "`user` and `password` are texts")
        }
        guard let user = Directory.authenticate(id, password: password) else {
            return .failure(.badCredentials, "user or password is wrong")
        }
        return .ok([
            ("user_id", .string(user.id)), ("roles", .array([.string("member")])),
            ("plan", .string(user.plan)),
        ])
    }

    private func presence(_ payload: JSONValue) -> Answer {
        guard let id = payload["user"]?.string, let isOnline = payload["online"]?.bool else {
            return .failure(.badRequest, "`user` is a text and `online` true or false")
        }
        // Users of load tests have no account and no friends; nothing is kept of them.
        guard let user = Directory.find(id) else { return .ok([("notify", .array([]))]) }
        world.setPresence(
            of: id, isOnline: isOnline, number: payload["number"]?.integer ?? 0,
            node: payload["node"]?.string ?? "")
        return .ok([("notify", .array(user.friends.map(JSONValue.string)))])
    }

    private func reset(_ payload: JSONValue) -> Answer {
        guard let node = payload["node"]?.string, payload["epoch"]?.integer != nil else {
            return .failure(.badRequest, "`node` is a text and `epoch` a number")
        }
        world.resetPresence(node: node)
        return .ok([])
    }

    private func send(_ payload: JSONValue, from user: String) -> Answer {
        guard let to = payload["to"]?.string, let text = payload["text"]?.string,
            !to.isEmpty, to.utf8.count <= Self.maxUserBytes
        else { return .failure(.badRequest, "`to` names a user and `text` is a text") }
        guard text.utf8.count <= Self.maxTextBytes else {
            return .failure(.tooLong, "`text` is longer than \(Self.maxTextBytes) bytes")
        }
        let message = world.send(from: user, to: to, text: text)
        var answer = Answer.ok([("id", .integer(message.id))])
        let body: [(String, JSONValue)] = [
            ("from", .string(user)), ("text", .string(text)), ("id", .integer(message.id)),
        ]
        answer.push = (to, .messageDeliver, .object(body))
        return answer
    }

    private func history(_ payload: JSONValue, of user: String) -> Answer {
        let peer = payload["with"]
        let limit = payload["limit"] ?? .integer(.max)
        guard peer == nil || peer?.string != nil, let limit = limit.integer, limit >= 0 else {
            return .failure(.badRequest, "`with` is a user and `limit` a number from 0 on")
        }
        let messages = world.history(of: user, with: peer?.string, limit: Int(clamping: limit))
        let list = messages.map { message in
            JSONValue.object([
                ("id", .integer(message.id)), ("from", .string(message.from)),
                ("to", .string(message.to)), ("text", .string(message.text)),
            ])
        }
        return .ok([("messages", .array(list))])
    }

    private func friends(of user: String) -> Answer {
        let friends = Directory.find(user)?.friends ?? []
        return .ok([("friends", .array(friends.map(JSONValue.string)))])
    }

    private func request(_ payload: JSONValue, from user: String) -> Answer {
        guard let asked = payload["user"]?.string, asked != user else {
            return .failure(.badRequest, "`user` is somebody else")
        }
        guard let other = Directory.find(asked) else {
            return .failure(.notFound, "no such user")
        }
        let areFriends = other.friends.contains(user)
        var answer = Answer.ok([("friends", .bool(areFriends))])
        if !areFriends {
            answer.push = (asked, .friendRequested, .object([("from", .string(user))]))
        }
        return answer
    }

    private func upload(_ bytes: RawSpan) -> Answer {
        let id = world.media.put((0..<bytes.byteCount).map { bytes.byte(at: $0) })
        return .ok([("id", .integer(id)), ("bytes", .integer(Int64(bytes.byteCount)))])
    }

    private func download(_ payload: JSONValue) -> Answer {
        guard let id = payload["id"]?.integer else {
            return .failure(.badRequest, "`id` is a number")
        }
        guard let bytes = world.media.find(id) else {
            return .failure(.notFound, "nothing is kept under this id")
        }
        return Answer(payload: .bytes(bytes))
    }

    private func profile(_ payload: JSONValue, for caller: String) -> Answer {
        let asked = payload["user"]
        guard asked == nil || asked?.string != nil else {
            return .failure(.badRequest, "`user` is a text")
        }
        guard let user = Directory.find(asked?.string ?? caller) else {
            return .failure(.notFound, "no such user")
        }
        return .ok([
            ("user_id", .string(user.id)), ("name", .string(user.name)),
            ("plan", .string(user.plan)), ("online", .bool(world.isOnline(user.id))),
        ])
    }
}

@available(*, unavailable)
extension Responder: Sendable {}
