/// Where the instances of one service come from.
package enum SourceSettings: Sendable, Equatable {
    case consul(ConsulQuery)
    case dns(DNSQuestion)
    case nacos(NacosQuery)

    /// The label of metrics, and what the admin interface calls it.
    package var kind: String {
        switch self {
        case .consul: "consul"
        case .dns: "dns"
        case .nacos: "nacos"
        }
    }
}

/// Which services of Consul's catalogue.
package struct ConsulQuery: Sendable, Equatable {
    package var service: String
    /// An instance must have all of them.
    package var tags: [String]
    /// Empty = the agent's own.
    package var datacenter: String
    /// Leaves out instances whose checks warn; those with a critical check are left out either way.
    package var passingOnly: Bool

    package init(
        service: String, tags: [String] = [], datacenter: String = "", passingOnly: Bool = true
    ) {
        self.service = service
        self.tags = tags
        self.datacenter = datacenter
        self.passingOnly = passingOnly
    }
}

/// What the DNS is asked.
package struct DNSQuestion: Sendable, Equatable {
    /// Which kind of record names the instances.
    package enum Kind: String, Sendable, CaseIterable {
        case srv, a, aaaa
    }

    /// The whole name; no search list is tried.
    package var name: String
    package var kind: Kind
    /// Of the instances behind `a` and `aaaa`; SRV records bring their own.
    package var port: Int
    /// `address:port` of name servers; empty = those of /etc/resolv.conf.
    package var servers: [String]
    package var minTTLMilliseconds: Int64
    package var maxTTLMilliseconds: Int64

    package init(
        name: String, kind: Kind, port: Int = 0, servers: [String] = [],
        minTTLMilliseconds: Int64 = 1_000, maxTTLMilliseconds: Int64 = 60_000
    ) {
        self.name = name
        self.kind = kind
        self.port = port
        self.servers = servers
        self.minTTLMilliseconds = minTTLMilliseconds
        self.maxTTLMilliseconds = maxTTLMilliseconds
    }
}

/// Which instances of Nacos's naming service.
package struct NacosQuery: Sendable, Equatable {
    package var service: String
    package var group: String
    /// Empty = the public one.
    package var namespace: String
    /// Empty = all.
    package var clusters: [String]
    package var healthyOnly: Bool

    package init(
        service: String, group: String = "DEFAULT_GROUP", namespace: String = "",
        clusters: [String] = [], healthyOnly: Bool = true
    ) {
        self.service = service
        self.group = group
        self.namespace = namespace
        self.clusters = clusters
        self.healthyOnly = healthyOnly
    }
}

/// A password or token: compared and sent, never shown.
package struct RegistrySecret: Sendable, Hashable, CustomStringConvertible {
    let text: String

    package init(_ text: String) { self.text = text }

    package var isEmpty: Bool { text.isEmpty }
    package var description: String { isEmpty ? "none" : "secret" }
}

/// How a registry is reached.
package struct RegistrySettings: Sendable, Equatable {
    /// `http://host:port` or `https://host:port`, without a `/` at the end.
    package var address: String
    /// PEM file of the authorities behind its certificate; empty = the system's.
    package var authorityFile: String
    /// Nacos: who logs in; empty = nobody does.
    package var user: String
    /// Consul: the ACL token. Nacos: the password.
    package var secret: RegistrySecret

    package init(
        address: String, authorityFile: String = "", user: String = "",
        secret: RegistrySecret = RegistrySecret("")
    ) {
        self.address = address
        self.authorityFile = authorityFile
        self.user = user
        self.secret = secret
    }
}

/// Everything discovery is told by the configuration.
package struct DiscoverySettings: Sendable, Equatable {
    package var consul: RegistrySettings
    package var nacos: RegistrySettings
    /// By the service's name.
    package var sources: [String: SourceSettings]
    /// How long an answer that drops more than half of the instances must stand to be believed.
    package var holdMilliseconds: Int64

    package init(
        consul: RegistrySettings, nacos: RegistrySettings, sources: [String: SourceSettings],
        holdMilliseconds: Int64
    ) {
        self.consul = consul
        self.nacos = nacos
        self.sources = sources
        self.holdMilliseconds = holdMilliseconds
    }
}
