package import SluiceDiscovery

extension Configuration {
    /// Where registries are, and how their answers are taken.
    package struct Registries: Sendable, Equatable {
        package var consul: Registry
        package var nacos: Registry
        /// `address:port` of name servers; empty = those of /etc/resolv.conf.
        package var nameServers: [String]
        /// How long an answer that drops more than half of the instances must stand to be believed.
        package var holdMilliseconds: Int64
    }

    /// How one registry is reached.
    package struct Registry: Sendable, Equatable {
        /// `http://host:port` or `https://host:port`.
        package var address: String
        /// PEM file of the authorities behind its certificate; empty = the system's.
        package var authorityFile: String
        /// Nacos: who logs in; empty = nobody does.
        package var user: String
        /// Consul: the file with the ACL token. Nacos: that with the password. Empty = none.
        package var secretFile: String
    }

    /// What a registry is told about this gateway.
    package struct Register: Sendable, Equatable {
        package var registry: Registration.Registry
        package var service: String
        /// Empty = made of service, node and port.
        package var id: String
        package var address: String
        /// 0 = that of the first HTTP listener.
        package var port: Int
        package var weight: Int
        package var tags: [String]
        package var ttlMilliseconds: Int64
        package var group: String
        package var namespace: String
        package var cluster: String
    }
}
