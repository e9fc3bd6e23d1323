import NIOCore
import SluiceFraming
import SluicePolicy
import SluiceSessions
import SluiceTelemetry
import SluiceUpstream
import SluiceVocabulary

/// A service speaks first: its push finds the users' connections on all loops.
extension EdgeLoop {
    /// Takes a push from a link; `done` answers the service. Pushes need no permission.
    func receive(_ push: LinkPush, _ done: @escaping (PushResult) -> Void) {
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
        let action = snapshot.upstream.commands.find(message.command)?.name ?? "push.send"
        send(message, to: push.targets, action: action, done)
    }

    /// Sends a push that was checked, and accounts for it.
    func send(
        _ message: PushMessage, to targets: PushTargets, action: String,
        _ done: @escaping (PushResult) -> Void
    ) {
        let started = tick.now
        sessions.push(message, to: targets) { [self] result in
            tick.begin()
            logPush(message, action, result, since: started)
            done(result)
        }
    }

    private func logPush(
        _ message: PushMessage, _ action: String, _ result: PushResult, since start: MonotonicTime
    ) {
        let weight = log.weight(for: .ok)
        guard weight > 0 else { return }
        var record = AccessRecord(event: .push, logClass: .ok, time: tick.wall)
        record.action = action
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
        let weight = weight(for: .error)
        guard weight > 0 else { return }
        var record = AccessRecord(event: .push, logClass: .error, time: tick.wall)
        record.action = "push.send"
        record.weight = weight
        record.message = "push refused: \(error)"
        write(record)
    }
}
