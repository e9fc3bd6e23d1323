import NIOCore
import SluiceEdge
import SluiceFraming
import SluicePolicy
import SluiceSessions
import SluiceTelemetry
import SluiceUpstream
import SluiceVocabulary

/// One event loop with all that lives on it.
struct LoopUnit: Sendable {
    let loop: any EventLoop
    let edge: NIOLoopBound<EdgeLoop>
    let sessions: NIOLoopBound<Sessions>
}

/// What every loop is built from.
struct LoopMaterials: Sendable {
    let snapshot: EdgeSnapshot
    let limits: Limits
    let registry: MetricsRegistry
    let journal: Journal
    let admission: Admission
    let pages: [String: StaticPage]
    let node: String
    let signatures: SignaturePool
    let breakers: BreakerGauges
    /// When this run began, in milliseconds since 1970.
    let epoch: UInt64
}

/// Builds the stations of one loop and connects them. Runs on that loop.
enum LoopAssembly {
    static func build(
        on loop: any EventLoop, index: Int, _ materials: LoopMaterials
    ) -> LoopUnit {
        loop.preconditionInEventLoop()
        let tick = LoopTick(clocks: SystemClocks()) { tick in
            let bound = NIOLoopBound(tick, eventLoop: loop)
            loop.execute { bound.value.finish() }
        }
        let registry = materials.registry
        let upstream = Upstream(
            loop: loop, tick: tick, snapshot: materials.snapshot.upstream, limits: materials.limits,
            node: materials.node, meters: upstreamMeters(registry, index, materials.breakers),
            random: SeededRandom(seed: .random(in: 0...(.max))))
        let sessions = Sessions(
            loop: loop, index: index, meters: SessionMeters(registry: registry, shard: index),
            start: Sessions.PresenceStart(
                firstNumber: Sessions.PresenceStart.firstNumber(epoch: materials.epoch),
                maxWaiting: materials.limits.maxWaitingPresence, isOpen: false))
        let edge = EdgeLoop(
            loop: loop, index: index, tick: tick, limits: materials.limits,
            snapshot: materials.snapshot,
            stations: EdgeLoop.Stations(
                upstream: upstream, sessions: sessions,
                policyMeters: PolicyMeters(
                    permission: { rule, decision in
                        registry.counter(.permissionDecisions, [rule, decision], shard: index)
                    },
                    limit: { rule, decision in
                        registry.counter(.rateLimitDecisions, [rule, decision], shard: index)
                    },
                    ban: { registry.counter(.rateLimitBans, [$0], shard: index) })),
            registry: registry, log: materials.journal.accessLog(loop: index, tick: tick),
            admission: materials.admission, pages: materials.pages,
            signatures: materials.signatures)
        edge.node = materials.node
        connectEvents(upstream, materials.journal)
        return LoopUnit(
            loop: loop, edge: NIOLoopBound(edge, eventLoop: loop),
            sessions: NIOLoopBound(sessions, eventLoop: loop))
    }

    private static func connectEvents(_ upstream: Upstream, _ journal: Journal) {
        upstream.onEvent = { event in
            let time = SystemClocks().wall()
            var record: AccessRecord
            switch event {
            case .up(let service, let instance):
                record = AccessRecord(event: .upstream, logClass: .ok, time: time)
                record.service = service
                record.instance = instance
                record.messageID = MessageID.upstreamUp
                record.message = "\(service) \(instance) is up"
            case .down(let service, let instance, let reason, let lost, let cause):
                record = AccessRecord(event: .upstream, logClass: .error, time: time)
                record.service = service
                record.instance = instance
                record.messageID = MessageID.upstreamDown
                record.message =
                    "\(service) \(instance) is down: \(reason.rawValue), \(lost) calls lost"
                    + (cause.isEmpty ? "" : "; \(cause)")
            case .ejected(let service, let instance, let reason, let milliseconds):
                record = AccessRecord(event: .upstream, logClass: .error, time: time)
                record.service = service
                record.instance = instance
                record.messageID = MessageID.upstreamEjected
                let length = milliseconds == 0 ? "until checks succeed" : "for \(milliseconds) ms"
                record.message =
                    "\(service) \(instance) is ejected \(length): \(reason.rawValue)"
            case .returned(let service, let instance):
                record = AccessRecord(event: .upstream, logClass: .ok, time: time)
                record.service = service
                record.instance = instance
                record.messageID = MessageID.upstreamReturned
                record.message = "\(service) \(instance) gets calls again"
            case .breaker(let service, let instance, let state):
                let isOpen = state == .open
                record = AccessRecord(
                    event: .upstream, logClass: isOpen ? .error : .ok, time: time)
                record.service = service
                record.instance = instance
                record.messageID = isOpen ? MessageID.breakerOpen : MessageID.breakerClosed
                let name = instance.isEmpty ? service : "\(service) \(instance)"
                record.message = "the breaker of \(name) is \(state.text)"
            case .panic(let service, let isOn):
                record = AccessRecord(
                    event: .upstream, logClass: isOn ? .error : .ok, time: time)
                record.service = service
                record.messageID = MessageID.upstreamPanic
                record.message =
                    isOn
                    ? "too few instances of \(service) are well: all get calls"
                    : "enough instances of \(service) are well again"
            }
            journal.writeShared(record)
        }
    }

    private static func upstreamMeters(
        _ registry: MetricsRegistry, _ shard: Int, _ breakers: BreakerGauges
    ) -> UpstreamMeters {
        UpstreamMeters(
            requests: {
                registry.counter(.upstreamRequests, [$0, $1.rawValue], shard: shard)
            },
            duration: { registry.histogram(.upstreamDuration, [$0], shard: shard) },
            instances: {
                registry.gauge(.upstreamInstances, [$0, $1.rawValue], shard: shard)
            },
            ejections: {
                registry.counter(.upstreamEjections, [$0, $1.rawValue], shard: shard)
            },
            checks: {
                registry.counter(.upstreamChecks, [$0, $1 ? "ok" : "failed"], shard: shard)
            },
            retries: { registry.counter(.upstreamRetries, [$0, $1.rawValue], shard: shard) },
            breaker: { breakers.gauge(service: $0) },
            limitExceeded: { registry.counter(.limitExceeded, [$0], shard: shard) },
            malformedPushes: {
                registry.counter(.upstreamRequests, [$0, "malformed_push"], shard: shard)
            })
    }
}
