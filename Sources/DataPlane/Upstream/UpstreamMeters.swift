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
    package var instances: (_ service: String, _ state: InstanceState) -> Gauge
    package var ejections: (_ service: String, _ reason: EjectionReason) -> Counter
    /// Active checks that have ended.
    package var checks: (_ service: String, _ ok: Bool) -> Counter
    package var retries: (_ service: String, _ reason: RetryReason) -> Counter
    /// The raw value of `BreakerState`.
    package var breaker: (_ service: String) -> Gauge
    /// `sluice_limit_exceeded_total{limit}`: `limit` is a field of `Limits`, in snake case.
    package var limitExceeded: (_ limit: String) -> Counter
    /// Pushes of services that could not be read.
    package var malformedPushes: (_ service: String) -> Counter

    package init(
        requests: @escaping (_ service: String, _ outcome: UpstreamOutcome) -> Counter,
        duration: @escaping (_ service: String) -> DurationHistogram,
        instances: @escaping (_ service: String, _ state: InstanceState) -> Gauge,
        ejections: @escaping (_ service: String, _ reason: EjectionReason) -> Counter,
        checks: @escaping (_ service: String, _ ok: Bool) -> Counter,
        retries: @escaping (_ service: String, _ reason: RetryReason) -> Counter,
        breaker: @escaping (_ service: String) -> Gauge,
        limitExceeded: @escaping (_ limit: String) -> Counter,
        malformedPushes: @escaping (_ service: String) -> Counter
    ) {
        self.requests = requests
        self.duration = duration
        self.instances = instances
        self.ejections = ejections
        self.checks = checks
        self.retries = retries
        self.breaker = breaker
        self.limitExceeded = limitExceeded
        self.malformedPushes = malformedPushes
    }

    /// Figures that nobody reads, for tests and tools.
    package static var unread: Self {
        Self(
            requests: { _, _ in Counter() }, duration: { _ in DurationHistogram() },
            instances: { _, _ in Gauge() }, ejections: { _, _ in Counter() },
            checks: { _, _ in Counter() }, retries: { _, _ in Counter() },
            breaker: { _ in Gauge() },
            limitExceeded: { _ in Counter() },
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
    let instances: [InstanceState: Gauge]
    let ejections: [EjectionReason: Counter]
    let checksOK: Counter
    let checksFailed: Counter
    let retries: [RetryReason: Counter]
    let breaker: Gauge
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
        instances = Self.table { meters.instances(service, $0) }
        ejections = Self.table { meters.ejections(service, $0) }
        checksOK = meters.checks(service, true)
        checksFailed = meters.checks(service, false)
        retries = Self.table { meters.retries(service, $0) }
        breaker = meters.breaker(service)
        malformedPushes = meters.malformedPushes(service)
    }

    private static func table<Key: CaseIterable & Hashable, Meter>(
        _ meter: (Key) -> Meter
    ) -> [Key: Meter] {
        Dictionary(uniqueKeysWithValues: Key.allCases.map { ($0, meter($0)) })
    }
}

@available(*, unavailable)
extension ServiceMeters: Sendable {}
