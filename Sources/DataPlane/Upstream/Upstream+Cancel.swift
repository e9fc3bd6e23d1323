import SluiceFraming
package import SluiceVocabulary

/// Calls nobody waits for any more.
extension Upstream {
    /// The requester has gone: its calls end without a callback, services are told.
    ///
    /// - Returns: the calls that ended, so that each can be accounted for.
    @discardableResult
    package func cancel(requester: ConnectionID) -> [CallContext] {
        let streams = pending.streams(of: requester)
        guard !streams.isEmpty else { return [] }
        tick.begin()
        var ended: [CallContext] = []
        for stream in streams {
            if let instance = httpInstances[pending.link(of: stream)] {
                guard let call = cancel(stream, on: instance) else { continue }
                if let context = pending.take(call) { ended.append(context) }
                continue
            }
            guard let (call, link) = giveUp(stream) else { continue }
            if call.kept >= 0 { requests.release(call.kept) }
            if let context = pending.take(call) { ended.append(context) }
            guard let link else { continue }
            link.pool.meters.cancelled.add()
            if link.pool.breaker != nil { link.pool.breakersCancelled(link, began: call.sentAt) }
        }
        return ended
    }

    /// Ends a call without its answer and tells the service. `pending.take` must follow.
    func giveUp(_ stream: UInt32) -> (ended: PendingCalls.Ended, link: Link?)? {
        guard let ended = pending.abandon(stream: stream, now: tick.now) else { return nil }
        armForNext()
        guard let link = link(ended.link) else { return (ended, nil) }
        tellCancelled(stream, link)
        return (ended, link)
    }

    /// Nobody waits any more for the answer that `link` owes under this id.
    func tellCancelled(_ stream: UInt32, _ link: Link) {
        link.connection?.append(.cancel, stream: stream)
        markDirty(link)
        link.callAbandoned()
        link.callEnded()
    }
}
