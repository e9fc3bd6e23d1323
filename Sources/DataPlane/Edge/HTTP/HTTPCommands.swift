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
                return account(request, .unknown, .clientGone, user: nil)
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

    /// Asks the policy; a body that waits with its request is kept whole.
    private func command(_ request: CommandRequest, of principal: Principal) {
        subject.identify(principal: principal, session: nil, device: Device())
        guard let command = clientCommand(request.name) else {
            return refuseUnknown(request, of: principal)
        }
        let action = command.action
        guard request.body.count <= command.maxBytes else {
            return refuse(request, action, Refusal(.tooLarge), principal)
        }
        let question = PolicyQuestion(
            place: .request(self), subject: subject, principal: principal,
            deadline: request.startedAt.advanced(
                byMilliseconds: Int64(command.timeoutMilliseconds)),
            call: { [self] in
                clientCommand(request.name).map {
                    policyCall($0.action, bytes: request.body.count)
                }
            })
        edge.ask(question) { [self] answer in
            switch answer {
            case .no(let refusal, let closes):
                refuse(request, action, refusal, principal, closes: closes)
            case .go(let permit, let paused):
                dispatch(request, of: principal, permit, pausedMilliseconds: paused)
            }
        }
    }

    private func clientCommand(_ name: String) -> Command? {
        guard let command = edge.snapshot.upstream.commands.named(name), command.from == .client
        else { return nil }
        return command
    }

    private func refuseUnknown(_ request: CommandRequest, of principal: Principal) {
        let question = PolicyQuestion(
            place: .request(self), subject: subject, scope: .limitsOnly,
            call: { [self] in policyCall(.unknown, bytes: request.body.count) })
        edge.ask(question) { [self] answer in
            switch answer {
            case .no(let refusal, let closes):
                refuse(request, .unknown, refusal, principal, closes: closes)
            case .go(let permit, _):
                edge.callIsOver(permit.lease)
                refuse(request, .unknown, Refusal(.commandNotFound), principal)
            }
        }
    }

    private func dispatch(
        _ request: CommandRequest, of principal: Principal, _ permit: Permit,
        pausedMilliseconds: UInt32
    ) {
        // Looked up again: a reload may have come while it waited.
        guard let command = clientCommand(request.name) else {
            edge.callIsOver(permit.lease)
            return refuse(request, .unknown, Refusal(.commandNotFound), principal)
        }
        let call = PreparedCall(
            command: command, permit: permit, startedAt: request.startedAt,
            pausedMilliseconds: pausedMilliseconds,
            stamp: EnvelopeStamp.identity(
                user: principal.user, session: "", device: "", client: peer.text),
            trace: request.head.headers.first(name: "traceparent"),
            format: Self.format(request.head) ?? .json, key: Self.key(request.head))
        let pending = HTTPCall(
            entry: self, user: principal.user, limitFields: limitFields(of: permit))
        guard let kind = edge.dispatch(call, body: request.body, pending) else { return }
        edge.callIsOver(permit.lease)
        refuse(request, command.action, Refusal(kind), principal)
    }

    private func refuse(
        _ request: CommandRequest, _ action: ActionID, _ refusal: Refusal,
        _ principal: Principal, closes: Bool = false
    ) {
        account(request, action, refusal, user: principal.user)
        deny(refusal, closes: closes)
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
        let startedAt: MonotonicTime
        let pausedMilliseconds: UInt32
        let stamp: [UInt8]
        let trace: String?
        let format: PayloadFormat
        let key: String?
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
}

/// A command of an HTTP request that waits for its service.
struct HTTPCall {
    let entry: HTTPEntry
    let user: String
    /// What the answer tells of the tightest limit.
    let limitFields: [(String, String)]
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

    /// An HTTP request has neither session nor topic: each goes anywhere.
    private static func stickyKey(
        _ command: Command, _ call: HTTPCall, _ requester: ConnectionID
    ) -> UInt64 {
        switch command.stickyKey {
        case .session, .topic: requester.rawValue
        case .user: StickyHash.of(call.user)
        case .client: StickyHash.of(call.entry.peer.text)
        }
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
            requestNumber: pending.entry.requestNumber, startedAt: call.startedAt,
            bytesIn: UInt32(body.count), remaining: call.permit.remaining,
            stickyKey: Self.stickyKey(call.command, pending, requester), topic: nil,
            trace: call.trace,
            rule: call.permit.shadowRule ?? call.permit.rule,
            isShadow: call.permit.shadowRule != nil, lease: call.permit.lease,
            pausedMilliseconds: call.pausedMilliseconds)
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
        var answer: HTTPAnswer
        var refusal: Refusal?
        switch result.outcome {
        case .refused(let kind):
            refusal = Refusal(kind)
            answer = .problem(Refusal(kind))
        case .reply(let view, let body):
            answer = Self.answer(view, body)
            answer.headers += call.limitFields
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
            callIsOver(context.lease)
            accountHTTP(
                entry, context.command.action, context.startedAt, Int(context.bytesIn), 0,
                Refusal(.timedOut, message: "The client has gone."), user: call.user)
        }
    }
}
