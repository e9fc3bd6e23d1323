import SluiceAdmin
import SluiceDiscovery
import SluiceEdge
import SluiceFraming
import SluicePolicy
import SluiceReload
import SluiceTelemetry
import SluiceUpstream
import SluiceVocabulary
import Synchronization

/// What the operator asks the running gateway, answered as JSON.
final class ControlRoom: Sendable {
    let gateway: RunningGateway
    let settings: Settings
    let reloader: Reloader<Blueprint>
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
        let discovery: Discovery
        /// Nil = no registry is told of this gateway.
        let membership: Membership?
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
            calls: calls.map(limited))
    }

    private func ready() -> (isReady: Bool, body: String) {
        let draining = isDraining
        return (
            !draining,
            Self.text(.object([("ready", .bool(!draining)), ("draining", .bool(draining))]))
        )
    }

    /// Everything the admin interface tells, for the journal.
    func dump() async -> String { await state() + " " + upstreams() }

    private func state() async -> String {
        Self.text(.object(await gateway.sizes().map { ($0.name, .integer(Int64($0.count))) }))
    }

    static func text(_ value: JSONValue) -> String { String(decoding: value.text(), as: UTF8.self) }
}
