package import SluiceTelemetry
import SluiceVocabulary

/// The counters of one loop's edge.
package final class EdgeMeters {
    private let registry: MetricsRegistry
    private let shard: Int
    private let open: [Gauge]
    private let opened: [Counter]
    private let clients: [Gauge]
    let slowConsumers: Counter
    let outboundQueueBytes: Gauge
    let lag: Gauge
    private var utilization: LoopUtilization
    private var closed: [Int: Counter] = [:]
    private var limits: [String: Counter] = [:]
    private var auth: [String: Counter] = [:]
    private var handshakes: [String: Counter] = [:]
    private var proxyHeaders: [String: Counter] = [:]
    private var violations: [String: Counter] = [:]
    private var requests: [RequestMeters?] = []
    private var names: [String] = []

    package init(registry: MetricsRegistry, shard: Int) {
        self.registry = registry
        self.shard = shard
        open = Transport.allCases.map { registry.gauge(.connections, [$0.name], shard: shard) }
        opened = Transport.allCases.map {
            registry.counter(.connectionsOpened, [$0.name], shard: shard)
        }
        clients = ProtocolVersion.allCases.map {
            registry.gauge(.clients, [$0.name], shard: shard)
        }
        slowConsumers = registry.counter(.slowConsumers, [], shard: shard)
        outboundQueueBytes = registry.gauge(.outboundQueueBytes, [], shard: shard)
        lag = registry.gauge(.loopLag, [String(shard)], shard: shard)
        utilization = LoopUtilization(registry: registry, loop: shard)
    }

    /// Makes room for the actions of a catalog; counters of actions that stay are the same ones.
    func adopt(_ catalog: ActionCatalog) {
        names = catalog.names
        requests = Array(repeating: nil, count: catalog.count * Transport.allCases.count)
    }

    /// How busy the loop is. Call it with every sweep.
    func lookAtLoad(_ tick: LoopTick) {
        utilization.look(at: tick.now) { tick.threadCPU() }
    }

    func connectionOpened(_ transport: Transport) {
        opened[Int(transport.rawValue)].add()
        open[Int(transport.rawValue)].add(1)
    }

    /// A long connection speaks a version from now on, or no more.
    func clientSpeaks(_ version: ProtocolVersion, _ change: Int64) {
        clients[Int(version.rawValue) - 1].add(change)
    }

    func connectionClosed(_ transport: Transport, _ reason: CloseReason) {
        open[Int(transport.rawValue)].add(-1)
        let key = Int(transport.rawValue) << 8 | Int(reason.rawValue)
        if let counter = closed[key] { return counter.add() }
        let counter = registry.counter(
            .connectionsClosed, [transport.name, reason.name], shard: shard)
        closed[key] = counter
        counter.add()
    }

    /// Counts a limit that was hit; `name` is its key in the configuration.
    func limitExceeded(_ name: String) {
        cached(&limits, name) { registry.counter(.limitExceeded, [name], shard: shard) }.add()
    }

    /// Counts a request that is not HTTP as it should be.
    func violation(_ violation: HTTPViolation) {
        cached(&violations, violation.rawValue) {
            registry.counter(.httpViolations, [violation.rawValue], shard: shard)
        }.add()
    }

    /// Counts a TLS handshake that has ended; `result` is `ok` or a `TLSFailure.Kind`.
    func handshake(_ listener: String, _ result: String) {
        cached(&handshakes, listener + " " + result) {
            registry.counter(.tlsHandshakes, [listener, result], shard: shard)
        }.add()
    }

    /// Counts how a wait for a PROXY header ended.
    func proxyHeader(_ listener: String, _ result: ProxyResult) {
        cached(&proxyHeaders, listener + " " + result.rawValue) {
            registry.counter(.proxyHeaders, [listener, result.rawValue], shard: shard)
        }.add()
    }

    /// Counts an attempt to prove who one is.
    func authentication(_ method: String, _ result: String) {
        cached(&auth, method + " " + result) {
            registry.counter(.authentications, [method, result], shard: shard)
        }.add()
    }

    private func cached(
        _ cache: inout [String: Counter], _ key: String, _ make: () -> Counter
    ) -> Counter {
        if let counter = cache[key] { return counter }
        let counter = make()
        cache[key] = counter
        return counter
    }

    /// The counters of one transport and action; those of `unknown` when a reload has taken the
    /// action away while its request was under way.
    func request(_ transport: Transport, _ action: ActionID) -> RequestMeters {
        let action = action.index < names.count ? action : .unknown
        let index = Int(transport.rawValue) * names.count + action.index
        if let meters = requests[index] { return meters }
        let meters = RequestMeters(
            registry: registry, transport: transport.name, action: names[action.index], shard: shard
        )
        requests[index] = meters
        return meters
    }
}

@available(*, unavailable)
extension EdgeMeters: Sendable {}

/// The counters of one transport and action on one loop.
final class RequestMeters {
    private let outcomes: [3 of Counter]
    let duration: DurationHistogram

    init(registry: MetricsRegistry, transport: String, action: String, shard: Int) {
        outcomes = [
            registry.counter(.requests, [transport, action, "ok"], shard: shard),
            registry.counter(.requests, [transport, action, "refused"], shard: shard),
            registry.counter(.requests, [transport, action, "error"], shard: shard),
        ]
        duration = registry.histogram(.requestDuration, [transport, action], shard: shard)
    }

    func count(_ outcome: LogClass) { outcomes[Int(outcome.rawValue)].add() }

    /// Lets a counted request stand for its bucket. It has an entry in the journal, so that whoever
    /// follows the exemplar finds one.
    func note(_ record: AccessRecord) {
        guard let label = record.connection, label.connection.rawValue != 0,
            record.requestNumber > 0
        else { return }
        duration.note(
            Exemplar(
                connection: label.connection, request: record.requestNumber,
                trace: record.trace.flatMap { TraceID(traceparent: $0) },
                nanoseconds: record.durationNanoseconds, time: record.time))
    }
}

@available(*, unavailable)
extension RequestMeters: Sendable {}
