import NIOCore
import SluiceDiscovery
import SluiceDocuments
import SluiceEdge
import SluiceTelemetry
import SluiceVocabulary

/// This gateway in a registry, and the other gateways that stand there.
struct Membership: Sendable {
    /// The name under which `directory` follows the gateways.
    static let name = "gateways"
    private static let patience = Duration.seconds(3)

    let registration: Registration
    let registrar: Registrar
    /// Follows the service the gateway is registered as.
    let directory: Discovery

    /// Begins to be known.
    func start(_ settings: DiscoverySettings) async {
        await directory.adopt(Self.settings(registration, settings))
        await registrar.start()
    }

    /// Takes the gateway out, so that nobody is sent here any more; at most some seconds.
    func leave() async {
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await registrar.leave() }
            tasks.addTask { try? await Task.sleep(for: Self.patience) }
            await tasks.next()
            tasks.cancelAll()
        }
    }

    /// Every registered gateway, as the registry told last.
    func gateways() async -> [DiscoveredInstance] {
        await directory.status.first { $0.service == Self.name }?.instances ?? []
    }
}

extension Membership {
    /// Nil when no registry is told.
    ///
    /// - Parameter listeners: bound, so that their ports are known.
    static func make(
        _ configuration: Configuration, _ discovery: DiscoverySettings, node: String,
        gateway: RunningGateway, around: Startup.Surroundings
    ) throws(StartupError) -> Membership? {
        guard let register = configuration.register else { return nil }
        let registration = registration(register, node: node, around.listeners)
        let settings = register.registry == .consul ? discovery.consul : discovery.nacos
        let (registry, journal, clocks) = (around.registry, around.journal, around.clocks)
        let gauge = registry.gauge(.registered, [register.registry.rawValue], shard: 0)
        do throws(SourceFailure) {
            let registrar = try Registrar(
                registration, registry: settings, group: around.group,
                connections: {
                    await gateway.sizes().first { $0.name == "connections" }?.count ?? 0
                },
                report: { event in
                    gauge.set(event.isKnown ? 1 : 0)
                    let text = event.text(registration)
                    if event.isProblem {
                        journal.writeWarning(MessageID.registration, text, clocks: clocks)
                    } else {
                        journal.writeEvent(MessageID.registration, text, clocks: clocks)
                    }
                })
            return Membership(
                registration: registration, registrar: registrar,
                directory: Discovery(group: around.group, report: { _ in }, ended: { _ in }))
        } catch {
            throw StartupError(
                text: "cannot register with \(register.registry.rawValue): \(error.text)")
        }
    }

    /// What is told: where the gateway is, and what tools want to know of it.
    private static func registration(
        _ register: Configuration.Register, node: String, _ listeners: [Listener]
    ) -> Registration {
        let http = listeners.lazy.filter { $0.kind == .http }.compactMap(\.endpoint.port).first
        let tcp = listeners.lazy.filter { $0.kind == .tcp }.compactMap(\.endpoint.port).first
        let port = register.port > 0 ? register.port : http ?? 0
        var metadata = ["node": node, "version": Startup.version]
        if let tcp { metadata["tcp_port"] = "\(tcp)" }
        return Registration(
            registry: register.registry, service: register.service,
            id: register.id.isEmpty ? "\(register.service)-\(node)-\(port)" : register.id,
            address: register.address, port: port, weight: register.weight, tags: register.tags,
            metadata: metadata, ttlMilliseconds: register.ttlMilliseconds, group: register.group,
            namespace: register.namespace, cluster: register.cluster)
    }

    /// What `directory` follows: the service the gateway itself is registered as.
    static func settings(
        _ registration: Registration, _ discovery: DiscoverySettings
    ) -> DiscoverySettings {
        let source: SourceSettings =
            switch registration.registry {
            case .consul: .consul(ConsulQuery(service: registration.service))
            case .nacos:
                .nacos(
                    NacosQuery(
                        service: registration.service, group: registration.group,
                        namespace: registration.namespace))
            }
        var settings = discovery
        settings.sources = [name: source]
        // Nothing is called through this list: what the registry says is shown as it is.
        settings.holdMilliseconds = 0
        return settings
    }
}

extension RegistrationEvent {
    var isKnown: Bool { self == .registered || self == .registeredAgain }

    var isProblem: Bool {
        switch self {
        case .failed, .leftUntold: true
        case .registered, .registeredAgain, .deregistered: false
        }
    }

    func text(_ registration: Registration) -> String {
        let what = "\(registration.id) with \(registration.registry.rawValue)"
        switch self {
        case .registered: return "registered \(what)"
        case .registeredAgain: return "registered \(what) again"
        case .deregistered: return "deregistered \(what)"
        case .failed(let why): return "cannot register \(what): \(why); it is tried again"
        case .leftUntold(let why):
            return "cannot deregister \(what): \(why); its TTL takes this gateway out"
        }
    }
}
