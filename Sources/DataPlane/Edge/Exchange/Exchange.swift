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
        take(bytes, from: client, startedAt: tick.now, pausedMilliseconds: 0)
    }

    /// The same, and once more when a pause is over.
    ///
    /// - Parameter pausedMilliseconds: how long it was not taken in since `startedAt`.
    func take(
        _ bytes: RawSpan, from client: ClientConnection, startedAt: MonotonicTime,
        pausedMilliseconds: UInt32
    ) {
        var request = ClientRequest(
            bytesIn: bytes.byteCount, startedAt: startedAt, pausedMilliseconds: pausedMilliseconds,
            decidedAt: tick.wall)
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
        guard let command = lookUp(&request, bytes, from: client) else { return }
        guard request.view.payload.count <= command.maxBytes else {
            meters.limitExceeded("max_bytes")
            return refuse(client, request, Refusal(.tooLarge))
        }
        let call = policyCall(request, bytes, client)
        switch evaluator.decide(call, for: client.subject, now: tick.now) {
        case .go(let permit): dispatch(permit, command, request, bytes, client)
        case .wait(let permit, let nanoseconds):
            delay(permit, nanoseconds, command, request, bytes, client)
        case .pause(_, let nanoseconds): pauseReading(nanoseconds, request, bytes, client)
        // `refuse` answers only where the client waits for it: that is what dropping asks for.
        case .refuse(let refusal), .drop(let refusal): refuse(client, request, refusal)
        case .close(let refusal): refuseAndClose(client, request, refusal)
        }
    }

    /// The command, unless its id is unknown or not for clients; limits on `*` match those too.
    private func lookUp(
        _ request: inout ClientRequest, _ bytes: RawSpan, from client: ClientConnection
    ) -> Command? {
        if let command = snapshot.upstream.commands.find(request.view.cmd), command.from == .client
        {
            request.action = command.action
            return command
        }
        let call = policyCall(request, bytes, client)
        switch evaluator.limitOnly(call, for: client.subject, now: tick.now) {
        case .go(let permit), .wait(let permit, _):
            // Answered at once: there is nothing to smooth.
            callIsOver(permit.lease)
            refuse(client, request, Refusal(.commandNotFound))
        case .pause(_, let nanoseconds): pauseReading(nanoseconds, request, bytes, client)
        case .refuse(let refusal), .drop(let refusal): refuse(client, request, refusal)
        case .close(let refusal): refuseAndClose(client, request, refusal)
        }
        return nil
    }

    /// A message as the policy sees it.
    @inline(__always)
    func policyCall(
        _ request: ClientRequest, _ bytes: RawSpan, _ client: ClientConnection
    ) -> PolicyCall {
        let needsTopic = evaluator.needs(request.action).contains(.topic)
        return PolicyCall(
            action: request.action, bytes: request.view.payloadCount, transport: client.transport,
            wall: tick.wall, topic: needsTopic ? text(request.view.topic, bytes, client) : nil)
    }

    /// What the calls of `command` have in common that go to one instance.
    @inline(__always)
    private func stickyKey(
        _ command: Command, _ client: ClientConnection, _ topic: String?
    ) -> UInt64 {
        let session = client.session?.low ?? 0
        switch command.stickyKey {
        case .session: return session
        case .user: return client.principal.map { StickyHash.of($0.user) } ?? session
        case .topic: return topic.map { StickyHash.of($0) } ?? session
        case .client: return StickyHash.of(client.label.client)
        }
    }

    /// Hands a message to its service. The permit's lease is with the call from here on.
    func dispatch(
        _ permit: Permit, _ command: Command, _ request: ClientRequest, _ bytes: RawSpan,
        _ client: ClientConnection
    ) {
        let view = request.view
        let topic = text(view.topic, bytes, client)
        let context = CallContext(
            requester: client.id, transport: client.transport, seq: view.seq, command: command,
            requestNumber: client.requestNumber, startedAt: request.startedAt,
            bytesIn: UInt32(request.bytesIn), remaining: permit.remaining,
            stickyKey: stickyKey(command, client, topic), topic: topic,
            trace: text(view.trace, bytes, client), rule: permit.shadowRule ?? permit.rule,
            isShadow: permit.shadowRule != nil, lease: permit.lease,
            pausedMilliseconds: request.pausedMilliseconds, decidedAt: request.decidedAt,
            payloadBytes: UInt32(clamping: view.payloadCount))
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
            callIsOver(permit.lease)
            return envelopeUnreadable(client, request, error)
        }
        switch sent {
        case .refused(let kind):
            callIsOver(permit.lease)
            refuse(client, request, Refusal(kind), permit)
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
        callIsOver(context.lease)
        if answerHTTP(context, result) { return }
        let client = table.find(context.requester)
        client?.requestEnded()
        switch result.outcome {
        case .refused(let kind):
            if context.seq != 0 {
                client?.send(Refusal(kind), cmd: context.command.id, seq: context.seq)
            }
            finish(context, result, client, refusal: kind, status: kind.status, bytesOut: 0)
        case .reply(let view, let body):
            var refusal: RefusalKind?
            if context.seq != 0, let client {
                let head = EnvelopeHead(
                    version: 0, cmd: context.command.id, seq: context.seq, status: view.status,
                    kind: .reply, format: view.format, deliveryClass: nil)
                let payload = body.readableBytesSpan.extracting(view.payload.range)
                if !client.send(head, payload: payload) { refusal = .badUpstreamAnswer }
            }
            finish(
                context, result, client, refusal: refusal,
                status: refusal?.status ?? view.status, bytesOut: UInt32(body.readableBytes))
        }
    }
}

/// One message of a client as the exchange walks with it.
struct ClientRequest {
    var view = EnvelopeView()
    var action = ActionID(index: 0)
    let bytesIn: Int
    let startedAt: MonotonicTime
    /// How long since then it was not taken in because of `pause_reads`; does not count for deadlines.
    let pausedMilliseconds: UInt32
    /// The turn in which the policy is asked, by the wall clock.
    let decidedAt: WallTime

    init(
        bytesIn: Int, startedAt: MonotonicTime, pausedMilliseconds: UInt32, decidedAt: WallTime
    ) {
        self.bytesIn = bytesIn
        self.startedAt = startedAt
        self.pausedMilliseconds = pausedMilliseconds
        self.decidedAt = decidedAt
    }
}

extension ClientRequest {
    /// What limits on bytes count; the gateway's own commands have none.
    var policyBytes: Int {
        view.cmd < GatewayCommand.firstApplicationCommand ? 0 : view.payloadCount
    }
}

extension EnvelopeView {
    /// Bytes of the payload as the policy counts them.
    var payloadCount: Int { Int(payload.count) }
}
