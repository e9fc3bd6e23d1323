import NIOHTTP1
import SluiceFraming
import SluicePolicy
import SluiceTelemetry
import SluiceUpstream
import SluiceVocabulary

/// What the HTTP API adds to counts and journal.
extension EdgeLoop {
    /// One HTTP request is over: one count, one entry. `user` only once it is proven.
    func accountHTTP(
        _ entry: HTTPEntry, _ action: ActionID, _ started: MonotonicTime, _ bytesIn: Int,
        _ bytesOut: Int, _ refusal: Refusal?, user: String? = nil,
        call: (context: CallContext, result: CallResult)? = nil, violation: HTTPViolation? = nil
    ) {
        let outcome = refusal.map { Self.logClass(of: $0.kind) } ?? .ok
        let request = meters.request(.http, action)
        request.count(outcome)
        request.duration.record(nanoseconds: tick.now.nanoseconds(since: started))
        let weight = log.weight(for: outcome, action: action)
        guard weight > 0 else { return }
        var record = AccessRecord(
            event: action == .authLogin ? .login : .request, logClass: outcome, time: tick.wall)
        record.action = name(of: action)
        record.connection = ConnectionLabel(
            connection: entry.id, transport: .http, client: entry.peer.text,
            user: user, device: "", session: "", claims: claimsText(of: entry.asked, user: user))
        record.requestNumber = entry.requestNumber
        record.refusal = violation?.rawValue ?? refusal?.kind.name
        record.status =
            violation.map { UInt32($0.status) } ?? refusal?.kind.status
            ?? Self.status(of: call?.result)
        record.rule = refusal?.rule
        record.retryAfterMilliseconds = refusal?.retryAfterMilliseconds ?? 0
        record.durationNanoseconds = tick.now.nanoseconds(since: started)
        if let asked = entry.asked {
            record.time = asked.wall
            record.payloadBytes = Int64(asked.bytes)
        }
        record.method = entry.head?.method.rawValue ?? ""
        record.bytesIn = UInt32(bytesIn)
        record.bytesOut = UInt32(bytesOut)
        record.policy = snapshot.policy.revision
        record.weight = weight
        if let call { Self.describe(call.context, call.result, in: &record) }
        request.note(record)
        log.write(record)
    }

    /// The claims of whoever asked, as a policy looks at them.
    func claimsText(of asked: HTTPEntry.Asked?, user: String?) -> String? {
        guard let user, let principal = asked?.principal, principal.user == user else {
            return nil
        }
        return claimsText(of: principal)
    }

    /// Frames that are no HTTP/2: nobody's request, and counted as one of an unknown action.
    func accountHTTP2Violation(_ connection: HTTP2Connection) {
        let entry = HTTPEntry(edge: self, peer: connection.peer, http2: connection)
        accountHTTP(entry, .unknown, tick.now, 0, 0, Refusal(.badRequest), violation: .http2)
    }

    /// The HTTP status of what a service answered: 422 stands for a status of its own.
    private static func status(of result: CallResult?) -> UInt32 {
        guard case .reply(let view, _)? = result?.outcome, view.status != 0 else { return 200 }
        return 422
    }

    /// What a request that went to a service adds to its entry.
    static func describe(
        _ context: CallContext, _ result: CallResult, in record: inout AccessRecord
    ) {
        record.command = context.command.id
        record.rule = context.rule
        record.isShadow = context.isShadow
        record.service = context.command.service
        record.instance = result.instance
        record.attempts = result.attempts
        record.upstreamNanoseconds = result.upstreamNanoseconds
        record.payloadBytes = Int64(context.payloadBytes)
        record.topic = context.topic
        record.trace = context.trace
        record.remaining = context.remaining
    }
}
