package import NIOCore

/// What discovery tells the gateway about one source.
package struct DiscoveryEvent: Sendable {
    package let service: String
    /// `consul/user`: the label of metrics.
    package let source: String
    package let report: WatchReport
    /// In force before.
    package let before: [DiscoveredInstance]
    /// Whether the source answered when it was last asked; nil = this is the first time.
    package let wasUp: Bool?
}

/// Every instance list in force. A larger `version` is newer.
package struct DiscoveredServices: Sendable {
    package var version: UInt64 = 0
    /// By the service's name; never empty lists.
    package var instances: [String: [DiscoveredInstance]] = [:]

    package init() {}
}

/// A source as the admin interface shows it.
package struct SourceStatus: Sendable {
    package let service: String
    package let kind: String
    package var isUp = false
    package var isStale = false
    /// In force.
    package var instances: [DiscoveredInstance] = []
    package var kept = 0
    /// Why it is down; empty while it is not.
    package var problem = ""
}

/// Follows a source for each service that has one, and publishes what they say.
///
/// Sources come and go with the configuration. Whatever a source does, what it said last stays.
package actor Discovery {
    private let group: any EventLoopGroup
    private let report: @Sendable (DiscoveryEvent) -> Void
    private let ended: @Sendable (_ source: String) -> Void
    private var settings: DiscoverySettings?
    private var clients: [String: RegistryClient] = [:]
    private var nacos: NacosAccess?
    private var tasks: [String: Task<Void, Never>] = [:]
    private var states: [String: SourceStatus] = [:]
    /// Services whose source has answered or failed since it is followed.
    private var heard: Set<String> = []
    private var services = DiscoveredServices()
    private var publish: (@Sendable (DiscoveredServices) async -> Void)?

    /// - Parameters:
    ///   - group: where connections live.
    ///   - report: is told of every answer and failure.
    ///   - ended: is told of every source that is followed no more.
    package init(
        group: any EventLoopGroup, report: @escaping @Sendable (DiscoveryEvent) -> Void,
        ended: @escaping @Sendable (_ source: String) -> Void
    ) {
        self.ended = ended
        self.group = group
        self.report = report
    }

    /// From now on every change is published; what is in force now is at once.
    package func connect(_ publish: @escaping @Sendable (DiscoveredServices) async -> Void) async {
        self.publish = publish
        await publish(services)
    }

    /// Every source, by service.
    package var status: [SourceStatus] { states.values.sorted { $0.service < $1.service } }

    /// Instances in force.
    package var current: DiscoveredServices { services }

    /// Takes settings over. A source that stays as it was goes on undisturbed; instances of one that
    /// changed stay until its first answer.
    package func adopt(_ new: DiscoverySettings) async {
        let old = settings
        guard new != old else { return }
        settings = new
        for (service, task) in tasks where new.sources[service] == nil {
            task.cancel()
            tasks[service] = nil
            heard.remove(service)
            if let state = states[service] { ended(Self.label(state)) }
            states[service] = nil
            services.instances[service] = nil
        }
        let isSameConsul = new.consul == old?.consul
        let isSameNacos = new.nacos == old?.nacos
        var retired: [RegistryClient] = []
        if !isSameConsul, let client = clients.removeValue(forKey: "consul") {
            retired.append(client)
        }
        if !isSameNacos, let client = clients.removeValue(forKey: "nacos") {
            retired.append(client)
        }
        for (service, source) in new.sources {
            let isSameRegistry =
                switch source {
                case .consul: isSameConsul
                case .nacos: isSameNacos
                case .dns: true
                }
            let isSame =
                isSameRegistry && source == old?.sources[service]
                && new.holdMilliseconds == old?.holdMilliseconds
            if !isSame { follow(service, source, new) }
        }
        for client in retired { await client.stop() }
    }

    /// Waits until every source has answered or failed once, `limit` at most.
    package func first(within limit: Duration) async -> DiscoveredServices {
        let clock = ContinuousClock()
        let end = clock.now + limit
        while heard.count < tasks.count, clock.now < end {
            try? await Task.sleep(for: .milliseconds(5))
        }
        return services
    }

    /// Ends every source.
    package func stop() async {
        for task in tasks.values { task.cancel() }
        tasks = [:]
        let old = clients.values
        clients = [:]
        for client in old { await client.stop() }
    }

    private func follow(_ service: String, _ source: SourceSettings, _ settings: DiscoverySettings)
    {
        tasks[service]?.cancel()
        heard.remove(service)
        let kept = services.instances[service] ?? []
        if let old = states[service], old.kind != source.kind { ended(Self.label(old)) }
        var state = SourceStatus(service: service, kind: source.kind)
        state.instances = kept
        states[service] = state
        let snapshot = HeldSnapshot(
            hold: .milliseconds(settings.holdMilliseconds), keeping: kept)
        let made: any InstanceSource
        do throws(SourceFailure) {
            made = try make(source, settings)
        } catch {
            made = BrokenSource(failure: error)
        }
        let number = nextNumber
        nextNumber += 1
        numbers[service] = number
        tasks[service] = Task {
            var watcher = Watcher(source: made, snapshot: snapshot)
            await watcher.run { report in await self.heard(report, of: service, number) }
        }
    }

    private static func label(_ state: SourceStatus) -> String {
        "\(state.kind)/\(state.service)"
    }

    private var nextNumber = 0
    /// Which watcher of a service is the one that counts.
    private var numbers: [String: Int] = [:]

    private func heard(_ report: WatchReport, of service: String, _ number: Int) async {
        guard numbers[service] == number, var state = states[service] else { return }
        let before = state.instances
        let wasUp = heard.contains(service) ? state.isUp : nil
        heard.insert(service)
        state.isUp = report.result != .failed
        state.isStale = report.isStale
        state.instances = report.instances
        state.kept = report.kept
        state.problem = report.text
        states[service] = state
        self.report(
            DiscoveryEvent(
                service: service, source: Self.label(state), report: report,
                before: before, wasUp: wasUp))
        guard report.instances != before, !report.instances.isEmpty else { return }
        services.version += 1
        services.instances[service] = report.instances
        await publish?(services)
    }

    private func make(
        _ source: SourceSettings, _ settings: DiscoverySettings
    ) throws(SourceFailure) -> any InstanceSource {
        switch source {
        case .consul(let query):
            ConsulSource(query, client: try client("consul", settings.consul))
        case .dns(let question): DNSSource(question, group: group)
        case .nacos(let query):
            NacosSource(query, access: try nacosAccess(settings.nacos))
        }
    }

    /// One for all services, so that they share its token.
    private func nacosAccess(
        _ settings: RegistrySettings
    ) throws(SourceFailure) -> NacosAccess {
        let client = try client("nacos", settings)
        if let nacos, nacos.client === client { return nacos }
        let access = NacosAccess(client)
        nacos = access
        return access
    }

    private func client(
        _ name: String, _ settings: RegistrySettings
    ) throws(SourceFailure) -> RegistryClient {
        if let client = clients[name] { return client }
        let client = try RegistryClient(settings, group: group)
        clients[name] = client
        return client
    }
}

/// A source that cannot be asked; it says why each time.
struct BrokenSource: InstanceSource {
    let failure: SourceFailure

    mutating func next(within limit: Duration) async throws(SourceFailure) -> SourceAnswer {
        throw failure
    }
}
