/// The shape of the configuration: which keys exist, and what they hold.
///
/// Environment variables are turned into keys with it, since `_` both joins words and parts them.
/// The decoder knows the same keys; a test holds the two and `Config/sluice.yaml` together.
indirect enum ConfigurationSchema: Sendable {
    case scalar
    /// A mapping from names of the operator's choice to values.
    case names
    case list(Self)
    case mapping(KeyValuePairs<String, Self>)

    static let root: Self = .mapping([
        "listeners": .list(
            .mapping([
                "name": .scalar, "protocol": .scalar, "address": .scalar, "port": .scalar,
                "mode": .scalar, "proxy_protocol": .scalar,
                "tls": .mapping([
                    "certificates": .list(.mapping(["certificate": .scalar, "key": .scalar])),
                    "min_version": .scalar, "client_ca": .scalar, "client_certificate": .scalar,
                    "http2": .scalar,
                ]),
            ])),
        "trusted_proxies": .list(.scalar),
        "http": .mapping([
            "client_address": .scalar, "allowed_origins": .list(.scalar),
            "cors": .mapping(["credentials": .scalar, "max_age": .scalar]),
            "rate_limit_fields": .scalar, "tell_rule": .scalar,
        ]),
        "admin": .mapping([
            "address": .scalar, "port": .scalar, "socket": .scalar, "token_file": .scalar,
        ]),
        "node": .scalar,
        "loops": .scalar,
        "policies": .scalar,
        "pid_file": .scalar,
        "identity": .mapping([
            "keys": .list(
                .mapping([
                    "kid": .scalar, "algorithm": .scalar, "secret_file": .scalar,
                    "public_key_file": .scalar, "private_key_file": .scalar,
                ])),
            "jwks": .mapping([
                "url": .scalar, "refresh": .scalar, "timeout": .scalar,
                "algorithms": .list(.scalar), "ca": .scalar,
            ]),
            "opaque": .mapping(["command": .scalar, "ttl": .scalar, "negative_ttl": .scalar]),
            "user_check": .mapping([
                "command": .scalar, "ttl": .scalar, "negative_ttl": .scalar, "stale_ttl": .scalar,
            ]),
            "signature_threads": .scalar,
            "issuer": .scalar,
            "audience": .scalar,
            "leeway": .scalar,
            "issue": .mapping([
                "key": .scalar, "ttl": .scalar, "refresh_ttl": .scalar, "claims": .list(.scalar),
            ]),
        ]),
        "registries": .mapping([
            "consul": .mapping(["address": .scalar, "token_file": .scalar, "ca": .scalar]),
            "dns": .mapping(["servers": .list(.scalar)]),
            "nacos": .mapping([
                "address": .scalar, "user": .scalar, "password_file": .scalar, "ca": .scalar,
            ]),
            "hold": .scalar,
        ]),
        "register": .mapping([
            "registry": .scalar, "service": .scalar, "id": .scalar, "address": .scalar,
            "port": .scalar, "weight": .scalar, "tags": .list(.scalar), "ttl": .scalar,
            "group": .scalar, "namespace": .scalar, "cluster": .scalar,
        ]),
        "services": .list(
            .mapping([
                "name": .scalar, "link": .scalar, "instances": .list(.scalar),
                "discovery": .mapping([
                    "consul": .mapping([
                        "service": .scalar, "tags": .list(.scalar), "datacenter": .scalar,
                        "passing_only": .scalar,
                    ]),
                    "dns": .mapping([
                        "name": .scalar, "type": .scalar, "port": .scalar, "min_ttl": .scalar,
                        "max_ttl": .scalar,
                    ]),
                    "nacos": .mapping([
                        "service": .scalar, "group": .scalar, "namespace": .scalar,
                        "clusters": .list(.scalar), "healthy_only": .scalar,
                    ]),
                ]),
                "base_path": .scalar, "http2": .scalar, "max_connections": .scalar,
                "connect_timeout": .scalar, "backoff": .mapping(["min": .scalar, "max": .scalar]),
                "balance": .mapping(["by": .scalar, "key": .scalar, "bounded_load": .scalar]),
                "health": .mapping([
                    "check": .mapping([
                        "kind": .scalar, "path": .scalar, "port": .scalar, "interval": .scalar,
                        "timeout": .scalar, "unhealthy": .scalar, "healthy": .scalar,
                    ]),
                    "outliers": .mapping([
                        "consecutive_errors": .scalar, "success_rate": .scalar,
                        "latency_factor": .scalar, "min_requests": .scalar, "interval": .scalar,
                        "ejection": .scalar, "max_ejection": .scalar, "max_ejected": .scalar,
                    ]),
                    "slow_start": .scalar, "panic_threshold": .scalar,
                ]),
                "retry": .mapping([
                    "attempts": .scalar, "budget": .scalar, "per_try_timeout": .scalar,
                ]),
                "breaker": .mapping([
                    "failure_rate": .scalar, "min_requests": .scalar, "window": .scalar,
                    "open": .scalar, "probes": .scalar,
                ]),
                "tls": .mapping([
                    "ca": .scalar, "certificate": .scalar, "key": .scalar, "server_name": .scalar,
                ]),
            ])),
        "routes": .list(
            .mapping([
                "name": .scalar, "prefix": .scalar, "methods": .list(.scalar),
                "headers": .names, "service": .scalar, "rewrite": .scalar,
                "authentication": .scalar, "websocket": .scalar, "timeout": .scalar,
                "max_body_bytes": .scalar, "forward_authorization": .scalar,
            ])),
        "commands": .list(
            .mapping([
                "id": .scalar, "name": .scalar, "service": .scalar, "from": .scalar,
                "timeout": .scalar, "ordered": .scalar, "retry_safe": .scalar, "max_bytes": .scalar,
            ])),
        "telemetry": .mapping(["journal": .scalar, "metrics_series": .scalar]),
        "limits": .mapping([
            "max_frame_bytes": .scalar,
            "max_header_bytes": .scalar,
            "max_body_bytes": .scalar, "max_headers": .scalar, "keep_alive_timeout": .scalar,
            "body_timeout": .scalar, "max_http2_streams": .scalar, "max_http2_resets": .scalar,
            "max_http2_control_frames": .scalar,
            "max_token_bytes": .scalar,
            "max_connections": .scalar,
            "handshake_timeout": .scalar,
            "authentication_timeout": .scalar,
            "heartbeat_interval": .scalar,
            "heartbeat_misses": .scalar,
            "max_outbox_bytes": .scalar,
            "max_in_flight_per_connection": .scalar,
            "max_in_flight_per_link": .scalar,
            "max_link_queue_bytes": .scalar,
            "link_pause_bytes": .scalar,
            "max_link_frame_bytes": .scalar,
            "max_http_waiting": .scalar,
            "max_retry_bytes": .scalar,
            "http_idle_timeout": .scalar,
            "max_cached_tokens": .scalar,
            "max_signature_queue": .scalar,
            "max_waiting_authentications": .scalar,
            "max_cached_users": .scalar,
            "max_revocations": .scalar,
            "max_key_source_bytes": .scalar,
            "max_push_targets": .scalar,
            "reload_close_per_second": .scalar,
            "max_waiting_presence": .scalar,
            "max_admin_body_bytes": .scalar,
        ]),
        "drain": .mapping(["deadline": .scalar]),
    ])

    /// Every key that holds a value, as a path with `#` for an index: `listeners.#.port`.
    var leaves: [[String]] {
        switch self {
        case .scalar, .names: [[]]
        case .list(.scalar): [[], ["#"]]
        case .list(let item): item.leaves.map { ["#"] + $0 }
        case .mapping(let keys): keys.flatMap { key, value in value.leaves.map { [key] + $0 } }
        }
    }
}

extension Configuration {
    /// Every key that holds a value, as a path with `#` for an index: `listeners`, `#`, `port`.
    package static var keys: [[String]] { ConfigurationSchema.root.leaves }

    /// The environment variable that sets a key; `#` becomes 0.
    package static func variable(for key: [String]) -> String {
        ConfigurationEnvironment.prefix + ConfigurationEnvironment.variable(key)
    }
}
