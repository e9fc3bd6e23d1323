import NIOCore
import SluiceFraming
import SluiceVocabulary

/// How calls end, and what services send unasked.
extension Upstream {
    /// A reply frame came. Late and unknown ones are ignored on purpose: their caller has gone.
    func answered(_ frame: LinkFrame, by link: Link) {
        switch pending.answer(stream: frame.stream, link: link.number) {
        case .call:
            let pool = link.pool
            guard let view = Self.read(frame.body) else {
                return answeredBadly(frame.stream, by: link)
            }
            guard let ended = pending.end(stream: frame.stream) else { return }
            link.proved()
            let now = tick.now
            pool.succeeded(link, began: ended.sentAt, now: now)
            (view.status == 0 ? pool.meters.ok : pool.meters.serviceStatus).add()
            finish(ended, stream: frame.stream, outcome: .reply(view, frame.body), link: link)
            link.callEnded()
        case .late: link.abandoned &-= 1
        case .unknown: break
        }
    }

    /// 1-999 are the gateway's own refusals: a service that sends one would forge them.
    private static func read(_ body: ByteBuffer) -> EnvelopeView? {
        guard let view = try? ProtobufEnvelope.scan(body.readableBytesSpan),
            view.status == 0 || view.status >= 1_000
        else { return nil }
        return view
    }

    private func answeredBadly(_ stream: UInt32, by link: Link) {
        link.pool.failed(link, began: pending.sentAt(stream), now: tick.now)
        if retry(stream, from: link, .badAnswer) { return link.callEnded() }
        guard let ended = pending.end(stream: stream) else { return }
        link.pool.meters.badUpstreamAnswer.add()
        finish(ended, stream: stream, outcome: .refused(.badUpstreamAnswer), link: link)
        link.callEnded()
    }

    /// A timer is due: the call's deadline has passed, or the time of one try.
    func timedOut(_ stream: UInt32) {
        if let instance = httpInstances[pending.link(of: stream)] {
            return timedOut(stream, on: instance)
        }
        guard !tryTimedOut(stream), let (ended, link) = giveUp(stream) else { return }
        if let link {
            link.pool.meters.timedOut.add()
            link.pool.failed(link, began: ended.sentAt, now: tick.now)
        }
        finish(ended, stream: stream, outcome: .refused(.timedOut), link: link)
    }

    /// Tells the caller of a call over `link`, and forgets its request.
    func finish(
        _ ended: PendingCalls.Ended, stream: UInt32, outcome: consuming CallOutcome, link: Link?
    ) {
        var sentAt = ended.sentAt
        if ended.kept >= 0 {
            sentAt = requests.sentAt(ended.kept)
            requests.release(ended.kept)
        }
        finish(
            ended, stream: stream, outcome: consume outcome, meters: link?.pool.meters,
            instance: link?.instance ?? "", attempts: ended.attempts, sentAt: sentAt)
    }

    /// The link is gone: what it still owed goes to another instance where that is safe, and gets 503
    /// where it is not.
    ///
    /// - Parameter unsent: calls of which the peer has seen nothing, by stream.
    /// - Returns: how many calls got 503.
    func failCalls(of link: Link, unsent: [UInt32: ByteBuffer]) -> Int {
        let streams = pending.takeStreams(ofLink: link.number)
        link.abandoned = 0
        var lost = 0
        for stream in pending.inOrder(streams) {
            link.pool.failed(
                link, isReachability: true, began: pending.sentAt(stream), now: tick.now)
            let request = unsent[stream]
            if retry(stream, from: link, request == nil ? .connectionLost : .unsent, request) {
                link.pool.ended(link)
                continue
            }
            guard let ended = pending.end(stream: stream) else { continue }
            lost += 1
            link.pool.ended(link)
            link.pool.meters.serviceUnavailable.add()
            finish(ended, stream: stream, outcome: .refused(.serviceUnavailable), link: link)
        }
        forgetStopped()
        return lost
    }

    /// Tells the caller; the last thing that happens to a call.
    func finish(
        _ ended: PendingCalls.Ended, stream: UInt32, outcome: consuming CallOutcome,
        meters: ServiceMeters?, instance: String, attempts: UInt8, sentAt: MonotonicTime
    ) {
        let nanoseconds = tick.now.nanoseconds(since: sentAt)
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
        onPush(push, connection.peer, answer)
    }
}
