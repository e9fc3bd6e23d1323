import NIOCore
import SluiceFraming
import SluiceVocabulary

/// How calls over gRPC end without an answer.
extension Upstream {
    /// The service has ended a call with a status, or its stream has ended before an answer.
    ///
    /// - Parameters:
    ///   - isUnsent: the service has not looked at it, so every command may be sent elsewhere.
    ///   - request: the call's envelope, where it is known.
    func refused(
        _ stream: UInt32, by link: Link, _ kind: RefusalKind, isUnsent: Bool, request: ByteBuffer?
    ) {
        switch pending.answer(stream: stream, link: link.number) {
        case .call: break
        case .late:
            link.abandoned &-= 1
            return
        case .unknown: return
        }
        let pool = link.pool
        pool.failed(
            link, isReachability: isUnsent, began: pending.sentAt(stream), now: tick.now)
        // As over HTTP: what is too much or too late for one is not asked of another.
        let reason: RetryReason? =
            switch kind {
            case _ where isUnsent: .unsent
            case .serviceUnavailable, .badUpstreamAnswer: .badAnswer
            default: nil
            }
        if let reason, retry(stream, from: link, reason, request) { return link.callEnded() }
        guard let ended = pending.end(stream: stream) else { return }
        switch kind {
        case .timedOut: pool.meters.timedOut.add()
        case .overloaded: pool.meters.overloaded.add()
        case .serviceUnavailable: pool.meters.serviceUnavailable.add()
        default: pool.meters.badUpstreamAnswer.add()
        }
        finish(ended, stream: stream, outcome: .refused(kind), link: link)
        link.callEnded()
    }

    /// Nothing can come any more of a call that was given up.
    func forgotten(_ stream: UInt32, on link: Link) {
        if case .late = pending.answer(stream: stream, link: link.number) { link.abandoned &-= 1 }
    }

    /// What ordered calls have in common that go one after the other; nil = in no order.
    func orderKey(_ stream: UInt32) -> UInt64? {
        guard let call = pending.retrying(stream) else { return nil }
        if let command = call.command { return command.isOrdered ? call.key : nil }
        guard let own = ownCalls[stream]?.command, own.isOrdered else { return nil }
        return stableHash(own.name)
    }

    /// Lets the next stream to an instance have this id, as if those before had been used: a test
    /// can not open a thousand million.
    ///
    /// - Parameter id: odd; above that of every stream so far.
    package func useStreamIDs(from id: Int, to address: InstanceAddress) {
        for link in pools.flatMap(\.links) where link.address == address {
            link.connection?.session?.nextID = id
        }
    }

    /// The name of a command, for the service; empty where the configuration has it no more.
    func commandName(_ id: UInt32) -> String { commands.find(id)?.name ?? "" }
}
