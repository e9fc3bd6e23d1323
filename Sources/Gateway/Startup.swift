import CoreMetrics
import Glibc
import Logging
import NIOCore
import NIOPosix
import SluiceAdmin
import SluiceDemoServices
import SluiceDiscovery
import SluiceDocuments
import SluiceEdge
import SluiceIdentity
import SluiceKeySets
import SluicePolicy
import SluicePolicyLanguage
import SluiceReload
import SluiceTelemetry
import SluiceUpstream
import SluiceVocabulary

/// Configuration to parts, parts wired, listeners bound: all that must succeed before the first
/// client. Configuration errors come before any port is bound.
struct Startup {
    /// The version told by `sluice_build_info` and `sluice --version`.
    static let version = "0.1.0"

    /// Names this process towards services and tools.
    var node: String {
        configuration.node.isEmpty ? ThisProcess.hostName : configuration.node
    }

    let options: GatewayMain.Options
    let configuration: Configuration

    func start() async throws -> GatewayProcess {
        let clocks = SystemClocks()
        var overrides = Blueprint.Overrides()
        if options.isDemo { overrides.keys = [try Demo.key()] }
        let adminToken =
            try configuration.readAdminToken() ?? (options.isDemo ? Demo.adminToken() : nil)
        let loops = configuration.loops > 0 ? configuration.loops : ThisProcess.processors
        let draft = try await Blueprint.make(configuration, overrides: overrides)
        let policy = try compile(draft.catalog)

        let registry = MetricsRegistry(seriesBudget: configuration.telemetry.metricsSeries)
        let journal = Journal(mode: journalMode, loops: loops, registry: registry)
        journal.adopt(policy)
        journal.start()
        Self.bootstrap(journal, registry)
        ProcessMetrics.register(in: registry)
        ProcessMetrics.registerBuild(version: Self.version, in: registry)
        let suppressed = journal.watchSuppression(registry: registry, clocks: clocks)

        let group = MultiThreadedEventLoopGroup(numberOfThreads: loops)
        let threads = configuration.identity.signatureThreads
        let signatures = SignaturePool(
            threads: threads > 0 ? threads : max(1, ThisProcess.processors / 2),
            maxWaiting: configuration.limits.maxSignatureQueue, registry: registry)
        let discovery = DiscoveryAssembly.make(
            group: group, registry: registry, journal: journal, clocks: clocks)
        do {
            var demo: Demo?
            if options.isDemo {
                let started = try await Demo.start(configuration, group: group)
                overrides.instances = started.instances
                demo = started
            }
            let listeners = try await probe(group)
            let blueprint = try await Blueprint.make(configuration, overrides: overrides)
            await discovery.adopt(blueprint.discovery)
            let services = await discovery.first(within: DiscoveryAssembly.patience)
            var snapshot = blueprint.snapshot(policy)
            snapshot.upstream.take(services, for: blueprint.discoveredServices)
            let gateway = try await RunningGateway.start(
                group: group,
                materials: LoopMaterials(
                    snapshot: snapshot, limits: configuration.limits,
                    registry: registry, journal: journal,
                    admission: Admission(maxConnections: configuration.limits.maxConnections),
                    pages: options.isDemo ? DemoPage.pages : [:], node: node,
                    signatures: signatures, breakers: BreakerGauges(registry: registry),
                    epoch: UInt64(clamping: clocks.wall().microseconds / 1_000)),
                listeners: listeners)
            do {
                return try await assemble(
                    gateway, blueprint, policy, overrides, services,
                    Surroundings(
                        group: group, registry: registry, journal: journal, suppressed: suppressed,
                        clocks: clocks, demo: demo, listeners: listeners, adminToken: adminToken,
                        discovery: discovery))
            } catch {
                await gateway.abandonListeners()
                throw error
            }
        } catch {
            suppressed?.stop()
            await discovery.stop()
            _ = journal.stop(deadlineMilliseconds: 1_000)
            try? await signatures.stop()
            try? await group.shutdownGracefully()
            throw error
        }
    }

