import NIOCore
import NIOHTTP1
import SluiceVocabulary

/// The connections from one loop to one instance, and the requests that wait for one.
///
/// Connections are opened as requests need them, up to a bound, kept for the next request and closed
/// after an idle time. Requests that find none free wait in a queue with a bound.
final class HTTPConnectionPool {
    /// What the pool is built from.
    struct Settings {
        var maxConnections: Int
        var maxWaiting: Int
        var maxHeadBytes: Int
        var idleMilliseconds: Int64
        var connectTimeoutMilliseconds: Int64
        var tls: ServiceTLS?
        /// HTTP/2 is wanted where the service has it.
        var http2 = false
    }

    /// How often running requests are looked at: a deadline is met at most this late.
    private static let sweepMilliseconds: Int64 = 100
    /// The same where nothing but idle connections is there.
    private static let idleSweepMilliseconds: Int64 = 1_000

    let instance: String
    let loop: any EventLoop
    let tick: LoopTick
    var settings: Settings {
        didSet { idleNanoseconds = settings.idleMilliseconds * 1_000_000 }
    }
    var maxHeadBytes: Int { settings.maxHeadBytes }
    private(set) var idleNanoseconds: Int64
    /// Opens a connection with this handler first behind TLS; the result comes on the loop.
    let connect: (any ChannelInboundHandler, ServiceTLS?) -> EventLoopFuture<any Channel>
    private(set) lazy var http2 = HTTP2Connections(pool: self)
    /// Told of each connection that came up.
    var onConnected: () -> Void = {}
    /// Told of each connection that did not come up, and of the cause where it is known.
    var onConnectFailed: (_ reason: LinkDownReason, _ cause: String) -> Void = { _, _ in }
    /// Nothing runs, waits or is open any more.
    var onEmpty: () -> Void = {}
    /// False while new connections are not to be tried.
    var mayConnect = true
    /// Connections close instead of being kept.
    private(set) var isClosing = false

    private var connecting: [HTTPConnection] = []
    /// Those that came up, tunnels left out.
    private var open: [HTTPConnection] = []
    /// Of `open`, the last used one last.
    private var idle: [HTTPConnection] = []
    private var tunnels: [HTTPConnection] = []
    private var waiting = CircularBuffer<HTTPExchange>()
    private var sweeper: Scheduled<Void>?
    private var isSweepUrgent = false

    init(
        instance: String, loop: any EventLoop, tick: LoopTick, settings: Settings,
        connect:
            @escaping (any ChannelInboundHandler, ServiceTLS?)
            -> EventLoopFuture<any Channel>
    ) {
        self.instance = instance
        self.loop = loop
        self.tick = tick
        self.settings = settings
        self.connect = connect
        idleNanoseconds = settings.idleMilliseconds * 1_000_000
    }

    var isEmpty: Bool {
        connecting.isEmpty && open.isEmpty && tunnels.isEmpty && waiting.isEmpty && http2.isEmpty
    }
    var hasOpen: Bool { !open.isEmpty || !tunnels.isEmpty || http2.hasOpen }
    /// A connection of HTTP/1 stands or is being made.
    var hasHTTP1: Bool { !connecting.isEmpty || !open.isEmpty }
    /// Requests that wait for a connection.
    var waitingCount: Int { waiting.count + http2.waitingCount }
    /// Connections that stand or are being made, tunnels too.
    var connectionCount: Int {
        connecting.count + open.count + tunnels.count + http2.connectionCount
    }

    // MARK: Requests

    /// Sends a request or lets it wait.
    /// - Returns: false when too many wait already.
    func submit(_ exchange: HTTPExchange) -> Bool {
        if http2.takes(exchange.request) { return http2.submit(exchange) }
        if waiting.isEmpty, let connection = takeIdle() {
            arm(isUrgent: true)
            connection.start(exchange)
            return true
        }
        guard waitingCount < settings.maxWaiting else { return false }
        waiting.append(exchange)
        arm(isUrgent: true)
        openNeeded()
        return true
    }

    /// A request that waited is not wanted any more.
    func forget(_ exchange: HTTPExchange) {
        if !http2.forget(exchange) {
            guard let place = waiting.firstIndex(where: { $0 === exchange }) else { return }
            waiting.remove(at: place)
        }
        closeIfEmpty()
    }

    /// Sends once more what a stale connection did not answer, on a connection of its own, or what a
    /// stream was refused for.
    func again(_ exchange: HTTPExchange) {
        exchange.waitsAgain()
        if http2.takes(exchange.request) { return http2.again(exchange) }
        // Others that were kept as long are as stale.
        for stale in idle { stale.close() }
        waiting.prepend(exchange)
        openNeeded()
    }

    /// Ends every request that waits.
    func failWaiting(_ failure: HTTPFailure) {
        let failed = waiting + http2.takeWaiting()
        waiting.removeAll()
        for exchange in failed { exchange.fail(failure) }
    }

    // MARK: Connections

    /// Opens one connection, wanted or not, to see whether that works.
    func probe() {
        if http2.isAsked { http2.openOne() } else { openOne() }
    }

    /// A connection that was to speak HTTP/2 speaks HTTP/1, and takes over what waited for it.
    func adopt(_ connection: HTTPConnection, waiting others: CircularBuffer<HTTPExchange>) {
        connecting.append(connection)
        waiting.append(contentsOf: others)
        established(connection)
        openNeeded()
    }

    /// A connection has answered and can be used again.
    func free(_ connection: HTTPConnection) {
        if let next = waiting.popFirst() { return connection.start(next) }
        if isClosing { return connection.close() }
        idle.append(connection)
    }

