import SluiceDocuments
import SluiceVocabulary

/// The limits, and how they depend on each other.
extension ConfigurationDecoder {
    func decodeLimits(_ group: ConfigurationReader) -> Limits {
        var limits = Limits()
        let mebi: Int64 = 1_048_576
        limits.maxFrameBytes = group.bytes(
            "max_frame_bytes", default: limits.maxFrameBytes, in: 1_024...16 * mebi)
        limits.maxHeaderBytes = group.bytes(
            "max_header_bytes", default: limits.maxHeaderBytes, in: 1_024...mebi)
        limits.maxBodyBytes = group.bytes(
            "max_body_bytes", default: limits.maxBodyBytes, in: 1_024...64 * mebi)
        decodeHTTP(group, &limits)
        limits.maxTokenBytes = group.bytes(
            "max_token_bytes", default: limits.maxTokenBytes, in: 256...65_536)
        limits.maxConnections = group.integer(
            "max_connections", default: limits.maxConnections, in: 1...10_000_000)
        limits.handshakeTimeoutMilliseconds = group.milliseconds(
            "handshake_timeout", default: limits.handshakeTimeoutMilliseconds, in: 100...600_000)
        limits.authenticationTimeoutMilliseconds = group.milliseconds(
            "authentication_timeout", default: limits.authenticationTimeoutMilliseconds,
            in: 100...600_000)
        limits.heartbeatIntervalMilliseconds = group.milliseconds(
            "heartbeat_interval", default: limits.heartbeatIntervalMilliseconds,
            in: 1_000...3_600_000)
        limits.heartbeatMisses = group.integer(
            "heartbeat_misses", default: limits.heartbeatMisses, in: 1...100)
        limits.maxOutboxBytes = group.bytes(
            "max_outbox_bytes", default: limits.maxOutboxBytes, in: 4_096...1_024 * mebi)
        limits.maxInFlightPerConnection = group.integer(
            "max_in_flight_per_connection", default: limits.maxInFlightPerConnection, in: 1...65_536
        )
        limits.maxInFlightPerLink = group.integer(
            "max_in_flight_per_link", default: limits.maxInFlightPerLink, in: 1...1_000_000)
        limits.maxLinkQueueBytes = group.bytes(
            "max_link_queue_bytes", default: limits.maxLinkQueueBytes, in: 65_536...4_096 * mebi)
        limits.linkPauseBytes = group.bytes(
            "link_pause_bytes", default: limits.linkPauseBytes, in: 4_096...4_096 * mebi)
        limits.maxLinkFrameBytes = group.bytes(
            "max_link_frame_bytes", default: limits.maxLinkFrameBytes, in: 4_096...256 * mebi)
        limits.maxHTTPWaiting = group.integer(
            "max_http_waiting", default: limits.maxHTTPWaiting, in: 1...1_000_000)
        limits.maxRetryBytes = group.bytes(
            "max_retry_bytes", default: limits.maxRetryBytes, in: 0...4_096 * mebi)
        limits.httpIdleTimeoutMilliseconds = group.milliseconds(
            "http_idle_timeout", default: limits.httpIdleTimeoutMilliseconds, in: 100...3_600_000)
        limits.maxCachedTokens = group.integer(
            "max_cached_tokens", default: limits.maxCachedTokens, in: 0...10_000_000)
        limits.maxSignatureQueue = group.integer(
            "max_signature_queue", default: limits.maxSignatureQueue, in: 1...1_000_000)
        limits.maxWaitingAuthentications = group.integer(
            "max_waiting_authentications", default: limits.maxWaitingAuthentications,
            in: 1...1_000_000)
        limits.maxCachedUsers = group.integer(
            "max_cached_users", default: limits.maxCachedUsers, in: 0...10_000_000)
        limits.maxRevocations = group.integer(
            "max_revocations", default: limits.maxRevocations, in: 0...10_000_000)
        limits.maxKeySourceBytes = group.bytes(
            "max_key_source_bytes", default: limits.maxKeySourceBytes, in: 1_024...16 * mebi)
        limits.maxPushTargets = group.integer(
            "max_push_targets", default: limits.maxPushTargets, in: 1...1_000_000)
        limits.reloadClosePerSecond = group.integer(
            "reload_close_per_second", default: limits.reloadClosePerSecond, in: 1...1_000_000)
        limits.maxWaitingPresence = group.integer(
            "max_waiting_presence", default: limits.maxWaitingPresence, in: 1...10_000_000)
        limits.maxAdminBodyBytes = group.bytes(
            "max_admin_body_bytes", default: limits.maxAdminBodyBytes, in: 4_096...64 * mebi)
        checkLimits(limits, group)
        group.mapping.finish()
        return limits
    }

    private func decodeHTTP(_ group: ConfigurationReader, _ limits: inout Limits) {
        limits.maxHeaders = group.integer("max_headers", default: limits.maxHeaders, in: 10...1_000)
        limits.keepAliveTimeoutMilliseconds = group.milliseconds(
            "keep_alive_timeout", default: limits.keepAliveTimeoutMilliseconds, in: 100...3_600_000)
        limits.bodyTimeoutMilliseconds = group.milliseconds(
            "body_timeout", default: limits.bodyTimeoutMilliseconds, in: 100...3_600_000)
        limits.maxHTTP2Streams = group.integer(
            "max_http2_streams", default: limits.maxHTTP2Streams, in: 1...10_000)
        limits.maxHTTP2Resets = group.integer(
            "max_http2_resets", default: limits.maxHTTP2Resets, in: 1...100_000)
        limits.maxHTTP2ControlFrames = group.integer(
            "max_http2_control_frames", default: limits.maxHTTP2ControlFrames, in: 10...100_000)
    }

    /// Pairs in which one limit would make the other pointless or harmful.
    private func checkLimits(_ limits: Limits, _ group: ConfigurationReader) {
        if limits.linkPauseBytes > limits.maxLinkQueueBytes {
            sink.error(
                "reading would pause only after requests are refused",
                at: group.place("link_pause_bytes"),
                hint: "make it at most `max_link_queue_bytes` (\(limits.maxLinkQueueBytes))")
        }
        if limits.maxFrameBytes > limits.maxOutboxBytes {
            sink.error(
                "a single message would fill the outbox", at: group.place("max_outbox_bytes"),
                hint: "make it at least `max_frame_bytes` (\(limits.maxFrameBytes))")
        }
        // Head room for the frame's header and the identity stamped on.
        if limits.maxFrameBytes + 4_096 > limits.maxLinkFrameBytes {
            sink.error(
                "a client's largest message would not fit into a link frame",
                at: group.place("max_link_frame_bytes"),
                hint: "make it at least \(limits.maxFrameBytes + 4_096)")
        }
        if limits.maxTokenBytes > limits.maxHeaderBytes {
            sink.warning(
                "a token of this size does not fit into a handshake",
                at: group.place("max_token_bytes"),
                hint: "make it smaller than `max_header_bytes` (\(limits.maxHeaderBytes))")
        }
    }
}
