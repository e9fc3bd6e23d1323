import NIOCore
import SluiceFraming
import SluicePolicy
import SluiceSessions
import SluiceTelemetry
import SluiceUpstream
import SluiceVocabulary

/// Presence goes to the command `user.presence`; its reply names whom to notify.
extension EdgeLoop {
    /// Tells the user service about a transition. Where there is no such command nobody wants to know.
    func tell(_ transition: PresenceTransition, _ done: @escaping (PresenceOutcome) -> Void) {
        guard let command = snapshot.upstream.commands.named("user.presence") else {
            return done(.taken(notify: []))
        }
        tick.begin()
        let payload = JSONValue.object([
            ("user", .string(transition.user)), ("online", .bool(transition.isOnline)),
            ("number", .integer(Int64(clamping: transition.number))), ("node", .string(node)),
        ])
        upstream.call(.own(.presence), command: command, payload: payload.text()) {
            [self] result in
            tick.begin()
            switch result {
            case .failure: done(.unreachable)
            case .success(let reply) where reply.status != 0: done(.refused)
            case .success(let reply): done(.taken(notify: notified(by: reply.payload)))
            }
        }
    }

    /// Whom a reply names, once each. A list over `max_push_targets` names nobody, as a push to so
    /// many would reach nobody.
    private func notified(by payload: [UInt8]) -> [String] {
        guard !payload.isEmpty else { return [] }
        let body: JSONValue
        do throws(EnvelopeError) {
            body = try JSONValue(parsing: payload)
        } catch {
            log.writePush(error: "the answer to user.presence: \(error.text)", tick: tick)
            return []
        }
        guard let list = body["notify"]?.array else { return [] }
        let users = Set(list.compactMap(\.string))
        guard users.count <= limits.maxPushTargets else {
            meters.limitExceeded("max_push_targets")
            log.writePush(error: "more to notify of presence than max_push_targets", tick: tick)
            return []
        }
        return users.sorted()
    }

    /// Tells the user service that this node begins anew: whoever it knew to be here is not.
    ///
    /// - Parameters:
    ///   - epoch: when this run began, in milliseconds since 1970.
    ///   - done: whether it was taken, or nobody wants to know; called once, on the loop.
    package func tellReset(epoch: UInt64, _ done: @escaping (Bool) -> Void) {
        loop.preconditionInEventLoop()
        guard let command = snapshot.upstream.commands.named("user.presence.reset") else {
            return done(true)
        }
        tick.begin()
        let payload = JSONValue.object([
            ("node", .string(node)), ("epoch", .integer(Int64(clamping: epoch))),
        ])
        upstream.call(.own(.presence), command: command, payload: payload.text()) { result in
            if case .success(let reply) = result { done(reply.status == 0) } else { done(false) }
        }
    }
}