    func becameTunnel(_ connection: HTTPConnection) {
        open.removeAll { $0 === connection }
        tunnels.append(connection)
        openNeeded()
    }

    /// A connection is gone, whatever it was doing.
    func closed(_ connection: HTTPConnection) {
        connecting.removeAll { $0 === connection }
        open.removeAll { $0 === connection }
        idle.removeAll { $0 === connection }
        tunnels.removeAll { $0 === connection }
        openNeeded()
        closeIfEmpty()
    }

    /// `Keep-Alive: timeout=N` of an instance: connections are let go a second before it does
    /// (RFC 2068 section 19.7.1.1; still sent by many).
    func adoptKeepAlive(of head: HTTPResponseHead) {
        guard let value = head.headers.first(name: "keep-alive") else { return }
        for part in value.split(separator: ",") {
            let pair = part.split(separator: "=")
            guard pair.count == 2, pair[0].drop(while: { $0 == " " }).lowercased() == "timeout",
                let seconds = Int64(pair[1].drop(while: { $0 == " " })), seconds >= 0
            else { continue }
            let allowed = max(500, (min(seconds, 3_600) - 1) * 1_000)
            idleNanoseconds = min(settings.idleMilliseconds, allowed) * 1_000_000
        }
    }

    /// No further requests come: idle connections close, the others after their answer.
    func close() {
        isClosing = true
        for connection in idle { connection.close() }
        http2.close()
        closeIfEmpty()
    }

    /// Ends everything now.
    func stop() {
        isClosing = true
        mayConnect = false
        failWaiting(.connectionLost)
        for connection in connecting + open + tunnels { connection.abort() }
        http2.stop()
        // What a connection gave back.
        failWaiting(.connectionLost)
        sweeper?.cancel()
        sweeper = nil
    }

    private func takeIdle() -> HTTPConnection? {
        while let connection = idle.popLast() {
            if connection.isOpen { return connection }
            connection.close()
        }
        return nil
    }

    /// Opens as many connections as requests wait for, within the bound.
    func openNeeded() {
        guard mayConnect else { return }
        while connecting.count < waiting.count,
            connecting.count + open.count < settings.maxConnections
        { openOne() }
        http2.openNeeded()
    }

    private func openOne() {
        let connection = HTTPConnection(pool: self, isSecure: settings.tls == nil)
        connecting.append(connection)
        arm(isUrgent: true)
        connect(HTTPWatch(connection: connection), settings.tls?.overHTTP1).assumeIsolated()
            .whenComplete { [self] result in connected(result, connection) }
    }

    private func connected(
        _ result: Result<any Channel, any Error>, _ connection: HTTPConnection
    ) {
        tick.begin()
        switch result {
        case .success(let channel):
            if connection.isClosed {
                // Given up in the meantime: nobody else knows this channel.
                channel.close(promise: nil)
            } else {
                established(connection)
            }
        case .failure(let error):
            let isTLS = TLSFailure.isTLS(error)
            failed(
                connection, isTLS ? .tlsFailed : .connectFailed,
                isTLS ? TLSFailure(error).text : "")
        }
    }

    /// TCP stands, or TLS does: with both, requests may go.
    func established(_ connection: HTTPConnection) {
        guard connection.isSecure, connection.isOpen,
            let place = connecting.firstIndex(where: { $0 === connection })
        else { return }
        connecting.remove(at: place)
        open.append(connection)
        arm(isUrgent: false)
        onConnected()
        free(connection)
    }

    /// A connection that was being made will not come up. Does nothing for any other.
    func failed(_ connection: HTTPConnection, _ reason: LinkDownReason, _ cause: String) {
        guard let place = connecting.firstIndex(where: { $0 === connection }) else { return }
        // Asked before: this may be the last connection that tells what the service chose.
        let isForUpgrades = http2.isAsked
        connecting.remove(at: place)
        if isForUpgrades {
            // It was for upgrades alone: whether the instance is there HTTP/2 tells.
            let wanted = waiting
            waiting.removeAll()
            for exchange in wanted { exchange.fail(.connectFailed) }
        } else {
            // First, so that what still waits does not try again at once.
            onConnectFailed(reason, cause)
        }
        connection.close()
    }

    func closeIfEmpty() { if isEmpty { onEmpty() } }

    // MARK: Time

    /// Sees to it that `sweep` comes, soon where something has a deadline.
    func arm(isUrgent: Bool) {
        if sweeper != nil {
            guard isUrgent, !isSweepUrgent else { return }
            sweeper?.cancel()
        }
        isSweepUrgent = isUrgent
        let pause = isUrgent ? Self.sweepMilliseconds : Self.idleSweepMilliseconds
        sweeper = loop.assumeIsolated().scheduleTask(in: .milliseconds(pause)) { [self] in sweep() }
    }

    private func sweep() {
        sweeper = nil
        tick.begin()
        let now = tick.now
        let allowed = settings.connectTimeoutMilliseconds * 1_000_000
        for connection in connecting where now.nanoseconds(since: connection.idleSince) >= allowed {
            failed(
                connection, connection.isSecure ? .connectFailed : .tlsFailed, "no answer in time")
        }
        for connection in open { connection.check(now) }
        for exchange in waiting { exchange.check(now, hasHead: false) }
        http2.check(now, allowedNanoseconds: allowed)
        guard !isEmpty else { return }
        arm(
            isUrgent: !waiting.isEmpty || !connecting.isEmpty || idle.count < open.count
                || http2.isBusy)
    }
}

@available(*, unavailable)
extension HTTPConnectionPool: Sendable {}
