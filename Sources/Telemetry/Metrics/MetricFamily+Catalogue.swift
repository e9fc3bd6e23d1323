/// Every family the gateway shows. Labels come from closed sets only: never a user, a path, an
/// address or anything a client can invent.
extension MetricFamily {
    // MARK: Connections and sessions

    package static let connections = Self(
        "sluice_connections", .gauge, ["transport"], help: "Client connections open now.")
    package static let connectionsOpened = Self(
        "sluice_connections_opened_total", .counter, ["transport"],
        help: "Client connections opened.")
    package static let connectionsClosed = Self(
        "sluice_connections_closed_total", .counter, ["transport", "reason"],
        help: "Client connections closed, by the reason in the catalogue of close reasons.")
    package static let clients = Self(
        "sluice_clients", .gauge, ["version"],
        help: "Connected clients by the protocol version they speak.")
    package static let sessions = Self(
        "sluice_sessions", .gauge, help: "Sessions of authenticated clients on this node.")
    package static let authentications = Self(
        "sluice_auth_total", .counter, ["method", "result"],
        help: "Attempts to prove who one is, by method and result.")
    package static let identityLookups = Self(
        "sluice_identity_lookups_total", .counter, ["cache", "result"],
        help: "Looks into the caches token, opaque and user: hit, miss, negative or stale.")
    package static let identityEntries = Self(
        "sluice_identity_entries", .gauge, ["cache"],
        help: "Entries remembered: token, opaque and user (all loops), revocation (each loop).")
    package static let identityWaiting = Self(
        "sluice_identity_waiting", .gauge,
        help: "Tokens about which a thread, a service or the key source is being asked now.")
    package static let signatureQueue = Self(
        "sluice_signature_queue", .gauge,
        help: "Costly signatures that run or wait for a thread of the pool.")
    package static let keySourceFetches = Self(
        "sluice_key_source_fetches_total", .counter, ["result"],
        help: "Fetches of the JWKS: ok, unchanged, or why one failed.")
    package static let keySourceLastSuccess = Self(
        "sluice_key_source_last_success_timestamp_seconds", .gauge,
        help: "When the JWKS was last fetched, in seconds since 1970; 0 = never.")
    package static let keySourceKeys = Self(
        "sluice_key_source_keys", .gauge, help: "Keys of the JWKS in force now.")
    package static let presenceEvents = Self(
        "sluice_presence_events_total", .counter, ["state"],
        help: "Users that came online or went offline on this node, and events no service took.")

    package static let proxyHeaders = Self(
        "sluice_proxy_headers_total", .counter, ["listener", "result"],
        help: "Connections that had to begin with a PROXY header, by result: ok, local or why not.")
    package static let tlsHandshakes = Self(
        "sluice_tls_handshakes_total", .counter, ["listener", "result"],
        help: "TLS handshakes of clients that have ended, by result: ok or why not.")
    package static let tlsCertificateExpiry = Self(
        "sluice_tls_certificate_expiry_timestamp_seconds", .gauge, ["side", "name"],
        help:
            "When the first of the certificates shown by a listener or to a service expires, in seconds since 1970."
    )

    // MARK: Requests

    package static let requests = Self(
        "sluice_requests_total", .counter, ["transport", "action", "outcome"],
        help: "Requests of clients, by outcome: ok, refused or error.")
    package static let requestDuration = Self(
        "sluice_request_duration_seconds", .histogram, ["transport", "action"],
        hasExemplars: true, help: "Time from reading a request to queueing its answer.")
    package static let limitExceeded = Self(
        "sluice_limit_exceeded_total", .counter, ["limit"],
        help: "Times one of the configured limits was hit, by its key in the configuration.")

    package static let httpViolations = Self(
        "sluice_http_violations_total", .counter, ["reason"],
        help: "HTTP requests refused because they are not HTTP as it is written, by why.")

    // MARK: Policy

