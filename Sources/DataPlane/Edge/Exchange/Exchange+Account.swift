import SluiceFraming
import SluicePolicy
import SluiceTelemetry
import SluiceUpstream
import SluiceVocabulary

/// The account of every message: one count and one journal entry for each way out of the exchange.
extension EdgeLoop {
    /// Says no to one request. The connection stays unless the caller closes it.
    func refuse(
        _ client: ClientConnection, _ request: ClientRequest, _ refusal: Refusal,
        _ permit: Permit? = nil
    ) {
        if request.view.seq != 0 || request.view.cmd == GatewayCommand.auth.rawValue {
            client.send(refusal, cmd: request.view.cmd, seq: request.view.seq)
        }
        let outcome = Self.logClass(of: refusal.kind)
        count(client.transport, request.action, outcome, since: request.startedAt)
        let weight = log.weight(for: outcome, action: request.action)
        guard weight > 0 else { return }
        var record = record(client, request.action, outcome, weight)
        record.refusal = refusal.kind.name
        record.status = refusal.kind.status
        record.command = request.view.cmd
        record.rule = refusal.rule ?? permit?.rule
        record.retryAfterMilliseconds = refusal.retryAfterMilliseconds
        record.durationNanoseconds = tick.now.nanoseconds(since: request.startedAt)
        record.time = decisionTime(of: request)
        record.bytesIn = UInt32(request.bytesIn)
        record.payloadBytes = Int64(request.policyBytes)
        write(record, client.transport, request.action)
    }

    /// Says no, and that it is time to go: `on_limit: close`.
    func refuseAndClose(
        _ client: ClientConnection, _ request: ClientRequest, _ refusal: Refusal
    ) {
        refuse(client, request, refusal)
        client.close(.rateLimited)
    }

    /// A request the gateway answered itself.
    func finishOwn(_ client: ClientConnection, _ request: ClientRequest, bytesOut: Int) {
        count(client.transport, request.action, .ok, since: request.startedAt)
        let weight = log.weight(for: .ok, action: request.action)
        guard weight > 0 else { return }
        var record = record(client, request.action, .ok, weight)
        if request.action == .authLogin { record.event = .login }
        record.command = request.view.cmd
        record.durationNanoseconds = tick.now.nanoseconds(since: request.startedAt)
        record.time = decisionTime(of: request)
        record.bytesIn = UInt32(request.bytesIn)
        record.payloadBytes = Int64(request.policyBytes)
        record.bytesOut = UInt32(bytesOut)
        write(record, client.transport, request.action)
    }

    /// A request that went to a service. `client` is nil when it has gone meanwhile.
    func finish(
        _ context: CallContext, _ result: CallResult, _ client: ClientConnection?,
        refusal: RefusalKind?, status: UInt32, bytesOut: UInt32
    ) {
        let outcome: LogClass = refusal == nil ? .ok : .error
        count(context.transport, context.command.action, outcome, since: context.startedAt)
        let weight = log.weight(for: outcome, action: context.command.action)
        guard weight > 0 else { return }
        var record = record(client, context.command.action, outcome, weight)
        record.requestNumber = context.requestNumber
        record.refusal = refusal?.name
        record.status = status
        record.durationNanoseconds = tick.now.nanoseconds(since: context.startedAt)
        record.time = context.decidedAt
        record.bytesIn = context.bytesIn
        record.bytesOut = bytesOut
        Self.describe(context, result, in: &record)
        write(record, context.transport, context.command.action)
    }

    /// Where a token must be verified first the policy is asked when that is done.
    private func decisionTime(of request: ClientRequest) -> WallTime {
        switch request.action {
        case .sessionConnect, .authRefresh: tick.wall
        default: request.decidedAt
        }
    }

    private func count(
        _ transport: Transport, _ action: ActionID, _ outcome: LogClass, since start: MonotonicTime
    ) {
        let meters = meters.request(transport, action)
        meters.count(outcome)
        meters.duration.record(nanoseconds: tick.now.nanoseconds(since: start))
    }

    /// Writes the entry of a counted request, which may stand for its bucket from now on.
    private func write(
        _ record: consuming AccessRecord, _ transport: Transport, _ action: ActionID
    ) {
        meters.request(transport, action).note(record)
        log.write(record)
    }

