import NIOCore
import SluiceFraming
import SluicePolicy
import SluiceTelemetry
import SluiceUpstream
import SluiceVocabulary

/// The exchange: the one place that knows the order of the steps.
///
/// parse -> authenticate -> look up -> direction -> size -> permit and limit -> dispatch, and later
/// the answer back. Every way out leaves one journal entry and one count.
extension EdgeLoop {
    /// Takes one message from a client. `bytes` are valid during this call.
    func receive(_ bytes: RawSpan, from client: ClientConnection) {
        client.requestNumber += 1
        var request = ClientRequest(bytesIn: bytes.byteCount, startedAt: tick.now)
        do throws(EnvelopeError) {
            request.view =
                client.codec == .json
                ? try JSONEnvelope.scan(bytes) : try ProtobufEnvelope.scan(bytes)
        } catch {
            return envelopeUnreadable(client, request, error)
        }
        guard
            client.isVersionSettled && request.view.version == 0
                || client.agree(on: request.view.version)
        else {
            refuse(client, request, Refusal(.unsupportedVersion))
            return client.close(.unsupportedVersion)
        }
        if request.view.cmd < GatewayCommand.firstApplicationCommand {
            return receiveOwn(request, bytes, from: client)
        }
        guard client.phase == .open else {
            return refuse(client, request, Refusal(.unauthenticated))
        }
        guard let command = lookUp(&request, from: client) else { return }
        guard request.view.payload.count <= command.maxBytes else {
            meters.limitExceeded("max_bytes")
            return refuse(client, request, Refusal(.tooLarge))
        }
        switch decide(request, bytes, client) {
        case .refuse(let refusal): refuse(client, request, refusal)
        case .go(let permit): dispatch(permit, command, request, bytes, client)
        }
    }

    /// The command, unless its id is unknown or not for clients; limits on `*` match those too.
    private func lookUp(_ request: inout ClientRequest, from client: ClientConnection) -> Command? {
        if let command = snapshot.upstream.commands.find(request.view.cmd), command.from == .client
        {
            request.action = command.action
            return command
        }
        let call = PolicyCall(
            action: .unknown, bytes: request.view.payloadCount, transport: client.transport,
            topic: nil, loginUser: nil)
        if case .refuse(let refusal) = evaluator.limitOnly(call, for: client.subject, now: tick.now)
        {
            refuse(client, request, refusal)
        } else {
            refuse(client, request, Refusal(.commandNotFound))
        }
        return nil
    }

    private func decide(
        _ request: ClientRequest, _ bytes: RawSpan, _ client: ClientConnection
    ) -> PolicyVerdict {
        let needsTopic = evaluator.needs(request.action).contains(.topic)
        let call = PolicyCall(
            action: request.action, bytes: request.view.payloadCount, transport: client.transport,
            topic: needsTopic ? text(request.view.topic, bytes, client) : nil, loginUser: nil)
        return evaluator.decide(call, for: client.subject, now: tick.now)
    }

    private func dispatch(
        _ permit: Permit, _ command: Command, _ request: ClientRequest, _ bytes: RawSpan,
        _ client: ClientConnection
    ) {
        let view = request.view
        let context = CallContext(
            requester: client.id, transport: client.transport, seq: view.seq, command: command,
            requestNumber: client.requestNumber, startedAt: request.startedAt,
            bytesIn: UInt32(request.bytesIn), remaining: permit.remaining,
            stickyKey: client.session?.low ?? 0, topic: text(view.topic, bytes, client),
            trace: text(view.trace, bytes, client), rule: permit.shadowRule ?? permit.rule,
            isShadow: permit.shadowRule != nil)
        let sent: Dispatch
        do throws(EnvelopeError) {
            if try translate(view, bytes, client) {
                let translated = translation
                sent = upstream.dispatch(
                    permit, envelope: translated.readableBytesSpan, stamp: client.stamp,
                    context: context)
            } else {
                sent = upstream.dispatch(
                    permit, envelope: bytes, stamp: client.stamp, context: context)
            }
        } catch {
            return envelopeUnreadable(client, request, error)
        }
        switch sent {
        case .refused(let kind): refuse(client, request, Refusal(kind), permit)
        case .sent(let isCongested):
            client.requestStarted()
            if isCongested {
                pausedByLink.append(client)
                client.pause(.link)
            }
        }
    }

    /// Puts the message into `translation` where it cannot go on as the client wrote it.
    private func translate(
        _ view: EnvelopeView, _ bytes: RawSpan, _ client: ClientConnection
    ) throws(EnvelopeError) -> Bool {
        guard client.codec == .json || view.hasGatewayFields else { return false }
        translation.clear()
        if client.codec == .json {
            try JSONEnvelope.appendProtobuf(view, from: bytes, to: &translation)
        } else {
            try ProtobufEnvelope.appendWithoutGatewayFields(bytes, to: &translation)
        }
        return true
    }

    /// Text of a header field; nil when the client left it out.
    func text(_ range: ByteRange, _ bytes: RawSpan, _ client: ClientConnection) -> String? {
        if range.isEmpty { return nil }
        return client.codec == .json
            ? JSONEnvelope.text(range, in: bytes) : ProtobufEnvelope.text(range, in: bytes)
    }

    /// A service answered, or will not: the last step of a dispatched message.
    func answer(_ context: CallContext, _ result: CallResult) {
        if answerHTTP(context, result) { return }
        let client = table.find(context.requester)
        client?.requestEnded()
        switch result.outcome {
        case .refused(let kind):
            let refusal = Refusal(kind)
            if context.seq != 0 { client?.send(refusal, cmd: context.command.id, seq: context.seq) }
            finish(context, result, client, refusal: refusal, status: kind.status, bytesOut: 0)
        case .reply(let view, let body):
            var refusal: Refusal?
            if context.seq != 0, let client {
                let head = EnvelopeHead(
                    version: 0, cmd: context.command.id, seq: context.seq, status: view.status,
                    kind: .reply, format: view.format, deliveryClass: nil)
                let payload = body.readableBytesSpan.extracting(view.payload.range)
                if !client.send(head, payload: payload) { refusal = Refusal(.badUpstreamAnswer) }
            }
            finish(
                context, result, client, refusal: refusal,
                status: refusal?.kind.status ?? view.status, bytesOut: UInt32(body.readableBytes))
        }
    }
}

/// One message of a client as the exchange walks with it.
struct ClientRequest {
    var view = EnvelopeView()
    var action = ActionID(index: 0)
    let bytesIn: Int
    let startedAt: MonotonicTime

    init(bytesIn: Int, startedAt: MonotonicTime) {
        self.bytesIn = bytesIn
        self.startedAt = startedAt
    }
}

extension EnvelopeView {
    /// Bytes of the payload as the policy counts them.
    var payloadCount: Int { Int(payload.count) }
}
