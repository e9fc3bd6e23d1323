package import SluiceDocuments

extension Configuration {
    /// What holds where no file is found: the demo's services and commands on loopback.
    ///
    /// `Config/sluice.yaml` says the same with comments; a test compares the two.
    package static let builtInText = """
        listeners:
          - {name: main, protocol: http, address: 127.0.0.1, port: 8080, mode: "0660",
             proxy_protocol: false}
          - {name: tcp, protocol: tcp, address: 127.0.0.1, port: 7080, mode: "0660",
             proxy_protocol: false}
        trusted_proxies: []
        http:
          client_address: auto
          allowed_origins: ["*"]
          cors: {credentials: false, max_age: 10m}
          rate_limit_fields: true
          tell_rule: true
        admin: {address: 127.0.0.1, port: 9901, socket: "", token_file: ""}
        node: ""
        loops: 0
        policies: policies
        pid_file: ""
        identity:
          keys:
            - {kid: main, algorithm: HS256, secret_file: /etc/sluice/main.key,
               public_key_file: "", private_key_file: ""}
          jwks: {url: "", refresh: 5m, timeout: 5s, algorithms: [RS256, ES256, EdDSA], ca: ""}
          opaque: {command: "", ttl: 30s, negative_ttl: 5s}
          user_check: {command: "", ttl: 60s, negative_ttl: 5s, stale_ttl: 10m}
          signature_threads: 0
          issuer: sluice
          audience: sluice
          leeway: 5s
          issue: {key: main, ttl: 15m, refresh_ttl: 30d, claims: [roles, plan, tenant]}
        registries:
          consul: {address: "http://127.0.0.1:8500", token_file: "", ca: ""}
          dns: {servers: []}
          nacos: {address: "http://127.0.0.1:8848", user: "", password_file: "", ca: ""}
          hold: 30s
        register: {registry: none, service: sluice, id: "", address: "", port: 0, weight: 100,
          tags: [], ttl: 15s, group: DEFAULT_GROUP, namespace: "", cluster: DEFAULT}
        services:
          - {name: user, link: native, instances: ["127.0.0.1:9101"], connect_timeout: 1s,
             backoff: {min: 50ms, max: 2s}}
          - {name: message, link: native, instances: ["127.0.0.1:9101"], connect_timeout: 1s,
             backoff: {min: 50ms, max: 2s}}
          - {name: friend, link: native, instances: ["127.0.0.1:9101"], connect_timeout: 1s,
             backoff: {min: 50ms, max: 2s}}
        commands:
          - {id: 100, name: echo, service: message, from: client, timeout: 5s, ordered: true,
             retry_safe: true, max_bytes: 65536}
          - {id: 1001, name: message.send, service: message, from: client, timeout: 5s,
             ordered: true, retry_safe: false, max_bytes: 16384}
          - {id: 1002, name: message.history, service: message, from: client, timeout: 5s,
             ordered: false, retry_safe: true, max_bytes: 4096}
          - {id: 1003, name: message.deliver, service: message, from: push, timeout: 5s,
             ordered: true, retry_safe: false, max_bytes: 65536}
          - {id: 1101, name: friend.list, service: friend, from: client, timeout: 5s,
             ordered: false, retry_safe: true, max_bytes: 4096}
          - {id: 1102, name: friend.request, service: friend, from: client, timeout: 5s,
             ordered: true, retry_safe: true, max_bytes: 4096}
          - {id: 1103, name: friend.requested, service: friend, from: push, timeout: 5s,
             ordered: true, retry_safe: false, max_bytes: 4096}
          - {id: 1201, name: user.profile, service: user, from: client, timeout: 5s,
             ordered: false, retry_safe: true, max_bytes: 4096}
          - {id: 1301, name: user.presence, service: user, from: gateway, timeout: 5s,
             ordered: true, retry_safe: true, max_bytes: 65536}
          - {id: 1302, name: user.login, service: user, from: gateway, timeout: 5s,
             ordered: false, retry_safe: false, max_bytes: 65536}
          - {id: 1305, name: user.presence.reset, service: user, from: gateway, timeout: 5s,
             ordered: true, retry_safe: true, max_bytes: 65536}
          - {id: 1401, name: media.upload, service: message, from: client, timeout: 10s,
             ordered: false, retry_safe: false, max_bytes: 61440}
          - {id: 1402, name: media.download, service: message, from: client, timeout: 10s,
             ordered: false, retry_safe: true, max_bytes: 4096}
        telemetry: {journal: auto, metrics_series: 10000}
        limits:
          max_frame_bytes: 65536
          max_header_bytes: 16384
          max_headers: 100
          max_body_bytes: 65536
          keep_alive_timeout: 60s
          body_timeout: 30s
          max_http2_streams: 100
          max_http2_resets: 200
          max_http2_control_frames: 200
          max_token_bytes: 8192
          max_connections: 15000
          handshake_timeout: 10s
          authentication_timeout: 10s
          heartbeat_interval: 25s
          heartbeat_misses: 2
          max_outbox_bytes: 1048576
          max_in_flight_per_connection: 256
          max_in_flight_per_link: 65536
          max_link_queue_bytes: 8388608
          link_pause_bytes: 1048576
          max_link_frame_bytes: 4194304
          max_cached_tokens: 20000
          max_signature_queue: 1024
          max_waiting_authentications: 4096
          max_cached_users: 20000
          max_revocations: 100000
          max_key_source_bytes: 256KiB
          max_push_targets: 10000
          reload_close_per_second: 500
          max_waiting_presence: 100000
          max_admin_body_bytes: 1048576
        drain: {deadline: 30s}
        """

    /// The name of the defaults in errors and reports.
    package static let builtInSource = "built-in defaults"

    /// The configuration where no file is found and no variable is set.
    package static func builtIn() throws(DiagnosticList) -> Configuration {
        try decode(text: builtInText, file: builtInSource, environment: [:]).configuration
    }
}