    package static let permissionDecisions = Self(
        "sluice_permission_decisions_total", .counter, ["rule", "decision"],
        help: "Decisions of permission rules: allow, refuse, shadow_allow or shadow_refuse.")
    package static let rateLimitDecisions = Self(
        "sluice_rate_limit_decisions_total", .counter, ["rule", "decision"],
        help: "Decisions of rate limits: allow, refuse, delay, drop, pause or shadow_refuse.")
    package static let rateLimitBans = Self(
        "sluice_rate_limit_bans_total", .counter, ["rule"],
        help: "Bans a rate limit imposed on keys that did not stop.")
    package static let rateLimitBannedKeys = Self(
        "sluice_rate_limit_banned_keys", .gauge, ["rule"],
        help: "Keys a rate limit has banned now.")
    package static let rateLimitKeys = Self(
        "sluice_rate_limit_keys", .gauge, ["rule"], help: "Buckets a rate limit holds now.")
    package static let rateLimitOverflow = Self(
        "sluice_rate_limit_overflow_total", .counter, ["rule"],
        help: "Keys sent to a shared overflow bucket because the rule's max_keys was reached.")
    package static let policyInfo = Self(
        "sluice_policy_info", .gauge, ["version", "revision"],
        help: "Always 1; the labels tell which policy is in force.")
    package static let policyReloads = Self(
        "sluice_policy_reloads_total", .counter, ["result"],
        help: "Reloads of policy and configuration: ok, unchanged or rejected.")
    package static let policyLastReloadSuccessful = Self(
        "sluice_policy_last_reload_successful", .gauge,
        help: "Whether the last reload succeeded: 1, as after a start, or 0 when it was rejected.")
    package static let policyLastReload = Self(
        "sluice_policy_last_reload_success_timestamp_seconds", .gauge,
        help: "When a reload last succeeded, in seconds since 1970.")

    // MARK: Upstream and pushes

    package static let upstreamRequests = Self(
        "sluice_upstream_requests_total", .counter, ["service", "outcome"],
        help: "Calls to services, by outcome.")
    package static let upstreamDuration = Self(
        "sluice_upstream_duration_seconds", .histogram, ["service"],
        help: "Time from queueing a call on a link to reading its answer.")
    package static let upstreamInstances = Self(
        "sluice_upstream_instances", .gauge, ["service", "state"],
        help: "Instances of services by state, counted once per event loop that has a link.")
    package static let upstreamEjections = Self(
        "sluice_upstream_ejections_total", .counter, ["service", "reason"],
        help: "Instances taken out of the balance although they can be reached, per event loop.")
    package static let upstreamChecks = Self(
        "sluice_upstream_checks_total", .counter, ["service", "result"],
        help: "Active checks of instances (`health.check`) by result, ok or failed.")
    package static let upstreamRetries = Self(
        "sluice_upstream_retries_total", .counter, ["service", "reason"],
        help: "Calls sent once more, to another instance.")
    package static let upstreamBreakerState = Self(
        "sluice_upstream_breaker_state", .gauge, ["service"],
        help: "The service's breaker: 0 closed, 1 half-open, 2 open; the worst event loop counts.")
    package static let pushes = Self(
        "sluice_push_total", .counter, ["class", "result"],
        help: "Pushes by delivery class and what became of them, per target.")
    package static let outboundQueueBytes = Self(
        "sluice_outbound_queue_bytes", .gauge, help: "Bytes waiting to be written to clients.")
    package static let slowConsumers = Self(
        "sluice_slow_consumers_total", .counter,
        help: "Connections closed because the client read too slowly.")

    // MARK: Discovery

    package static let discoveryUp = Self(
        "sluice_discovery_up", .gauge, ["source"],
        help: "Whether a source of instances answered when it was last asked.")
    package static let discoveryUpdates = Self(
        "sluice_discovery_updates_total", .counter, ["source", "result"],
        help: "Answers of a source of instances: changed, unchanged, held_back or failed.")
    package static let discoveryHeldBack = Self(
        "sluice_discovery_held_back_total", .counter, ["source"],
        help: "Times instances stayed although an answer dropped more than half of them at once.")
    package static let registered = Self(
        "sluice_registered", .gauge, ["registry"],
        help: "Whether the registry that is told of this gateway knows it.")

