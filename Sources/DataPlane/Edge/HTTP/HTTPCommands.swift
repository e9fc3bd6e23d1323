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

    func command(_ context: ChannelHandlerContext, _ head: HTTPRequestHead, named name: String) {
        let started = edge.tick.now
        let bytesIn = body.count
        switch prepare(head, name) {
        case .failure(let failure):
            edge.accountHTTP(
                self, failure.action, started, bytesIn, 0, failure.refusal, user: failure.user)
            answer(context, .problem(failure.refusal), keepAlive: head.isKeepAlive)
        case .success(let call):
            let pending = HTTPCall(
                entry: self, context: context, keepAlive: head.isKeepAlive, user: call.user)
            if let kind = edge.dispatch(call, body: body, pending) {
                let refusal = Refusal(kind)
                edge.accountHTTP(
                    self, call.command.action, started, bytesIn, 0, refusal, user: call.user)
                return answer(context, .problem(refusal), keepAlive: head.isKeepAlive)
            }
            isBusy = true
        }
    }

    /// A command that may be dispatched.
    struct PreparedCall {
        let command: Command
        let permit: Permit
        let user: String
        let stamp: [UInt8]
        let trace: String?
    }

    /// Why not, and whose request it was where that is proven.
    struct Failure: Error {
        let refusal: Refusal
        let action: ActionID
        var user: String?
    }

    private func prepare(_ head: HTTPRequestHead, _ name: String) -> Result<PreparedCall, Failure> {
        let principal: Principal
        do throws(TokenError) {
            principal = try edge.verifier.verify(bearer(head), now: edge.tick.wall)
            edge.meters.authentication("header", "ok")
        } catch {
            edge.meters.authentication("header", error.rawValue)
            let refusal = Refusal(error == .expired ? .tokenExpired : .unauthenticated)
            return .failure(Failure(refusal: refusal, action: .unknown))
        }
        subject.identify(principal: principal, session: nil, device: "")
        guard let command = edge.snapshot.upstream.commands.named(name), command.from == .client
        else {
            let refusal = limitUnknown() ?? Refusal(.commandNotFound)
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
                    trace: head.headers.first(name: "traceparent")))
        }
    }

    private func bearer(_ head: HTTPRequestHead) -> [UInt8] {
        guard let value = head.headers.first(name: "authorization"),
            value.prefix(7).lowercased() == "bearer "
        else { return [] }
        return Array(value.dropFirst(7).utf8)
    }

    private func limitUnknown() -> Refusal? {
        let call = PolicyCall(
            action: .unknown, bytes: body.count, transport: .http, topic: nil, loginUser: nil)
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
    let context: ChannelHandlerContext
    let keepAlive: Bool
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
        view.format = PayloadFormat.json.rawValue
        view.payload = ByteRange(start: 0, count: Int32(body.count))
        translation.clear()
        do throws(EnvelopeError) {
            try body.withBytes { bytes throws(EnvelopeError) in
                guard bytes.byteCount == 0 || JSONEnvelope.isWellFormed(bytes) else {
                    throw .malformedJSON(offset: 0)
                }
                try JSONEnvelope.appendProtobuf(view, from: bytes, to: &translation)
            }
        } catch {
            return .badRequest
        }
        let requester = nextHTTPID()
        let context = CallContext(
            requester: requester, seq: 0, command: call.command,
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
        case .reply(let view, let body): answer = Self.answer(view, body)
        }
        accountHTTP(
            call.entry, context.command.action, context.startedAt, Int(context.bytesIn),
            answer.body.count, refusal, user: call.user, call: (context, result))
        call.entry.answer(call.context, answer, keepAlive: call.keepAlive)
        return true
    }

    private static func answer(_ view: EnvelopeView, _ body: ByteBuffer) -> HTTPAnswer {
        let payload = body.getBytes(
            at: body.readerIndex + view.payload.range.lowerBound, length: Int(view.payload.count))
        var answer = HTTPAnswer(status: view.status == 0 ? 200 : 422, body: payload ?? [])
        if view.format != PayloadFormat.json.rawValue {
            answer.contentType = "application/octet-stream"
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
