import NIOCore

/// Takes a request's body as it comes: what a route hands to `HTTPEntry.streamBody(to:)`.
///
/// All calls are made on the entry's loop. After `bodyEnded` only `responseWritable` and `aborted`
/// follow, after `aborted` nothing.
protocol HTTPRequestBodySink: AnyObject {
    /// Some of the body, never empty. Too much of it? `HTTPEntry.pauseBody()`.
    func bodyPart(_ bytes: ByteBuffer)
    /// The body is whole.
    func bodyEnded()
    /// The client takes no more of the response for now (false), or takes it again (true).
    func responseWritable(_ isWritable: Bool)
    /// The client has gone, broke the protocol or was too slow: nobody waits for a response any more.
    func aborted(_ reason: HTTPAbort)
}

/// Why a request ended before its response.
enum HTTPAbort {
    /// The connection or the stream is gone.
    case clientGone
    /// What came as the rest of the body is not one; the client has been answered.
    case malformed
    /// No progress within `body_timeout`; the client has been answered, or cut off.
    case tooSlow
}
