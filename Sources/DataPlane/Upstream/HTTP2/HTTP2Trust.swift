import NIOCore
import NIOHTTP2

/// What NIO's handler counts against hostile clients, set so that a service never gets there.
///
/// A service is the operator's own: nginx resets every stream whose request it did not read to the
/// end, many shed load with resets, and a connection given up for that would take all requests on it
/// along. Each limiter allocates room for its greatest number at once, so the numbers stay small and
/// the time they count in short.
enum HTTP2Trust {
    private static let count = 1_000
    private static let window = TimeAmount.milliseconds(1)

    static func apply(to settings: inout NIOHTTP2Handler.ConnectionConfiguration) {
        settings.maximumConnectionGlitches = .max
        // As many as the longest head has, which costs its stream alone.
        settings.maximumSequentialContinuationFrames = 128
        settings.maximumSequentialEmptyDataFrames = count
        settings.controlFrameRateLimit.maximumCount = count
        settings.controlFrameRateLimit.windowLength = window
        // Answers to requests that were cancelled may come in great number after a stall.
        settings.maximumRecentlyResetStreams = 16_384
    }

    static func apply(to settings: inout NIOHTTP2Handler.StreamConfiguration) {
        settings.streamResetFrameRateLimit.maximumCount = count
        settings.streamResetFrameRateLimit.windowLength = window
        settings.streamErrorRateLimit.maximumCount = count
        settings.streamErrorRateLimit.windowLength = window
    }
}
