package import SluiceDiscovery
package import SluiceEdge
package import SluiceIdentity
package import SluiceUpstream
package import SluiceVocabulary

/// Everything the process is told before it starts: one plain value, checked as a whole.
///
/// `Config/sluice.yaml` explains each key; its values are the built-in defaults.
package struct Configuration: Sendable, Equatable {
    package var listeners: [Listener]
    /// Proxies whose word about a client's address is believed.
    package var trustedProxies: TrustedProxies
    /// How proxies and browsers are treated.
    package var http: HTTPSettings
    package var admin: Admin
    /// Names this gateway towards services and tools; empty = the host's name.
    package var node: String
    /// Event loops; 0 = one per core.
    package var loops: Int
    /// Directory of the policy files.
    package var policies: String
    /// Empty = no PID file.
    package var pidFile: String
    package var identity: Identity
    /// Where registries are.
    package var registries: Registries
    /// Nil = no registry is told of this gateway.
    package var register: Register?
    package var services: [Service]
    package var commands: [Command]
    package var routes: [Route]
    package var telemetry: Telemetry
    package var limits: Limits
    /// How long a drain may take before the connections left are cut.
    package var drainDeadlineMilliseconds: Int64
    /// systemd's `$CREDENTIALS_DIRECTORY`, where relative secret files are looked for first.
    package var credentialsDirectory: String?

    /// Where clients connect.
    package struct Listener: Sendable, Equatable {
        /// What `address` of a Unix socket begins with.
        static let unixPrefix = "unix:"

        package var name: String
        package var kind: ListenerProtocol
        /// An IP address, `0.0.0.0` or `::` = all of them; or `unix:` and a path.
        package var address: String
        /// 0 = any free one; of a Unix socket too.
        package var port: Int
        /// Permission bits of a Unix socket.
        package var mode: UInt16
        /// Every connection begins with a PROXY header.
        package var proxyProtocol: Bool
        /// Nil = plain.
        package var tls: ListenerTLS?

        /// The place as the edge binds it.
        package var endpoint: Endpoint {
            address.hasPrefix(Self.unixPrefix)
                ? .unix(path: String(address.dropFirst(Self.unixPrefix.count)), mode: mode)
                : .ip(address: address, port: port)
        }

        /// The listeners where nobody names any.
        static let builtIn = [
            Listener(
                name: "main", kind: .http, address: "127.0.0.1", port: 8080, mode: 0o660,
                proxyProtocol: false),
            Listener(
                name: "tcp", kind: .tcp, address: "127.0.0.1", port: 7080, mode: 0o660,
                proxyProtocol: false),
        ]
    }

    /// Where the operator's tools connect. Loopback only.
    package struct Admin: Sendable, Equatable {
        package var address: String
        package var port: Int
        /// Path of a Unix socket; empty = none.
        package var socket: String
        /// The file that holds the bearer token; empty = no token.
        package var tokenFile: String
    }

    /// Who is believed, and in whose name tokens are issued.
    package struct Identity: Sendable, Equatable {
        package var keys: [Key]
        /// Nil = any issuer.
        package var issuer: String?
        /// Nil = any audience.
        package var audience: String?
        /// How far `exp` and `nbf` may be off.
        package var leewaySeconds: Int64
        /// Nil = the gateway issues no tokens: logins must bring one from the user service.
        package var issue: Issue?
        /// Nil = no key source beside `keys`.
        package var jwks: KeySource?
        /// Nil = tokens that are no JWT are refused.
        package var opaque: OpaqueRules?
        /// Nil = nobody asks whether the user of a token still exists.
        package var userCheck: UserCheckRules?
        /// Threads for costly signatures; 0 = half of the processors.
        package var signatureThreads: Int
    }

    /// A JWKS (RFC 7517) from which further keys come.
    package struct KeySource: Sendable, Equatable {
        package var url: String
        package var refreshMilliseconds: Int64
        package var timeoutMilliseconds: Int64
        /// What keys that do not say `alg` are good for, and no others.
        package var algorithms: [SignatureAlgorithm]
        /// PEM file of the authorities that vouch for an https source; empty = the system's.
        package var authorityFile: String
    }

    /// A key that tokens are verified with.
    package struct Key: Sendable, Equatable {
        package var kid: String
        /// The only algorithm this key is good for.
        package var algorithm: SignatureAlgorithm
        package var kind: Kind
        /// The file that holds the key; `Configuration.readKey(_:)` reads it.
        package var file: String

        /// What the file holds.
        package enum Kind: String, Sendable {
            case secret = "secret_file"
            case publicKey = "public_key_file"
            case privateKey = "private_key_file"
        }
    }

    /// How tokens are made at a login.
    package struct Issue: Sendable, Equatable {
        /// `kid` of one of the keys.
        package var key: String
        package var ttlSeconds: Int64
        package var refreshTTLSeconds: Int64
        /// Claims copied from the user service's answer.
        package var claims: [String]
    }

    /// A service behind the gateway, as a list of instances.
    package struct Service: Sendable, Equatable {
        package var name: String
        /// `native`, `http` or `grpc`.
        package var link: String
        /// With `discovery`: what is used until the source's first answer.
        package var instances: [Instance]
        package var connectTimeoutMilliseconds: Int64
        package var backoffMinimumMilliseconds: Int64
        package var backoffMaximumMilliseconds: Int64
        /// Nil = plain.
        package var tls: ServiceTLS?
        /// Nil = native or gRPC links.
        package var http: HTTPLink?
        /// Where instances come from; nil = `instances` alone.
        package var discovery: SourceSettings?
        package var failover = Failover()

        /// How instances are chosen, watched, and asked again: docs/upstream.md.
        package struct Failover: Sendable, Equatable {
            package var balance = BalanceSettings()
            /// What calls have in common that go to one instance.
            package var stickyKey = BalanceKey.session
            package var health = HealthSettings()
            package var retry = RetrySettings()
            /// Nil = none.
            package var breaker: BreakerSettings?
        }

        /// How a service with `link: http` is asked.
        package struct HTTPLink: Sendable, Equatable {
            /// Stands before the command's name; without a `/` at the end.
            package var basePath: String
            /// Per event loop and instance.
            package var maxConnections: Int
            /// HTTP/2 where the service has it.
            package var isHTTP2: Bool
        }
    }

    /// Requests that are passed on to a service as they are.
    package struct Route: Sendable, Equatable {
        package var name: String
        package var prefix: String
        /// Nil = all.
        package var methods: [String]?
        /// Nil = any value.
        package var headers: [String: String?]
        package var service: String
        package var rewrite: String?
        package var authentication: SluiceEdge.Route.Authentication
        package var webSocket: Bool
        package var timeoutMilliseconds: Int64
        package var maxBodyBytes: Int
        package var forwardsAuthorization: Bool
    }

    /// One place where a service answers.
    package struct Instance: Sendable, Equatable {
        /// An IP address or a host name.
        package var host: String
        package var port: Int
        /// Twice the weight, twice the calls.
        package var weight = 1

        /// `host:port`, with an IPv6 address in brackets.
        package var text: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
    }

    /// A command that services offer; its name is what policies decide about.
    package struct Command: Sendable, Equatable {
        package var id: UInt32
        package var name: String
        /// The service that answers it. Empty for pushes nobody but services sends.
        package var service: String
        package var from: Origin
        package var timeoutMilliseconds: Int64
        package var isOrdered: Bool
        package var isRetrySafe: Bool
        package var maxBytes: Int

        /// Who may send it.
        package enum Origin: String, Sendable, CaseIterable {
            case client, gateway, push
        }
    }

    /// Where logs go, and how many metrics there may be.
    package struct Telemetry: Sendable, Equatable {
        package var journal: JournalMode
        /// Label sets over all metrics before further ones share `_overflow`.
        package var metricsSeries: Int

        /// Where log entries go.
        package enum JournalMode: String, Sendable, CaseIterable {
            /// journald where there is one, else JSON lines on standard error.
            case auto
            case journald
            case standardError = "stderr"
            case off
        }
    }
}
