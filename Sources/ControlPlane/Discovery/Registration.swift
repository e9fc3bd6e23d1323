/// What a registry is told about this gateway.
package struct Registration: Sendable, Equatable {
    /// Which registry.
    package enum Registry: String, Sendable, CaseIterable {
        case consul, nacos
    }

    package var registry: Registry
    package var service: String
    /// One name for this process over restarts.
    package var id: String
    /// Where clients, or the balancer in front of them, reach it.
    package var address: String
    package var port: Int
    package var weight: Int
    package var tags: [String]
    /// `version`, `node` and the like; `connections` is added.
    package var metadata: [String: String]
    /// Without a sign of life for this long it counts as dead.
    package var ttlMilliseconds: Int64
    /// Nacos alone: group, namespace (empty = public) and cluster.
    package var group: String
    package var namespace: String
    package var cluster: String

    package init(
        registry: Registry, service: String, id: String, address: String, port: Int,
        weight: Int = 1, tags: [String] = [], metadata: [String: String] = [:],
        ttlMilliseconds: Int64 = 15_000, group: String = "DEFAULT_GROUP", namespace: String = "",
        cluster: String = "DEFAULT"
    ) {
        self.registry = registry
        self.service = service
        self.id = id
        self.address = address
        self.port = port
        self.weight = weight
        self.tags = tags
        self.metadata = metadata
        self.ttlMilliseconds = ttlMilliseconds
        self.group = group
        self.namespace = namespace
        self.cluster = cluster
    }

    /// `address:port`, as the registry tells it to others.
    package var place: String { DiscoveredInstance(host: address, port: port).text }

    /// With what changes while it runs.
    func metadata(connections: Int) -> [String: String] {
        metadata.merging(["connections": "\(connections)"]) { $1 }
    }
}

/// A registry that takes registrations.
protocol RegistrationDesk: Sendable {
    /// Puts the gateway in, or what is told of it up to date.
    func register(connections: Int) async throws(SourceFailure)
    /// Says that it lives. False = the registry does not know it (any more).
    func beat(connections: Int) async throws(SourceFailure) -> Bool
    /// Takes it out.
    func deregister() async throws(SourceFailure)
}
