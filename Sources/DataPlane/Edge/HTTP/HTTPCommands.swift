import NIOCore
import NIOHTTP1
import SluiceFraming
import SluiceIdentity
import SluicePolicy
import SluiceTelemetry
import SluiceUpstream
import SluiceVocabulary

/// `POST /v1/commands/{name}`: one command without a connection. Body = payload, reply = payload.
///
/// The same steps as in `Exchange`, with the token brought by every request.
extension HTTPEntry {
    static let commandPrefix = "/v1/commands/"

    func command(_ head: HTTPRequestHead, named name: String) {
        guard Self.format(head) != nil else {
            let refusal = Refusal(.badRequest, message: "The body is JSON, or bytes.")
            edge.accountHTTP(self, .unknown, edge.tick.now, body.count, 0, refusal)
            return answer(.problem(refusal, status: 415))
        }
        let request = CommandRequest(
            head: head, name: name, body: body, startedAt: edge.tick.now)
        edge.authenticate(bearer(head), method: "header") { [self] result in
            guard !isClosed else {
                return account(request, .unknown, Refusal(.timedOut), user: nil)
            }
            switch result {
            case .success(let principal): command(request, of: principal)
            case .failure(let failure):
                account(request, .unknown, failure.refusal, user: failure.user)
                answer(.problem(failure.refusal))
            }
        }
    }

    /// A command as it came, while somebody finds out whose it is.
    struct CommandRequest {
        let head: HTTPRequestHead
        let name: String
        let body: [UInt8]
        let startedAt: MonotonicTime
    }

    private func command(
        _ request: CommandRequest, of principal: Principal
    ) {
        switch prepare(request, principal) {
        case .failure(let failure):
            account(request, failure.action, failure.refusal, user: failure.user)
            answer(.problem(failure.refusal))
        case .success(let call):
            let pending = HTTPCall(entry: self, user: call.user)
            guard let kind = edge.dispatch(call, body: request.body, pending) else { return }
            account(request, call.command.action, Refusal(kind), user: call.user)
            answer(.problem(Refusal(kind)))
        }
    }

    private func account(
        _ request: CommandRequest, _ action: ActionID, _ refusal: Refusal, user: String?
    ) {
        edge.accountHTTP(
            self, action, request.startedAt, request.body.count, 0, refusal, user: user)
    }

    /// A command that may be dispatched.
    struct PreparedCall {
        let command: Command
        let permit: Permit
        let user: String
        let stamp: [UInt8]
        let trace: String?
        let format: PayloadFormat
        let key: String?
    }

    /// Why not, and whose request it was where that is proven.
    struct Failure: Error {
        let refusal: Refusal
        let action: ActionID
        var user: String?
    }

    private func prepare(
        _ request: CommandRequest, _ principal: Principal
    ) -> Result<PreparedCall, Failure> {
        let body = request.body
        subject.identify(principal: principal, session: nil, device: "")
        guard let command = edge.snapshot.upstream.commands.named(request.name),
            command.from == .client
        else {
            let refusal = limitUnknown(body.count) ?? Refusal(.commandNotFound)
            return .failure(Failure(refusal: refusal, action: .unknown, user: principal.user))
        }
        func failure(_ refusal: Refusal) -> Result<PreparedCall, Failure> {
            .failure(Failure(refusal: refusal, action: command.action, user: principal.user))
        }
        guard body.count <= command.maxBytes else { return failure(Refusal(.tooLarge)) }
        let call = PolicyCall(
            action: command.action, bytes: body.count, transport: .http, topic: nil, loginUser: nil)
        switch edge.evaluator.decide(call, for: subject, now: edge.tick.now) {
        case .refuse(let refusal): return failure(refusal)
        case .go(let permit):
            return .success(
                PreparedCall(
                    command: command, permit: permit, user: principal.user,
                    stamp: EnvelopeStamp.identity(
                        user: principal.user, session: "", device: "", client: peer.text),
                    trace: request.head.headers.first(name: "traceparent"),
                    format: Self.format(request.head) ?? .json, key: Self.key(request.head)))
        }
    }

    /// What the body is by its Content-Type; nil = neither JSON nor bytes (RFC 9110 section 15.5.16).
    ///
    /// Without one it is JSON, and so is a form: that is what curl calls a body nobody has named.
    private static func format(_ head: HTTPRequestHead) -> PayloadFormat? {
        guard let value = head.headers.first(name: "content-type") else { return .json }
        let type = value.prefix { $0 != ";" }.lowercased().filter { $0 != " " && $0 != "\t" }
        switch type {
        case "application/json", "application/x-www-form-urlencoded", "": return .json
        case "application/octet-stream", "application/x-protobuf", "application/protobuf":
            return .opaque
        default: return type.hasPrefix("application/") && type.hasSuffix("+json") ? .json : nil
        }
    }

    /// The client's idempotency key, where it is one a service may be told: 1 to 127 bytes.
    private static func key(_ head: HTTPRequestHead) -> String? {
        guard let key = head.headers.first(name: "idempotency-key"),
            (1...127).contains(key.utf8.count)
        else { return nil }
        return key
    }

