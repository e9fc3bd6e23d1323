import NIOCore
import NIOHTTP1
import NIOHTTP2
import SluiceVocabulary

/// What one HTTP/2 connection may do, kept by NIO's handler.
enum HTTP2Limits {
    /// Greatest number of CONTINUATION frames behind one HEADERS frame.
    private static let maxContinuations = 8

    static func connection(_ limits: Limits) -> NIOHTTP2Handler.ConnectionConfiguration {
        var configuration = NIOHTTP2Handler.ConnectionConfiguration()
        configuration.initialSettings = [
            HTTP2Setting(parameter: .maxConcurrentStreams, value: limits.maxHTTP2Streams),
            HTTP2Setting(parameter: .maxHeaderListSize, value: limits.maxHeaderBytes),
            HTTP2Setting(parameter: .initialWindowSize, value: 65_535),
            HTTP2Setting(parameter: .enableConnectProtocol, value: 0),
        ]
        configuration.maximumSequentialEmptyDataFrames = 16
        configuration.maximumSequentialContinuationFrames = maxContinuations
        configuration.maximumBufferedControlFrames = 1_000
        configuration.maximumRecentlyResetStreams = limits.maxHTTP2Streams
        configuration.maximumConnectionGlitches = limits.maxHTTP2Resets
        configuration.controlFrameRateLimit.maximumCount = limits.maxHTTP2ControlFrames
        configuration.controlFrameRateLimit.windowLength = window
        return configuration
    }

    static func stream(_ limits: Limits) -> NIOHTTP2Handler.StreamConfiguration {
        var configuration = NIOHTTP2Handler.StreamConfiguration()
        configuration.targetWindowSize = 65_535
        configuration.outboundBufferSizeHighWatermark = 65_536
        configuration.outboundBufferSizeLowWatermark = 32_768
        configuration.streamResetFrameRateLimit.maximumCount = limits.maxHTTP2Resets
        configuration.streamResetFrameRateLimit.windowLength = window
        configuration.streamErrorRateLimit.maximumCount = limits.maxHTTP2Resets
        configuration.streamErrorRateLimit.windowLength = window
        return configuration
    }

    /// The time in which resets and control frames are counted.
    private static let window = TimeAmount.seconds(30)

    /// The limit behind an error of NIO's handler, by its key in the configuration.
    static func limit(of error: any Error) -> String? {
        switch error {
        case is NIOHTTP2Errors.MaxStreamsViolation: "max_http2_streams"
        case is NIOHTTP2Errors.ExcessiveRSTFrames, is NIOHTTP2Errors.ExcessiveStreamErrors,
            is NIOHTTP2Errors.ExcessiveNumberOfGlitches:
            "max_http2_resets"
        case is NIOHTTP2Errors.ExcessiveControlFrames, is NIOHTTP2Errors.ExcessiveEmptyDataFrames,
            is NIOHTTP2Errors.ExcessiveOutboundFrameBuffering:
            "max_http2_control_frames"
        case is NIOHTTP2Errors.ExcessiveContinuationFrames,
            is NIOHTTP2Errors.ExcessivelyLargeHeaderBlock:
            "max_header_bytes"
        default: nil
        }
    }
}

/// The connection has as many requests under way as it may.
private struct StreamRefused: Error {}

extension HTTPEntry {
    /// Puts the handlers of an HTTP/1 connection on its channel.
    static func configureHTTP1(_ channel: any Channel, _ edge: EdgeLoop, _ peer: Peer) throws {
        try channel.pipeline.syncOperations.addHandler(HTTPEntry(edge: edge, peer: peer))
    }

    /// Puts the handlers of an HTTP/2 connection on its channel.
    static func configureHTTP2(_ channel: any Channel, _ edge: EdgeLoop, _ peer: Peer) throws {
        let connection = HTTP2Connection(edge: edge, peer: peer)
        let bound = NIOLoopBound(connection, eventLoop: channel.eventLoop)
        let management = NIOHTTP2ServerConnectionManagementHandler(
            eventLoop: channel.eventLoop,
            configuration: .init(
                maxIdleTime: .milliseconds(edge.limits.keepAliveTimeoutMilliseconds), maxAge: nil,
                maxGraceTime: .seconds(60),
                keepalive: .init(
                    pingInterval: .milliseconds(edge.limits.keepAliveTimeoutMilliseconds),
                    ackTimeout: .seconds(20))))
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(connection.watch)
        _ = try pipeline.configureHTTP2Pipeline(
            mode: .server, connectionConfiguration: HTTP2Limits.connection(edge.limits),
            streamConfiguration: HTTP2Limits.stream(edge.limits),
            streamDelegate: management.http2StreamDelegate
        ) { stream in
            stream.eventLoop.makeCompletedFuture {
                let connection = bound.value
                guard connection.mayOpenStream() else { throw StreamRefused() }
                let entry = HTTPEntry(
                    edge: connection.edge, peer: connection.peer, http2: connection)
                try stream.pipeline.syncOperations.addHandlers(
                    HTTP2HeadCheck(limits: connection.edge.limits),
                    HTTP2FramePayloadToHTTP1ServerCodec(), HTTP2StreamHandler(entry: entry))
            }
        }
        try pipeline.addHandlers(management, connection)
        if channel.isActive {
            // Behind TLS the channel has long been active: its timers would never start.
            management.channelActive(context: try pipeline.context(handler: management))
        }
    }
}