    /// What outlives the start besides the gateway itself.
    struct Surroundings: Sendable {
        let group: MultiThreadedEventLoopGroup
        let registry: MetricsRegistry
        let journal: Journal
        /// Nil where entries do not go to journald.
        let suppressed: SuppressedMonitor?
        let clocks: SystemClocks
        let demo: Demo?
        let listeners: [Listener]
        /// Opens admin calls that change something; nil = no token does.
        let adminToken: [UInt8]?
        let discovery: Discovery
    }

    private func assemble(
        _ gateway: RunningGateway, _ blueprint: Blueprint, _ policy: PolicySnapshot,
        _ overrides: Blueprint.Overrides, _ services: DiscoveredServices, _ around: Surroundings
    ) async throws -> GatewayProcess {
        let metrics = PolicyMetrics(policy, registry: around.registry, clocks: around.clocks)
        for warning in blueprint.tls.warnings {
            ThisProcess.complain(warning.text)
            around.journal.writeWarning(
                MessageID.certificate, warning.text, clocks: around.clocks)
        }
        for warning in Self.examine(policy, metrics, around) { ThisProcess.complain(warning) }
        let publisher = SnapshotPublisher(
            gateway: gateway, blueprint: blueprint, policy: policy, services: services)
        await around.discovery.connect { await publisher.publish(services: $0) }
        let keySource = KeySourceAssembly.make(publisher: publisher, around: around)
        await keySource.adopt(blueprint.keySource)
        gateway.connect(keySource)
        let reloader = reloader(
            Published(
                publisher: publisher, keySource: keySource, discovery: around.discovery), blueprint,
            policy, overrides, metrics,
            around)
        let membership = try Membership.make(
            configuration, blueprint.discovery, node: node, gateway: gateway, around: around)
        let room = ControlRoom(
            gateway: gateway, reloader: reloader,
            settings: ControlRoom.Settings(
                limits: configuration.limits, listeners: around.listeners, node: node,
                drainDeadlineMilliseconds: configuration.drainDeadlineMilliseconds,
                registry: around.registry, journal: around.journal, clocks: around.clocks,
                discovery: around.discovery, membership: membership))
        let (admin, adminPort): (AdminServer, Int)
        do {
            (admin, adminPort) = try await startAdmin(room, around)
        } catch {
            await membership?.leave()
            throw error
        }
        return GatewayProcess(
            configuration: configuration, gateway: gateway, reloader: reloader, room: room,
            admin: admin, adminPort: adminPort, metrics: metrics, keySource: keySource,
            membership: membership, blueprint: blueprint, around: around)
    }

    private func startAdmin(
        _ room: ControlRoom, _ around: Surroundings
    ) async throws -> (AdminServer, port: Int) {
        let settings = configuration.admin
        let journal = AdminJournal(journal: around.journal, clocks: around.clocks)
        let admin = AdminServer(
            address: settings.address, port: settings.port,
            socketPath: settings.socket.isEmpty ? nil : settings.socket, group: around.group,
            registry: around.registry, routes: room.routes,
            access: AdminAccess(userID: ThisProcess.userID, token: around.adminToken),
            audit: { journal.write($0) })
        do {
            return (admin, try await admin.start())
        } catch let error as AdminError {
            throw StartupError(text: "cannot start the admin interface: \(error)")
        } catch {
            let place =
                settings.socket.isEmpty
                ? "choose another admin.port"
                : "check admin.port, and the directory of admin.socket"
            throw StartupError(
                text: "cannot listen on admin \(settings.address):\(settings.port): "
                    + "\(ThisProcess.reason(error)); \(place)")
        }
    }

    /// What a reload changes.
    private struct Published {
        let publisher: SnapshotPublisher
        let keySource: KeySetSource
        let discovery: Discovery
    }