    func bearer(_ head: HTTPRequestHead) -> [UInt8] {
        guard let value = head.headers.first(name: "authorization"),
            value.prefix(7).lowercased() == "bearer "
        else { return [] }
        return Array(value.dropFirst(7).utf8)
    }

    private func limitUnknown(_ bytes: Int) -> Refusal? {
        let call = PolicyCall(
            action: .unknown, bytes: bytes, transport: .http, topic: nil, loginUser: nil)
        guard
            case .refuse(let refusal) = edge.evaluator.limitOnly(
                call, for: subject, now: edge.tick.now)
        else { return nil }
        return refusal
    }
}

/// A command of an HTTP request that waits for its service.
struct HTTPCall {
    let entry: HTTPEntry
    let user: String
}

@available(*, unavailable)
extension HTTPCall: Sendable {}

extension EdgeLoop {
    /// Slot of requesters that are HTTP requests, above any connection's.
    private static let httpSlot = 0xFF_FFFF

    /// An id for an HTTP connection or for one call of it.
    func nextHTTPID() -> ConnectionID {
        httpCallNumber &+= 1
        return ConnectionID(loop: index, slot: Self.httpSlot, generation: httpCallNumber)
    }

    /// Sends the command on its way; nil when it went.
    func dispatch(_ call: HTTPEntry.PreparedCall, body: [UInt8], _ pending: HTTPCall)
        -> RefusalKind?
    {
        var view = EnvelopeView()
        view.cmd = call.command.id
        view.format = call.format.rawValue
        view.payload = ByteRange(start: 0, count: Int32(body.count))
        translation.clear()
        do throws(EnvelopeError) {
            try body.withBytes { bytes throws(EnvelopeError) in
                guard
                    bytes.byteCount == 0 || call.format == .opaque
                        || JSONEnvelope.isWellFormed(bytes)
                else {
                    throw .malformedJSON(offset: 0)
                }
                try JSONEnvelope.appendProtobuf(view, from: bytes, to: &translation)
            }
            if let key = call.key {
                // Envelope field 10; its length fits into one byte.
                translation.writeInteger(UInt8(10 << 3 | 2))
                translation.writeInteger(UInt8(key.utf8.count))
                translation.writeString(key)
            }
        } catch {
            return .badRequest
        }
        let requester = nextHTTPID()
        let context = CallContext(
            requester: requester, transport: .http, seq: 0, command: call.command,
            requestNumber: pending.entry.requestNumber, startedAt: tick.now,
            bytesIn: UInt32(body.count), remaining: call.permit.remaining,
            stickyKey: requester.rawValue, topic: nil, trace: call.trace,
            rule: call.permit.shadowRule ?? call.permit.rule,
            isShadow: call.permit.shadowRule != nil)
        let translated = translation
        switch upstream.dispatch(
            call.permit, envelope: translated.readableBytesSpan, stamp: call.stamp,
            context: context)
        {
        case .refused(let kind): return kind
        case .sent:
            httpCalls[requester.generation] = pending
            pending.entry.underWay = requester
            return nil
        }
    }

    /// True when the answer was for an HTTP request.
    func answerHTTP(_ context: CallContext, _ result: CallResult) -> Bool {
        guard context.requester.slot == Self.httpSlot else { return false }
        guard let call = httpCalls.removeValue(forKey: context.requester.generation) else {
            return true
        }
        call.entry.underWay = nil
        let answer: HTTPAnswer
        var refusal: Refusal?
        switch result.outcome {
        case .refused(let kind):
            refusal = Refusal(kind)
            answer = .problem(Refusal(kind))
        case .reply(let view, let body):
            answer = Self.answer(view, body)
            if answer.status == 502 { refusal = Refusal(.badUpstreamAnswer) }
        }
        accountHTTP(
            call.entry, context.command.action, context.startedAt, Int(context.bytesIn),
            answer.body.count, refusal, user: call.user, call: (context, result))
        call.entry.answer(answer)
        return true
    }

    private static func answer(_ view: EnvelopeView, _ body: ByteBuffer) -> HTTPAnswer {
        let payload = body.getBytes(
            at: body.readerIndex + view.payload.range.lowerBound, length: Int(view.payload.count))
        var answer = HTTPAnswer(status: view.status == 0 ? 200 : 422, body: payload ?? [])
        if view.format != PayloadFormat.json.rawValue {
            answer.contentType = "application/octet-stream"
        } else if !answer.body.isEmpty,
            !answer.body.withBytes({ JSONEnvelope.isWellFormed($0) })
        {
            // The service called its payload JSON and it is not.
            return .problem(Refusal(.badUpstreamAnswer))
        }
        if view.status != 0 { answer.headers.append(("Sluice-Status", String(view.status))) }
        return answer
    }

    /// The client of an HTTP request has gone before its answer.
    func abandonHTTP(_ requester: ConnectionID, _ entry: HTTPEntry) {
        guard let call = httpCalls.removeValue(forKey: requester.generation) else { return }
        for context in upstream.cancel(requester: requester) {
            accountHTTP(
                entry, context.command.action, context.startedAt, Int(context.bytesIn), 0,
                Refusal(.timedOut, message: "The client has gone."), user: call.user)
        }
    }
}
