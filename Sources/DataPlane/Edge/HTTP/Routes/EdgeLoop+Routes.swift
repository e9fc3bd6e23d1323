import NIOHTTP1
import SluicePolicy
import SluiceTelemetry
import SluiceUpstream
import SluiceVocabulary

/// Counts and journal of requests that went through a route.
extension EdgeLoop {
    /// One request is over: one count, one entry.
    func accountRoute(_ call: RouteCall, _ refusal: Refusal?) {
        // 5xx of a service are its errors; its 4xx are answers.
        let outcome =
            refusal.map { Self.logClass(of: $0.kind) } ?? (call.status >= 500 ? .error : .ok)
        let request = meters.request(.http, call.route.action)
        let duration = tick.now.nanoseconds(since: call.startedAt)
        request.count(outcome)
        request.duration.record(nanoseconds: duration)
        let weight = log.weight(for: outcome, action: call.route.action)
        guard weight > 0 else { return }
        var record = AccessRecord(event: .request, logClass: outcome, time: tick.wall)
        record.action = Route.actionName(call.route.name)
        record.connection = ConnectionLabel(
            connection: call.entry.id, transport: .http, client: call.entry.peer.text,
            user: call.user, device: "", session: "",
            claims: claimsText(of: call.asked, user: call.user))
        record.requestNumber = call.requestNumber
        record.refusal = refusal?.kind.name
        record.status = call.status > 0 ? call.status : refusal?.kind.status ?? 0
        record.rule = refusal?.rule ?? call.permit.map { $0.shadowRule ?? $0.rule }
        record.isShadow = call.permit?.shadowRule != nil
        record.remaining = call.permit?.remaining ?? -1
        record.retryAfterMilliseconds = refusal?.retryAfterMilliseconds ?? 0
        record.durationNanoseconds = duration
        if let asked = call.asked {
            record.time = asked.wall
            record.payloadBytes = Int64(asked.bytes)
        }
        record.method = call.head.method.rawValue
        record.bytesIn = UInt32(clamping: call.bytesIn)
        record.bytesOut = UInt32(clamping: call.bytesOut)
        record.trace = call.head.headers.first(name: "traceparent")
        record.policy = snapshot.policy.revision
        record.weight = weight
        record.service = call.permit == nil ? "" : call.route.service
        if let exchange = call.exchange {
            record.instance = exchange.instance
            record.attempts = exchange.attempts
            record.upstreamNanoseconds = exchange.upstreamNanoseconds
        }
        request.note(record)
        log.write(record)
    }
}
