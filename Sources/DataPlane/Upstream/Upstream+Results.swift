import NIOCore
import SluiceFraming
import SluiceVocabulary

/// How calls end, and what services send unasked.
extension Upstream {
    /// A reply frame came. Late and unknown ones are ignored on purpose: their caller has gone.
    func answered(_ frame: LinkFrame, by link: Link) {
        switch pending.answer(stream: frame.stream, link: link.number) {
        case .call:
            guard let ended = pending.end(stream: frame.stream) else { return }
            link.proved()
            let outcome = Self.read(frame.body, meters: link.pool.meters)
            finish(ended, stream: frame.stream, outcome: outcome, link: link)
            link.callEnded()
        case .late: link.abandoned &-= 1
        case .unknown: break
        }
    }

    /// 1-999 are the gateway's own refusals: a service that sends one would forge them.
    private static func read(_ body: ByteBuffer, meters: ServiceMeters) -> CallOutcome {
        guard let view = try? ProtobufEnvelope.scan(body.readableBytesSpan),
            view.status == 0 || view.status >= 1_000
        else {
            meters.badUpstreamAnswer.add()
            return .refused(.badUpstreamAnswer)
        }
        (view.status == 0 ? meters.ok : meters.serviceStatus).add()
        return .reply(view, body)
    }

    func timedOut(_ stream: UInt32) {
        if let instance = httpInstances[pending.link(of: stream)] {
            return timedOut(stream, on: instance)
        }
        guard let (ended, link) = giveUp(stream) else { return }
        link?.pool.meters.timedOut.add()
        finish(ended, stream: stream, outcome: .refused(.timedOut), link: link)
    }

    private func finish(
        _ ended: PendingCalls.Ended, stream: UInt32, outcome: consuming CallOutcome, link: Link?
    ) {
        finish(
            ended, stream: stream, outcome: consume outcome, meters: link?.pool.meters,
            instance: link?.instance ?? "", attempts: 1)
    }

    /// The link is gone: everything it still owed gets 503.
    /// - Returns: how many calls that were.
    func failCalls(of link: Link) -> Int {
        let streams = pending.takeStreams(ofLink: link.number)
        link.abandoned = 0
        for stream in streams {
            guard let ended = pending.end(stream: stream) else { continue }
            link.live &-= 1
            link.pool.meters.serviceUnavailable.add()
            finish(ended, stream: stream, outcome: .refused(.serviceUnavailable), link: link)
        }
        forgetStopped()
        return streams.count
    }

    /// Tells the caller; the last thing that happens to a call.
    func finish(
        _ ended: PendingCalls.Ended, stream: UInt32, outcome: consuming CallOutcome,
        meters: ServiceMeters?, instance: String, attempts: UInt8
    ) {
        let nanoseconds = tick.now.nanoseconds(since: ended.sentAt)
        meters?.duration.record(nanoseconds: nanoseconds)
        let context = pending.take(ended)
        switch consume context {
        case .some(let context):
            onResult(
                context,
                CallResult(
                    outcome: consume outcome, instance: instance,
                    upstreamNanoseconds: nanoseconds, attempts: attempts))
        case .none: ownCalls.removeValue(forKey: stream)?.finish(outcome)
        }
    }

    /// A push frame came. One that cannot be read or names too many delivers to nobody.
    func pushed(_ frame: LinkFrame, by link: Link, on connection: LinkConnection) {
        let stream = frame.stream
        let answer: (PushResult) -> Void = { [self] result in
            // An answer that comes after the connection was lost goes nowhere.
            guard stream != 0, link.connection === connection else { return }
            connection.append(.pushResult, stream: stream, body: result.linkBody())
            markDirty(link)
        }
        guard let push = try? LinkPush(from: frame.body) else {
            link.pool.meters.malformedPushes.add()
            return answer(PushResult())
        }
        let isTooLarge =
            switch push.targets {
            case .users(let users): users.count > limits.maxPushTargets
            case .sessions(let sessions): sessions.count > limits.maxPushTargets
            case .all: false
            }
        guard !isTooLarge else {
            pushTargetsExceeded.add()
            return answer(PushResult())
        }
        onPush(push, answer)
    }
}
