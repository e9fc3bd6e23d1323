package import NIOCore

/// What became of telling a registry about this gateway.
package enum RegistrationEvent: Sendable, Equatable {
    case registered
    /// The registry forgot the gateway, or could not be reached, and knows it again.
    case registeredAgain
    /// It does not answer or refuses; tried again until it takes the gateway.
    case failed(String)
    case deregistered
    /// The gateway leaves, and the registry could not be told: its TTL takes the gateway out.
    case leftUntold(String)
}

/// Keeps this gateway in a registry while it takes clients, and takes it out when it drains.
package actor Registrar {
    private let desk: any RegistrationDesk
    private let client: RegistryClient
    private let beatPause: Duration
    private let connections: @Sendable () async -> Int
    private let report: @Sendable (RegistrationEvent) -> Void
    private var loop: Task<Void, Never>?
    private var hasLeft = false
    private var isKnown = false
    private var wasKnown = false
    private var hasFailed = false
    /// What the registry was last told of the load.
    private var toldConnections = 0
    private var backoff = Backoff()

    /// - Parameters:
    ///   - group: where connections live.
    ///   - connections: how many clients are connected now.
    ///   - report: is told of every change.
    /// - Throws: the registry can never be asked, and why.
    package init(
        _ registration: Registration, registry settings: RegistrySettings,
        group: any EventLoopGroup, connections: @escaping @Sendable () async -> Int,
        report: @escaping @Sendable (RegistrationEvent) -> Void
    ) throws(SourceFailure) {
        client = try RegistryClient(settings, group: group)
        desk =
            switch registration.registry {
            case .consul: ConsulDesk(registration: registration, client: client)
            case .nacos: NacosDesk(registration: registration, access: NacosAccess(client))
            }
        beatPause = .milliseconds(max(100, registration.ttlMilliseconds / 3))
        self.connections = connections
        self.report = report
    }

    /// Begins; returns at once.
    package func start() {
        guard loop == nil, !hasLeft else { return }
        loop = Task { await self.run() }
    }

    /// Takes the gateway out and ends. Returns when the registry knows, or does not answer in time.
    package func leave() async {
        guard !hasLeft else { return }
        hasLeft = true
        loop?.cancel()
        // Nothing of it may arrive after the farewell.
        await loop?.value
        if wasKnown {
            do throws(SourceFailure) {
                try await desk.deregister()
                report(.deregistered)
            } catch {
                report(.leftUntold(error.text))
            }
        }
        await client.stop()
    }

    private func run() async {
        while !Task.isCancelled {
            let pause: Duration
            do throws(SourceFailure) {
                try await tell()
                pause = beatPause
                backoff.succeeded()
            } catch {
                if Task.isCancelled { return }
                isKnown = false
                if !hasFailed { report(.failed(error.text)) }
                hasFailed = true
                var random = SystemRandomNumberGenerator()
                pause = min(backoff.failed(using: &random), beatPause)
            }
            // Ends early only when the task is cancelled, which the loop looks at.
            try? await Task.sleep(for: pause)
        }
    }

    private func tell() async throws(SourceFailure) {
        let connections = await connections()
        if isKnown, !Self.differs(connections, toldConnections) {
            if try await desk.beat(connections: connections) { return }
            isKnown = false
        }
        // It may arrive although no answer comes back: then there is something to take out.
        let isFirst = !wasKnown
        wasKnown = true
        let isNews = !isKnown
        try await desk.register(connections: connections)
        toldConnections = connections
        isKnown = true
        hasFailed = false
        if isNews { report(isFirst ? .registered : .registeredAgain) }
    }

    /// Whether a load is so far from what was told that the registry should hear of it: a tenth, and
    /// ten connections.
    static func differs(_ connections: Int, _ told: Int) -> Bool {
        let change = abs(connections - told)
        return change >= 10 && change * 10 >= told
    }
}
