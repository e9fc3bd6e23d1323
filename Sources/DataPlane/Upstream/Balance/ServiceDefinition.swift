/// Where one instance of a service listens.
package struct InstanceAddress: Sendable, Hashable {
    /// An IP address or a name.
    package var host: String
    package var port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// `host:port`, with brackets around an IPv6 address. The label of journal and states.
    package var text: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// One instance of a service: where it is and how much it takes beside the others.
package struct ServiceInstance: Sendable, Hashable {
    package var address: InstanceAddress
    /// Twice the weight, twice the calls. At least 1.
    package var weight: Int

    package init(_ address: InstanceAddress, weight: Int = 1) {
        self.address = address
        self.weight = weight
    }
}

/// How a service with `link: http` is asked.
package struct HTTPLinkSettings: Sendable, Equatable {
    /// Stands before the command's name: empty or `/` and more, without a `/` at the end.
    package var basePath: String
    /// Connections of one event loop to one instance, WebSockets left out.
    package var maxConnections: Int
    /// HTTP/2: with TLS where the service chooses it, without TLS from the first byte.
    package var http2: Bool

    package init(
        basePath: String = "/commands", maxConnections: Int = 32, http2: Bool = false
    ) {
        self.basePath = basePath
        self.maxConnections = maxConnections
        self.http2 = http2
    }
}

/// One entry of `services:` in the configuration.
package struct ServiceDefinition: Sendable, Equatable {
    package var name: String
    package var instances: [ServiceInstance]
    /// Nil = native links, or gRPC.
    package var http: HTTPLinkSettings?
    /// Links speak gRPC.
    package var isGRPC: Bool
    /// From the first packet to the service's hello.
    package var connectTimeoutMilliseconds: Int64
    /// The first pause before connecting again is at most this; each further one at most twice the
    /// one before.
    package var backoffMinimumMilliseconds: Int64
    /// No pause is longer.
    package var backoffMaximumMilliseconds: Int64
    /// Nil = plain. A change is for connections made from then on.
    package var tls: ServiceTLS?
    package var balance: BalanceSettings
    package var health: HealthSettings
    package var retry: RetrySettings
    /// Nil = none.
    package var breaker: BreakerSettings?

    package init(
        name: String, instances: [ServiceInstance], http: HTTPLinkSettings? = nil,
        isGRPC: Bool = false,
        connectTimeoutMilliseconds: Int64 = 1_000,
        backoffMinimumMilliseconds: Int64 = 50, backoffMaximumMilliseconds: Int64 = 2_000,
        tls: ServiceTLS? = nil, balance: BalanceSettings = BalanceSettings(),
        health: HealthSettings = HealthSettings(), retry: RetrySettings = RetrySettings(),
        breaker: BreakerSettings? = nil
    ) {
        self.name = name
        self.instances = instances
        self.http = http
        self.isGRPC = isGRPC
        self.connectTimeoutMilliseconds = connectTimeoutMilliseconds
        self.backoffMinimumMilliseconds = backoffMinimumMilliseconds
        self.backoffMaximumMilliseconds = backoffMaximumMilliseconds
        self.tls = tls
        self.balance = balance
        self.health = health
        self.retry = retry
        self.breaker = breaker
    }
}

/// What the control plane publishes to every loop: services and the commands built on them.
package struct UpstreamSnapshot: Sendable {
    /// In the order `commands` was built with.
    package var services: [ServiceDefinition]
    package var commands: CommandTable

    package init(services: [ServiceDefinition], commands: CommandTable) {
        self.services = services
        self.commands = commands
    }
}
