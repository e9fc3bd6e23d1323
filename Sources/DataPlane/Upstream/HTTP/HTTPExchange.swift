package import NIOCore
import NIOHTTP1
package import SluiceVocabulary

/// One request to one instance and its answer, both as streams. Loop-bound.
///
/// Ends exactly once: with `end`, with `failed`, or silently by `cancel`. Make it, keep it, set
/// `onEvent`, then `start`: an event may come before `start` returns.
package final class HTTPExchange {
    /// Set once, before `start`. Let go of at the end, so a cycle through it does no harm.
    package var onEvent: (HTTPExchangeEvent) -> Void = { _ in }
    /// `host:port` of the instance.
    package var instance: String { pool.instance }
    /// How often the request was sent, those times left out that the service said it did not look.
    package private(set) var attempts: UInt8 = 0
    /// No event will come any more.
    package private(set) var isEnded = false
    package let request: HTTPRequest
    /// Told of the end, whatever it was, before `onEvent` is.
    var onEnd: (HTTPExchangeEnd) -> Void = { _ in }
    /// Of the response's head; nil before it came.
    private(set) var status: UInt?

    /// When it was started.
    package private(set) var startedAt: MonotonicTime
    /// From the start to the end; 0 while it runs. Set by whoever counts.
    package internal(set) var upstreamNanoseconds: Int64 = 0

    private enum Stage {
        case new, waiting
        case sent(HTTPConnection)
        case stream(HTTP2Stream)
        case tunnel(HTTPTunnel)
    }

    /// A service that refuses a request so often will go on with that: more than a connection's pauses.
    /// One that ends a connection instead counts double.
    private static let maxRefusals = 10

    private let pool: HTTPConnectionPool
    private var refusals: UInt8 = 0
    /// It was on a kept connection that turned out to be gone, and was sent on another one.
    private(set) var wasStale = false
    private var stage = Stage.new
    /// Reading is paused by the maker; taken over by the connection once there is one.
    private(set) var isReadingPaused = false
    private var lastProgress: MonotonicTime

    init(_ request: HTTPRequest, pool: HTTPConnectionPool) {
        self.request = request
        self.pool = pool
        lastProgress = pool.tick.now
        startedAt = lastProgress
    }

    // MARK: The maker's side

    /// Sends the request as soon as a connection is free.
    package func start() {
        guard case .new = stage, !isEnded else { return }
        pool.tick.begin()
        lastProgress = pool.tick.now
        startedAt = lastProgress
        stage = .waiting
        if !pool.submit(self) { fail(.overloaded) }
    }

    /// Body may be written: a connection is there and takes it.
    package var isWritable: Bool {
        switch stage {
        case .new, .waiting: false
        case .sent(let connection): connection.isWritable
        case .stream(let stream): stream.isWritable
        case .tunnel(let tunnel): tunnel.isWritable
        }
    }

    /// Writes a piece of a streamed body, or raw bytes after a 101.
    ///
    /// Only after the first `writable`; stop when `isWritable` turns false, until the next one.
    package func write(_ bytes: ByteBuffer) {
        progressed()
        switch stage {
        case .new, .waiting: invariant(isEnded, "body is written after the first `writable`")
        case .sent(let connection): connection.write(bytes)
        case .stream(let stream): stream.write(bytes)
        case .tunnel(let tunnel): tunnel.write(bytes)
        }
    }

    /// The streamed body is whole.
    package func endBody() {
        switch stage {
        case .sent(let connection): connection.endBody()
        case .stream(let stream): stream.endBody()
        case .new, .waiting, .tunnel: break
        }
    }

    /// Ends a connection that was upgraded, once what was written is out. No event follows.
    package func finishWriting() {
        guard !isEnded else { return }
        guard case .tunnel(let tunnel) = stage else { return cancel() }
        _ = end(.whole)
        tunnel.closeAfterWrites()
    }

    /// No more `body` than what has been read already comes until `resumeReading`.
    package func pauseReading() { isReadingPaused = true }

    package func resumeReading() {
        guard isReadingPaused else { return }
        isReadingPaused = false
        progressed()
        switch stage {
        case .new, .waiting: break
        case .sent(let connection): connection.resumeReading()
        case .stream(let stream): stream.resumeReading()
        case .tunnel(let tunnel): tunnel.resumeReading()
        }
    }

    /// Nobody wants the answer any more. No event follows; the connection, or its stream, is closed
    /// unless the request still waited for one.
    package func cancel() {
        guard !isEnded else { return }
        let old = end(.cancelled)
        switch old {
        case .new: break
        case .waiting: pool.forget(self)
        case .sent(let connection): connection.close()
        case .stream(let stream): stream.close()
        case .tunnel(let tunnel): tunnel.close()
        }
    }

    // MARK: The connection's side

    /// Sent only where it has not been, or may be twice, and the body is still there.
    var maySendAgain: Bool {
        if wasStale || attempts > 1 { return false }
        if case .streamed = request.body { return false }
        return request.isRepeatable
    }

    /// Whether it may be sent on after the service has said that it did not look at it.
    var mayStartAnew: Bool {
        if case .streamed = request.body { return false }
        return isWorthAsking
    }
    var isWorthAsking: Bool { refusals < Self.maxRefusals }

    func sent(on connection: HTTPConnection) { sent(.sent(connection)) }

    func sent(on stream: HTTP2Stream) { sent(.stream(stream)) }

    /// The service said that it did not look at it (RFC 9113 section 8.7).
    ///
    /// - Parameter isBusy: of its own accord, not because the connection ends.
    func unseen(isBusy: Bool) {
        attempts &-= 1
        refusals &+= isBusy ? 1 : 2
    }

    private func sent(_ stage: Stage) {
        self.stage = stage
        attempts &+= 1
        progressed()
    }

    /// The next attempt takes another connection.
    func waitsAgain() { stage = .waiting }

    /// The connection turned out to be stale.
    func stale() { wasStale = true }

    func becameTunnel(_ tunnel: HTTPTunnel) { stage = .tunnel(tunnel) }

    func progressed() { lastProgress = pool.tick.now }

    func hear(_ event: HTTPExchangeEvent) {
        guard !isEnded else { return }
        if case .head(let head) = event { status = head.status.code }
        onEvent(event)
    }

    func finish() {
        guard !isEnded else { return }
        let handler = onEvent
        _ = end(.whole)
        handler(.end)
    }

    func fail(_ failure: HTTPFailure) {
        guard !isEnded else { return }
        let handler = onEvent
        _ = end(.failed(failure))
        handler(.failed(failure))
    }

    private func end(_ how: HTTPExchangeEnd) -> Stage {
        let old = stage
        let handler = onEnd
        isEnded = true
        onEvent = { _ in }
        onEnd = { _ in }
        handler(how)
        return old
    }

    /// Ends what has taken too long. The answer's head has until the deadline; then, and before,
    /// no pause may be longer than the stall limit, but one that the maker wants.
    func check(_ now: MonotonicTime, hasHead: Bool) {
        guard !isEnded else { return }
        if case .tunnel = stage { return }
        let isLate = !hasHead && request.deadline.map { now >= $0 } ?? false
        let limit = request.stallMilliseconds
        let isStalled =
            limit > 0 && !isReadingPaused
            && now.nanoseconds(since: lastProgress) >= limit * 1_000_000
        guard isLate || isStalled else { return }
        let old = stage
        fail(.timedOut)
        switch old {
        case .waiting: pool.forget(self)
        case .sent(let connection): connection.close()
        case .stream(let stream): stream.close()
        case .new, .tunnel: break
        }
    }
}

@available(*, unavailable)
extension HTTPExchange: Sendable {}