    func record(
        _ client: ClientConnection?, _ action: ActionID, _ outcome: LogClass, _ weight: UInt32
    ) -> AccessRecord {
        var record = AccessRecord(event: .request, logClass: outcome, time: tick.wall)
        record.action = name(of: action)
        record.connection = client?.label
        record.requestNumber = client?.requestNumber ?? 0
        record.policy = snapshot.policy.revision
        record.weight = weight
        return record
    }

    /// Name of an action; `unknown` where a reload has taken it away meanwhile.
    func name(of action: ActionID) -> String {
        let catalog = snapshot.policy.catalog
        return catalog.name(of: action.index < catalog.count ? action : .unknown)
    }

    static func logClass(of kind: RefusalKind) -> LogClass {
        switch kind.entry.source {
        case .client, .policy: .refused
        case .upstream, .gateway: .error
        }
    }

    // MARK: What closes a connection

    /// The envelope cannot be read: nothing after it can be trusted either.
    func envelopeUnreadable(
        _ client: ClientConnection, _ request: ClientRequest, _ error: EnvelopeError
    ) {
        refuse(client, request, Refusal(.badRequest, message: error.text))
        client.close(.badEnvelope)
    }

    /// The payload of one of the gateway's own commands cannot be read; the connection stays.
    func payloadUnreadable(
        _ client: ClientConnection, _ request: ClientRequest, _ error: EnvelopeError
    ) {
        refuse(client, request, Refusal(.badRequest, message: error.text))
    }

    /// The peer broke RFC 6455.
    func protocolViolated(_ client: ClientConnection, _ reason: CloseReason) {
        if reason == .tooLarge { meters.limitExceeded("max_frame_bytes") }
        client.close(reason)
    }

    // MARK: Connections

    func logOpen(_ client: ClientConnection) {
        let weight = log.weight(for: .ok, action: .sessionConnect)
        guard weight > 0 else { return }
        var record = record(client, .sessionConnect, .ok, weight)
        record.event = .open
        if let certificate = client.peer.clientCertificate {
            record.extra.append(("SLUICE_CLIENT_CERTIFICATE", certificate))
        }
        log.write(record)
    }

    func logClose(_ client: ClientConnection, _ reason: CloseReason) {
        let outcome: LogClass
        switch reason {
        case .clientClosed, .connectionLost, .drain, .superseded, .tokenExpired: outcome = .ok
        case .internalError, .overload: outcome = .error
        default: outcome = .refused
        }
        let weight = log.weight(for: outcome, action: .sessionConnect)
        guard weight > 0 else { return }
        var record = record(client, .sessionConnect, outcome, weight)
        record.event = .close
        record.status = UInt32(reason.code)
        record.refusal = reason.name
        record.durationNanoseconds = tick.now.nanoseconds(since: client.openedAt)
        log.write(record)
    }

    /// Requests of a client that has gone: the services are told, each request is accounted for.
    func clientGone(_ client: ClientConnection) {
        client.waiting?.cancel()
        for context in upstream.cancel(requester: client.id) {
            callIsOver(context.lease)
            count(client.transport, context.command.action, .error, since: context.startedAt)
            let weight = log.weight(for: .error, action: context.command.action)
            guard weight > 0 else { continue }
            var record = record(client, context.command.action, .error, weight)
            record.requestNumber = context.requestNumber
            record.refusal = "client_gone"
            record.command = context.command.id
            record.service = context.command.service
            record.durationNanoseconds = tick.now.nanoseconds(since: context.startedAt)
            record.time = context.decidedAt
            record.bytesIn = context.bytesIn
            record.payloadBytes = Int64(context.payloadBytes)
            record.topic = context.topic
            record.rule = context.rule
            write(record, client.transport, context.command.action)
        }
    }

    /// The claims a policy looks at, as one JSON object, so that a replay can decide again.
    func claimsText(of principal: Principal) -> String? {
        var members: [(String, JSONValue)] = []
        for name in snapshot.policy.claimsUsed {
            if let value = principal.claims[name] { members.append((name, JSONValue(value))) }
        }
        return members.isEmpty
            ? nil : String(decoding: JSONValue.object(members).text(), as: UTF8.self)
    }
}

extension ConnectionLabel {
    /// The same connection once its id is known.
    func with(connection: ConnectionID) -> ConnectionLabel {
        ConnectionLabel(
            connection: connection, transport: transport, client: client, user: user,
            device: device, platform: platform, app: app, session: session, claims: claims)
    }
}
