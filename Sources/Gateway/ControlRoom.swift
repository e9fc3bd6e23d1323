import SluiceAdmin
import SluiceEdge
import SluiceFraming
import SluicePolicy
import SluiceReload
import SluiceTelemetry
import SluiceVocabulary
import Synchronization

/// What the operator asks the running gateway, answered as JSON.
final class ControlRoom: Sendable {
    let gateway: RunningGateway
    let settings: Settings
    private let reloader: Reloader<Blueprint>
    private let draining = Atomic<Bool>(false)

    /// What the operator's calls depend on besides the gateway itself.
    struct Settings: Sendable {
        let limits: Limits
        let listeners: [Listener]
        let node: String
        let drainDeadlineMilliseconds: Int64
        let registry: MetricsRegistry
        let journal: Journal
        let clocks: SystemClocks
    }

    init(gateway: RunningGateway, reloader: Reloader<Blueprint>, settings: Settings) {
        self.gateway = gateway
        self.reloader = reloader
        self.settings = settings
    }

    /// Calls beside the pages: every one that changes something is here.
    private var calls: [AdminRoute] {
        [
            pushCall, connectionsCall, kickCall, drainCall, gatewaysCall, revokeCall,
            invalidateCall,
        ]
    }

    var isDraining: Bool { draining.load(ordering: .relaxed) }

    /// True for the first who asks.
    func startDraining() -> Bool { !draining.exchange(true, ordering: .relaxed) }

    var routes: AdminRoutes {
        AdminRoutes(
            ready: { [self] in ready() },
            policy: { [self] in await policy() },
            upstreams: { [self] in await upstreams() },
            state: { [self] in await state() },
            calls: calls)
    }

    private func ready() -> (isReady: Bool, body: String) {
        let draining = isDraining
        return (
            !draining,
            Self.text(.object([("ready", .bool(!draining)), ("draining", .bool(draining))]))
        )
    }

    private func policy() async -> String {
        let policy = await reloader.current
        let last = await reloader.last
        let requests = await reloader.requests
        return Self.text(
            .object([
                ("pid", .integer(Int64(ThisProcess.pid))), ("name", .string(policy.name)),
                ("version", .string(policy.version)), ("revision", .string(policy.revision)),
                ("rules", .array(policy.ruleNames.map { .string($0) })),
                ("reload", Self.describe(last, requests: requests)),
            ]))
    }

    static func describe(_ report: ReloadReport, requests: UInt64) -> JSONValue {
        func list(_ values: [String]) -> JSONValue { .array(values.map { .string($0) }) }
        return .object([
            ("number", .integer(Int64(report.number))), ("requested", .integer(Int64(requests))),
            ("covered", .integer(Int64(report.covered))),
            ("result", .string(report.result.rawValue)), ("errors", list(report.errors)),
            ("warnings", list(report.warnings)), ("needs_restart", list(report.needsRestart)),
            ("added", list(report.added)), ("changed", list(report.changed)),
            ("removed", list(report.removed)), ("revision", .string(report.newRevision)),
            ("duration_us", .integer(report.durationNanoseconds / 1_000)),
        ])
    }

    private func upstreams() async -> String {
        let instances = await gateway.instances()
        return Self.text(
            .object([
                (
                    "instances",
                    .array(
                        instances.map { instance in
                            .object([
                                ("service", .string(instance.service)),
                                ("instance", .string(instance.instance)),
                                ("connected_loops", .integer(Int64(instance.connected))),
                                ("loops", .integer(Int64(instance.loops))),
                            ])
                        })
                )
            ]))
    }

    /// Everything the admin interface tells, for the journal.
    func dump() async -> String { await state() + " " + upstreams() }

    private func state() async -> String {
        Self.text(.object(await gateway.sizes().map { ($0.name, .integer(Int64($0.count))) }))
    }

    static func text(_ value: JSONValue) -> String { String(decoding: value.text(), as: UTF8.self) }
}
