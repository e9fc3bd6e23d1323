/// A limit on everything: what one client, one service and one process may take.
///
/// Each is a key under `limits:` in the configuration; each has a counter
/// (`sluice_limit_exceeded_total{limit}`) and a refusal or close reason.
package struct Limits: Sendable, Equatable {
    /// One message from a client, headers included. Over it the connection closes with 1009.
    package var maxFrameBytes = 65_536
    /// An HTTP request's head (line and headers).
    package var maxHeaderBytes = 16_384
    /// Header fields of an HTTP request.
    package var maxHeaders = 100
    /// An HTTP request's body.
    package var maxBodyBytes = 65_536
    /// A token, wherever it comes in.
    package var maxTokenBytes = 8_192
    /// Connections of one process, all transports.
    package var maxConnections = 15_000
    /// From accept to a complete HTTP request head.
    package var handshakeTimeoutMilliseconds: Int64 = 10_000
    /// Between two requests of an HTTP connection.
    package var keepAliveTimeoutMilliseconds: Int64 = 60_000
    /// Without any progress of a request's body, or of a response the client does not read.
    package var bodyTimeoutMilliseconds: Int64 = 30_000
    /// Requests of an HTTP/2 connection at a time.
    package var maxHTTP2Streams = 100
    /// Streams of an HTTP/2 connection that are reset or broken within 30 s.
    package var maxHTTP2Resets = 200
    /// Pings, settings and the like of an HTTP/2 connection within 30 s.
    package var maxHTTP2ControlFrames = 200
    /// From the upgrade to a verified token.
    package var authenticationTimeoutMilliseconds: Int64 = 10_000
    /// Silence after which the gateway pings.
    package var heartbeatIntervalMilliseconds: Int64 = 25_000
    /// Pings without any sign of life before the connection closes with 4002.
    package var heartbeatMisses = 2
    /// Bytes waiting to be written to one client. Over it the connection closes with 4001.
    package var maxOutboxBytes = 1_048_576
    /// Requests of one connection without an answer. Over it reading pauses until one is answered.
    package var maxInFlightPerConnection = 256
    /// Requests on one link without an answer. Over it: 503 `overloaded`.
    package var maxInFlightPerLink = 65_536
    /// Bytes waiting to be written to one service instance. Over it: 503 `overloaded`.
    package var maxLinkQueueBytes = 8_388_608
    /// Bytes waiting on a link at which reading from the clients that use it pauses.
    package var linkPauseBytes = 1_048_576
    /// One frame from a service.
    package var maxLinkFrameBytes = 4_194_304
    /// Requests that wait for a connection to one instance, per event loop. Over it: 503 `overloaded`.
    package var maxHTTPWaiting = 1_024
    /// Requests that one event loop keeps so that it can send them again. Over it a request has one
    /// try.
    package var maxRetryBytes = 16_777_216
    /// How long a connection to a service may stay open without a request.
    package var httpIdleTimeoutMilliseconds: Int64 = 30_000
    /// Verified tokens remembered per event loop.
    package var maxCachedTokens = 20_000
    /// Presence transitions one event loop keeps while the user service does not take them. Over it
    /// the coming and going of one user is folded away.
    package var maxWaitingPresence = 100_000
    /// The body of an admin call. Over it: 413.
    package var maxAdminBodyBytes = 1_048_576
    /// Costly signatures that wait for a thread, process-wide. Over it: 503 `overloaded`.
    package var maxSignatureQueue = 1_024
    /// Tokens per event loop about which others are being asked. Over it: 503 `overloaded`.
    package var maxWaitingAuthentications = 4_096
    /// Users per event loop of whom it is remembered that they exist or do not.
    package var maxCachedUsers = 20_000
    /// Revocations remembered until what they revoke has expired. Over it: 503 `overloaded`.
    package var maxRevocations = 100_000
    /// A JWKS. Over it the fetch fails and the keys in force stay.
    package var maxKeySourceBytes = 262_144
    /// Users one push may name.
    package var maxPushTargets = 10_000
    /// Connections closed per second, process-wide, that a reload no longer permits. Over it they
    /// wait for their turn.
    package var reloadClosePerSecond = 500

    package init() {}
}
