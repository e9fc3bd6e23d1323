package import SluiceDiscovery
package import SluiceDocuments
package import SluiceEdge
package import SluiceIdentity
import SluiceKeySets
package import SluicePolicy
package import SluiceUpstream
package import SluiceVocabulary

/// What a configuration becomes: checked, with keys read, ready to be published to the loops.
package struct Blueprint: Sendable {
    package var configuration: Configuration
    package var keys: KeySet
    package var tokenRules: TokenRules
    package var issuer: TokenIssuer?
    package var upstream: UpstreamSnapshot
    package var catalog: ActionCatalog
    package var tls: TLSMaterial
    package var discovery: DiscoverySettings

    /// Changes with anything a running gateway takes over.
    package var fingerprint: String {
        // A secret shows as nothing; its hash, good for this process alone, tells when it changed.
        let secrets = [discovery.consul.secret, discovery.nacos.secret].hashValue
        return "\(configuration) keys \(keys.revision) tls \(tls.fingerprint) secrets \(secrets)"
    }

    /// What `demo` replaces: keys made up for this run, services on ports chosen at start.
    package struct Overrides: Sendable {
        package var keys: [KeyMaterial]?
        /// Host and port by service name.
        package var instances: [String: InstanceAddress] = [:]

        package init() {}
    }

    /// Reads keys and certificates and compiles the command table.
    ///
    /// - Throws: every error found, with its place in the file where it has one.
    package static func make(
        _ configuration: Configuration, overrides: Overrides
    ) async throws(DiagnosticList) -> Blueprint {
        let materials: [KeyMaterial]
        if let made = overrides.keys {
            materials = made
        } else {
            materials = try readKeys(configuration)
        }
        let identity = configuration.identity
        let rules = TokenRules(
            issuer: identity.issuer, audience: identity.audience,
            leewaySeconds: identity.leewaySeconds,
            maxTokenBytes: configuration.limits.maxTokenBytes)
        let keys: KeySet
        var issuer: TokenIssuer?
        do throws(KeyError) {
            keys = try await KeySet.make(materials, expecting: identity.jwks?.algorithms ?? [])
            if let issue = identity.issue {
                issuer = try TokenIssuer(
                    keys: keys, kid: overrides.keys?.first?.kid ?? issue.key,
                    issuer: identity.issuer, audience: identity.audience,
                    ttlSeconds: issue.ttlSeconds, refreshTTLSeconds: issue.refreshTTLSeconds,
                    leewaySeconds: identity.leewaySeconds,
                    maxTokenBytes: configuration.limits.maxTokenBytes)
            }
        } catch {
            throw Self.failure("identity.keys: \(error.text)")
        }
        let tls = try TLSMaterial.read(
            configuration, now: SystemClocks.secondsSince1970)
        let discovery = try configuration.discoverySettings(
            excluding: Set(overrides.instances.keys))
        return try assemble(configuration, overrides, keys, rules, issuer, tls, discovery)
    }

    private static func assemble(
        _ configuration: Configuration, _ overrides: Overrides, _ keys: KeySet,
        _ rules: TokenRules, _ issuer: TokenIssuer?, _ tls: TLSMaterial,
        _ discovery: DiscoverySettings
    ) throws(DiagnosticList) -> Blueprint {
        let catalog = configuration.actions
        let services = configuration.services.map { service in
            ServiceDefinition(
                name: service.name,
                instances: overrides.instances[service.name].map { [ServiceInstance($0)] }
                    ?? service.instances.map {
                        ServiceInstance(
                            InstanceAddress(host: $0.host, port: $0.port), weight: $0.weight)
                    },
                http: service.http.map {
                    HTTPLinkSettings(
                        basePath: $0.basePath, maxConnections: $0.maxConnections,
                        http2: $0.isHTTP2)
                },
                isGRPC: service.link == "grpc",
                connectTimeoutMilliseconds: service.connectTimeoutMilliseconds,
                backoffMinimumMilliseconds: service.backoffMinimumMilliseconds,
                backoffMaximumMilliseconds: service.backoffMaximumMilliseconds,
                tls: overrides.instances[service.name] == nil ? tls.services[service.name] : nil,
                balance: service.failover.balance, health: service.failover.health,
                retry: service.failover.retry, breaker: service.failover.breaker)
        }
        let stickyKeys = Dictionary(
            uniqueKeysWithValues: configuration.services.map { ($0.name, $0.failover.stickyKey) })
        let definitions = configuration.commands.map { command in
            CommandDefinition(
                id: command.id, name: command.name, service: command.service,
                from: command.from.commandOrigin,
                timeoutMilliseconds: UInt32(clamping: command.timeoutMilliseconds),
                isOrdered: command.isOrdered, isRetrySafe: command.isRetrySafe,
                maxBytes: command.maxBytes, stickyKey: stickyKeys[command.service] ?? .session)
        }
        do {
            let table = try CommandTable(
                definitions, services: services.map(\.name), catalog: catalog)
            return Blueprint(
                configuration: configuration, keys: keys, tokenRules: rules, issuer: issuer,
                upstream: UpstreamSnapshot(services: services, commands: table), catalog: catalog,
                tls: tls, discovery: discovery)
        } catch {
            throw failure("commands: \(error)")
        }
    }

    private static func readKeys(
        _ configuration: Configuration
    ) throws(DiagnosticList) -> [KeyMaterial] {
        var materials: [KeyMaterial] = []
        for key in configuration.identity.keys {
            materials.append(try configuration.readKey(key))
        }
        return materials
    }

    static func failure(_ message: String) -> DiagnosticList {
        let sink = DiagnosticSink()
        sink.error(
            message, at: SourcePosition(file: "configuration", line: 1, column: 1), hint: nil)
        return sink.list
    }

    /// Everything a loop decides by, with the policy that was compiled for this catalog.
    package func snapshot(_ policy: PolicySnapshot) -> EdgeSnapshot {
        var snapshot = EdgeSnapshot(
            policy: policy, upstream: upstream, keys: keys, tokenRules: tokenRules, issuer: issuer,
            loginClaims: configuration.identity.issue?.claims ?? [],
            trustedProxies: configuration.trustedProxies, tls: tls.listeners,
            http: configuration.http, routes: configuration.routeTable(catalog))
        snapshot.opaque = configuration.identity.opaque
        snapshot.userCheck = configuration.identity.userCheck
        snapshot.hasKeySource = configuration.identity.jwks != nil
        return snapshot
    }

    /// Where further keys come from.
    var keySource: KeySourceSettings? {
        configuration.identity.jwks.map { source in
            KeySourceSettings(
                url: source.url, refreshMilliseconds: source.refreshMilliseconds,
                timeoutMilliseconds: source.timeoutMilliseconds, algorithms: source.algorithms,
                authorityFile: source.authorityFile,
                maxBytes: configuration.limits.maxKeySourceBytes)
        }
    }

    /// The listeners without what changes while they listen.
    private static func places(_ configuration: Configuration) -> [Configuration.Listener] {
        configuration.listeners.map { listener in
            var place = listener
            place.tls = nil
            return place
        }
    }

    /// Differences to `other` that only a restart puts in force.
    package func needsRestart(comparedTo other: Blueprint) -> [String] {
        var changes: [String] = []
        let old = other.configuration
        if Self.places(configuration) != Self.places(old) { changes.append("listeners") }
        if configuration.admin != old.admin { changes.append("admin") }
        if configuration.node != old.node { changes.append("node") }
        if configuration.loops != old.loops { changes.append("loops") }
        let isRegistered = configuration.register != nil
        if configuration.register != old.register
            || (isRegistered && configuration.registries != old.registries)
        {
            changes.append("register")
        }
        if configuration.policies != old.policies { changes.append("policies") }
        if configuration.telemetry != old.telemetry { changes.append("telemetry") }
        if configuration.limits != old.limits { changes.append("limits") }
        if configuration.identity.signatureThreads != old.identity.signatureThreads {
            changes.append("identity.signature_threads")
        }
        return changes
    }
}

extension Configuration.Command.Origin {
    var commandOrigin: CommandOrigin {
        switch self {
        case .client: .client
        case .gateway: .gateway
        case .push: .push
        }
    }
}
