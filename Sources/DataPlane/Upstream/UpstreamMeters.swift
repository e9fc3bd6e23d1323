package import SluiceVocabulary

/// How a call to a service ended: the label `outcome` of `sluice_upstream_requests_total`.
package enum UpstreamOutcome: String, Sendable, CaseIterable {
    /// Status 0.
    case ok
    /// The service's own refusal, status 1000 and up.
    case serviceStatus = "service_status"
    case badUpstreamAnswer = "bad_upstream_answer"
    /// No link took calls, or the link was lost before the answer.
    case serviceUnavailable = "service_unavailable"
    case overloaded
    case timedOut = "timed_out"
    /// The client went away first.
    case cancelled
}

/// Where the figures of one loop's `Upstream` go. Asked once per service, never per call.
package struct UpstreamMeters {
    package var requests: (_ service: String, _ outcome: UpstreamOutcome) -> Counter
    package var duration: (_ service: String) -> DurationHistogram
    /// `state` is `ready` or `down`.
    package var instances: (_ service: String, _ state: String) -> Gauge
    /// `sluice_limit_exceeded_total{limit}`: `limit` is a field of `Limits`, in snake case.
    package var limitExceeded: (_ limit: String) -> Counter
    /// Pushes of services that could not be read.
    package var malformedPushes: (_ service: String) -> Counter

    package init(
        requests: @escaping (_ service: String, _ outcome: UpstreamOutcome) -> Counter,
        duration: @escaping (_ service: String) -> DurationHistogram,
        instances: @escaping (_ service: String, _ state: String) -> Gauge,
        limitExceeded: @escaping (_ limit: String) -> Counter,
        malformedPushes: @escaping (_ service: String) -> Counter
    ) {
        self.requests = requests
        self.duration = duration
        self.instances = instances
        self.limitExceeded = limitExceeded
        self.malformedPushes = malformedPushes
    }

    /// Figures that nobody reads, for tests and tools.
    package static var unread: Self {
        Self(
            requests: { _, _ in Counter() }, duration: { _ in DurationHistogram() },
            instances: { _, _ in Gauge() }, limitExceeded: { _ in Counter() },
            malformedPushes: { _ in Counter() })
    }
}

@available(*, unavailable)
extension UpstreamMeters: Sendable {}

/// The figures of one service, resolved.
final class ServiceMeters {
    let ok: Counter
    let serviceStatus: Counter
    let badUpstreamAnswer: Counter
    let serviceUnavailable: Counter
    let overloaded: Counter
    let timedOut: Counter
    let cancelled: Counter
    let duration: DurationHistogram
    let instancesReady: Gauge
    let instancesDown: Gauge
    let malformedPushes: Counter

    init(service: String, of meters: UpstreamMeters) {
        ok = meters.requests(service, .ok)
        serviceStatus = meters.requests(service, .serviceStatus)
        badUpstreamAnswer = meters.requests(service, .badUpstreamAnswer)
        serviceUnavailable = meters.requests(service, .serviceUnavailable)
        overloaded = meters.requests(service, .overloaded)
        timedOut = meters.requests(service, .timedOut)
        cancelled = meters.requests(service, .cancelled)
        duration = meters.duration(service)
        instancesReady = meters.instances(service, "ready")
        instancesDown = meters.instances(service, "down")
        malformedPushes = meters.malformedPushes(service)
    }
}

@available(*, unavailable)
extension ServiceMeters: Sendable {}
