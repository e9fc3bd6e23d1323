import NIOCore
import SluiceFraming
import SluicePolicy
import SluiceSessions
import SluiceTelemetry
import SluiceUpstream
import SluiceVocabulary

/// A service speaks first: its push finds the users' connections on all loops.
extension EdgeLoop {
    /// Takes a push from a link; `done` answers the service. Pushes need no permission, but pass limits.
    func receive(
        _ push: LinkPush, from peer: LinkPeer, _ done: @escaping (PushResult) -> Void
    ) {
        let view: EnvelopeView
        do throws(EnvelopeError) {
            view = try ProtobufEnvelope.scan(push.envelope.readableBytesSpan)
        } catch {
            log.writePush(error: error.text, tick: tick)
            return done(PushResult())
        }
        if case .users(let users) = push.targets, users.count > limits.maxPushTargets {
            meters.limitExceeded("max_push_targets")
            log.writePush(error: "more targets than max_push_targets", tick: tick)
            return done(PushResult())
        }
        if view.cmd == GatewayCommand.userChanged.rawValue {
            // Said to the gateway, not to clients: what it knows of these users is out of date.
            if case .users(let users) = push.targets {
                for user in users { invalidateEverywhere(user: user) }
            }
            return done(PushResult())
        }
        let payload =
            push.envelope.getBytes(
                at: push.envelope.readerIndex + view.payload.range.lowerBound,
                length: view.payload.range.count) ?? []
        let message = PushMessage(
            command: view.cmd, deliveryClass: push.deliveryClass, format: view.format,
            payload: payload)
        let command = snapshot.upstream.commands.find(message.command)
        send(
            message, to: push.targets, action: command?.action ?? .pushSend, for: pusher(peer),
            over: .tcp, done)
    }

    /// A service's instance as the policy sees it: by the address of its link.
    private func pusher(_ peer: LinkPeer) -> PolicySubject {
        if let known = pushers[peer.instance] { return known }
        let subject = PolicySubject(address: peer.address?.bytes ?? [])
        pushers[peer.instance] = subject
        return subject
    }

    /// Sends a push that was checked, unless a limit refuses it, and accounts for it.
    func send(
        _ message: PushMessage, to targets: PushTargets, action: ActionID,
        for pusher: PolicySubject, over transport: Transport,
        _ done: @escaping (PushResult) -> Void
    ) {
        let started = tick.now
        let lease: Lease
        switch limit(.pushSend, bytes: message.payload.count, for: pusher, over: transport) {
        case .success(let held): lease = held
        case .failure(let refusal):
            logRefusedPush(message, action, refusal)
            return done(PushResult(refusal: refusal))
        }
        sessions.push(message, to: targets) { [self] result in
            tick.begin()
            callIsOver(lease)
            logPush(message, action, result, since: started)
            done(result)
        }
    }

    /// Whether limits let something through that needs no permission and that nobody can hold back:
    /// what would have to wait goes at once, charged; what would have to pause is refused.
    ///
    /// - Returns: what it holds until it is over.
    func limit(
        _ action: ActionID, bytes: Int, for subject: PolicySubject, over transport: Transport
    ) -> Result<Lease, Refusal> {
        let call = PolicyCall(action: action, bytes: bytes, transport: transport, wall: tick.wall)
        switch evaluator.limitOnly(call, for: subject, now: tick.now) {
        case .go(let permit), .wait(let permit, _): return .success(permit.lease)
        case .pause(let rule, let nanoseconds):
            let milliseconds = UInt64(clamping: (nanoseconds + 999_999) / 1_000_000)
            return .failure(
                Refusal(.rateLimited, rule: rule, retryAfterMilliseconds: milliseconds))
        case .refuse(let refusal), .drop(let refusal), .close(let refusal):
            return .failure(refusal)
        }
    }

    /// What the journal calls a push: the operator's are no call of a service.
    private func pushName(_ action: ActionID) -> String {
        action == .adminCall ? "admin.push" : name(of: action)
    }

    private func logRefusedPush(_ message: PushMessage, _ action: ActionID, _ refusal: Refusal) {
        let weight = log.weight(for: .refused, action: action)
        guard weight > 0 else { return }
        var record = AccessRecord(event: .push, logClass: .refused, time: tick.wall)
        record.action = pushName(action)
        record.command = message.command
        record.refusal = refusal.kind.name
        record.status = refusal.kind.status
        record.rule = refusal.rule
        record.retryAfterMilliseconds = refusal.retryAfterMilliseconds
        record.bytesIn = UInt32(clamping: message.payload.count)
        record.policy = snapshot.policy.revision
        record.weight = weight
        record.message =
            "push \(record.action) refused: \(refusal.kind.name) by \(refusal.rule ?? "no rule")"
        log.write(record)
    }

    private func logPush(
        _ message: PushMessage, _ action: ActionID, _ result: PushResult, since start: MonotonicTime
    ) {
        let weight = log.weight(for: .ok, action: action)
        guard weight > 0 else { return }
        var record = AccessRecord(event: .push, logClass: .ok, time: tick.wall)
        record.action = pushName(action)
        record.command = message.command
        record.durationNanoseconds = tick.now.nanoseconds(since: start)
        record.bytesOut = UInt32(message.payload.count)
        record.policy = snapshot.policy.revision
        record.weight = weight
        record.message =
            "push \(record.action): delivered \(result.delivered), offline \(result.offline)"
        log.write(record)
    }
}

extension AccessLog {
    /// A push that could not be read or is over a limit: the service's fault, told to the operator.
    func writePush(error: String, tick: LoopTick) {
        let weight = weight(for: .error, action: .pushSend)
        guard weight > 0 else { return }
        var record = AccessRecord(event: .push, logClass: .error, time: tick.wall)
        record.action = "push.send"
        record.weight = weight
        record.message = "push refused: \(error)"
        write(record)
    }
}