    private func reloader(
        _ published: Published, _ blueprint: Blueprint, _ policy: PolicySnapshot,
        _ overrides: Blueprint.Overrides, _ metrics: PolicyMetrics, _ around: Surroundings
    ) -> Reloader<Blueprint> {
        let options = options
        let clocks = around.clocks
        let journal = around.journal
        let certificates = TLSMetrics(blueprint.tls, registry: around.registry)
        return Reloader(
            directory: configuration.policies, policy: policy, fingerprint: blueprint.fingerprint,
            clocks: clocks,
            prepare: { () async throws(DiagnosticList) in
                let (configuration, warnings) = try GatewayMain.load(options)
                let next = try await Blueprint.make(configuration, overrides: overrides)
                for warning in next.tls.warnings {
                    journal.writeWarning(MessageID.certificate, warning.text, clocks: clocks)
                }
                return Reloader<Blueprint>.Preparation(
                    catalog: next.catalog, value: next, fingerprint: next.fingerprint,
                    needsRestart: next.needsRestart(comparedTo: blueprint),
                    warnings: warnings.diagnostics + next.tls.warnings)
            },
            examine: { Self.examine($0, metrics, around) },
            publish: { policy, next in
                // First the services, then their sources: what a source said stays until it says more.
                let pause = await published.publisher.publish(next, policy)
                await published.discovery.adopt(next.discovery)
                await published.keySource.adopt(next.keySource)
                metrics.adopt(policy)
                certificates.adopt(next.tls)
                journal.adopt(policy)
                return pause
            },
            begun: { Systemd.reloading(now: clocks.monotonic()) },
            report: { report in
                metrics.record(report, clocks: clocks)
                journal.write(report, clocks: clocks)
                Systemd.notify("READY=1\nSTATUS=\(report.summary)")
            })
    }

    /// What is doubtful about a policy beside this configuration; told in the journal as well.
    private static func examine(
        _ policy: PolicySnapshot, _ metrics: PolicyMetrics, _ around: Surroundings
    ) -> [String] {
        guard let warning = metrics.seriesWarning(for: policy) else { return [] }
        around.journal.writeWarning(MessageID.seriesBudget, warning, clocks: around.clocks)
        return [warning]
    }

    private func compile(_ catalog: ActionCatalog) throws(DiagnosticList) -> PolicySnapshot {
        let files = try PolicyCompiler.read(directory: configuration.policies)
        let compiled = try PolicyCompiler.compile(files: files, catalog: catalog, previous: nil)
        for warning in compiled.warnings { ThisProcess.complain(warning.text) }
        return compiled.snapshot
    }

    private var journalMode: JournalMode {
        switch configuration.telemetry.journal {
        case .auto: .auto
        case .journald: .journald
        case .standardError: .standardError
        case .off: .off
        }
    }

    /// swift-log and swift-metrics of every library end where our own entries and counters do.
    private static func bootstrap(_ journal: Journal, _ registry: MetricsRegistry) {
        LoggingSystem.bootstrap { label in SluiceLogHandler(label: label, journal: journal) }
        MetricsSystem.bootstrap(SluiceMetricsFactory(registry: registry))
    }

    /// A port in use is an error now: once bound with SO_REUSEPORT it would be shared in silence.
    private func probe(_ group: MultiThreadedEventLoopGroup) async throws -> [Listener] {
        var listeners: [Listener] = []
        for wanted in configuration.listeners {
            let listener = Listener(
                name: wanted.name, kind: wanted.kind, endpoint: wanted.endpoint,
                proxyProtocol: wanted.proxyProtocol)
            do {
                listeners.append(try await listener.probed(on: group.next()))
            } catch {
                throw StartupError(
                    text: "cannot listen on \(wanted.endpoint.text): \(ThisProcess.reason(error)); "
                        + Self.advice(error, wanted.endpoint) + " for listener `\(wanted.name)`")
            }
        }
        return listeners
    }

    private static func advice(_ error: any Error, _ endpoint: Endpoint) -> String {
        let place = endpoint.port == nil ? "path" : "port"
        switch (error as? IOError)?.errnoCode {
        case EADDRNOTAVAIL: return "choose an address of this machine"
        case EACCES: return "choose another \(place), or allow this one"
        default: return "is another gateway running? Choose another \(place)"
        }
    }
}