    // MARK: The gateway itself

    package static let adminCalls = Self(
        "sluice_admin_calls_total", .counter, ["action", "result"],
        help: "Calls of the admin interface: ok, failed, or why one was not let through.")

    package static let logEntries = Self(
        "sluice_log_entries_total", .counter, ["class", "result"],
        help: "Journal entries by class and result: sent, sampled, dropped_full, dropped_error.")
    package static let logDropped = Self(
        "sluice_log_dropped_total", .counter, help: "Journal entries lost, for any reason.")
    package static let journaldSuppressed = Self(
        "sluice_journald_suppressed_total", .counter,
        help: "Entries journald took and threw away, because the unit wrote more than its limit.")
    package static let loopLag = Self(
        "sluice_loop_lag_seconds", .gauge, ["loop"],
        help: "How late the event loop's last timer ran.")
    package static let loopUtilization = Self(
        "sluice_event_loop_utilization", .gauge, ["loop"], isRatio: true,
        help: "Share of the last second for which the event loop's thread had a processor, 0 to 1.")
    package static let metricsSeries = Self(
        "sluice_metrics_series", .gauge, help: "Series on this page, held against the budget.")
    package static let metricsOverflow = Self(
        "sluice_metrics_overflow_total", .counter, ["metric"],
        help: "Requests for a new series answered with the _overflow one: the budget is spent.")
    package static let buildInfo = Self(
        "sluice_build_info", .gauge, ["version", "swift"],
        help: "Always 1; the labels tell what was built.")

    // MARK: The process, under the names every Prometheus client uses

    package static let processCPU = Self(
        "process_cpu_seconds_total", .counter, help: "User and system CPU time spent.")
    package static let processOpenDescriptors = Self(
        "process_open_fds", .gauge, help: "Open file descriptors.")
    package static let processMaxDescriptors = Self(
        "process_max_fds", .gauge, help: "Limit on open file descriptors.")
    package static let processVirtualMemory = Self(
        "process_virtual_memory_bytes", .gauge, help: "Virtual memory size.")
    package static let processResidentMemory = Self(
        "process_resident_memory_bytes", .gauge, help: "Resident memory size.")
    package static let processStartTime = Self(
        "process_start_time_seconds", .gauge,
        help: "When the process started, in seconds since 1970.")
    package static let processThreads = Self(
        "process_threads", .gauge, help: "Threads of the process.")

    /// All of the above.
    package static let catalogue: [MetricFamily] = [
        .connections, .connectionsOpened, .connectionsClosed, .clients, .sessions,
        .authentications, .identityLookups, .identityEntries, .identityWaiting, .signatureQueue,
        .keySourceFetches, .keySourceLastSuccess, .keySourceKeys, .presenceEvents,
        .proxyHeaders, .tlsHandshakes, .tlsCertificateExpiry, .requests,
        .requestDuration, .limitExceeded,
        .httpViolations,
        .permissionDecisions, .rateLimitDecisions, .rateLimitBans, .rateLimitBannedKeys,
        .rateLimitKeys, .rateLimitOverflow, .policyInfo, .policyReloads,
        .policyLastReloadSuccessful, .policyLastReload, .upstreamRequests,
        .upstreamDuration,
        .upstreamInstances, .upstreamEjections, .upstreamChecks, .upstreamRetries,
        .upstreamBreakerState, .pushes,
        .outboundQueueBytes, .slowConsumers,
        .discoveryUp, .discoveryUpdates, .discoveryHeldBack, .registered,
        .adminCalls, .logEntries,
        .logDropped, .journaldSuppressed, .loopLag, .loopUtilization, .metricsSeries,
        .metricsOverflow, .buildInfo, .processCPU,
        .processOpenDescriptors, .processMaxDescriptors, .processVirtualMemory,
        .processResidentMemory, .processStartTime, .processThreads,
    ]
}
