import NIOCore
import SluiceVocabulary

/// The HTTP/2 connections of a pool, and the requests that wait for a stream.
///
/// One connection as long as its streams suffice; a further one only when the service allows no more
/// of them. A service that chooses HTTP/1.1 during the TLS handshake is asked over that from then on,
/// until no connection of that kind is left.
final class HTTP2Connections {
    private unowned let pool: HTTPConnectionPool
    private var connecting: [HTTP2Connection] = []
    /// Those that take requests.
    private var open: [HTTP2Connection] = []
    /// Those that only finish what they have.
    private var leaving: [HTTP2Connection] = []
    private var waiting = CircularBuffer<HTTPExchange>()
    /// What the service chose last.
    private(set) var choseHTTP1 = false

    init(pool: HTTPConnectionPool) { self.pool = pool }

    var isEmpty: Bool {
        connecting.isEmpty && open.isEmpty && leaving.isEmpty && waiting.isEmpty
    }
    /// One stands that takes requests, now or when others have ended.
    var hasOpen: Bool { open.contains { !$0.isSuspect } }
    var waitingCount: Int { waiting.count }
    var connectionCount: Int { connecting.count + open.count + leaving.count }
    /// Something has a deadline.
    var isBusy: Bool {
        !waiting.isEmpty || !connecting.isEmpty || !leaving.isEmpty || open.contains { $0.isBusy }
    }

    /// Whether a request goes over HTTP/2. Upgrades do not: raw bytes need a connection of their own.
    func takes(_ request: HTTPRequest) -> Bool { !request.wantsUpgrade && isAsked }

    /// HTTP/2 is wanted, and the service has not chosen otherwise on a connection that stands.
    var isAsked: Bool {
        guard pool.settings.http2 else { return false }
        if choseHTTP1, !pool.hasHTTP1 { choseHTTP1 = false }
        return !choseHTTP1
    }

    // MARK: Requests

    /// Sends a request or lets it wait.
    /// - Returns: false when too many wait already.
    func submit(_ exchange: HTTPExchange) -> Bool {
        if waiting.isEmpty, let connection = open.first(where: \.hasRoom) {
            pool.arm(isUrgent: true)
            connection.start(exchange)
            return true
        }
        guard pool.waitingCount < pool.settings.maxWaiting else { return false }
        waiting.append(exchange)
        pool.arm(isUrgent: true)
        openNeeded()
        return true
    }

    /// A request that waited is not wanted any more.
    /// - Returns: whether it was here.
    func forget(_ exchange: HTTPExchange) -> Bool {
        guard let place = waiting.firstIndex(where: { $0 === exchange }) else { return false }
        waiting.remove(at: place)
        return true
    }

    /// Sends once more, before all others.
    func again(_ exchange: HTTPExchange) {
        waiting.prepend(exchange)
        pool.arm(isUrgent: true)
        if let connection = open.first(where: \.hasRoom) {
            serve(connection)
        } else {
            openNeeded()
        }
    }

    func takeWaiting() -> CircularBuffer<HTTPExchange> {
        defer { waiting.removeAll() }
        return waiting
    }

    /// A connection may have room: those who wait longest go first.
    func serve(_ connection: HTTP2Connection) {
        while connection.hasRoom, let next = waiting.popFirst() { connection.start(next) }
        openNeeded()
    }

    // MARK: Connections

    /// Opens as many connections as requests wait for, within the bound. A service that refuses
    /// streams would refuse them on a further connection too.
    func openNeeded() {
        guard pool.mayConnect, pool.settings.http2, !open.contains(where: \.isHeldBack) else {
            return
        }
        while waiting.count > connecting.count * HTTP2Connection.assumedStreams,
            connecting.count + open.count(where: { !$0.isSuspect }) < pool.settings.maxConnections
        { openOne() }
    }

    func openOne() {
        let tls = pool.settings.tls
        let connection = HTTP2Connection(pool: pool, isSecure: tls != nil)
        connecting.append(connection)
        pool.arm(isUrgent: true)
        pool.connect(HTTP2Watch(connection: connection), tls).assumeIsolated()
            .whenComplete { [self, pool] result in
                pool.tick.begin()
                switch result {
                case .success(let channel):
                    connection.isConnected = true
                    // Given up in the meantime: nobody else knows this channel.
                    if connection.isClosed, !connection.hasGivenWay { channel.close(promise: nil) }
                case .failure(let error):
                    let isTLS = TLSFailure.isTLS(error)
                    failed(
                        connection, isTLS ? .tlsFailed : .connectFailed,
                        isTLS ? TLSFailure(error).text : "")
                }
            }
    }

    /// A connection does not answer: another one shows whether the instance is there.
    func suspected() {
        guard pool.mayConnect, !hasOpen, connecting.isEmpty else { return }
        openOne()
    }

    /// The service's SETTINGS have come.
    func established(_ connection: HTTP2Connection) {
        guard let place = connecting.firstIndex(where: { $0 === connection }) else { return }
        connecting.remove(at: place)
        open.append(connection)
        pool.arm(isUrgent: false)
        pool.onConnected()
        if pool.isClosing, waiting.isEmpty { return connection.close() }
        serve(connection)
    }

    /// The service chose HTTP/1.1: the connection goes on as one of that, and so does what waits.
    func gaveWay(_ connection: HTTP2Connection, to http1: HTTPConnection) {
        connecting.removeAll { $0 === connection }
        connection.giveWay()
        choseHTTP1 = true
        pool.adopt(http1, waiting: takeWaiting())
    }

    /// A connection that was being made will not come up. Does nothing for any other.
    func failed(_ connection: HTTP2Connection, _ reason: LinkDownReason, _ cause: String) {
        guard let place = connecting.firstIndex(where: { $0 === connection }) else { return }
        connecting.remove(at: place)
        // First, so that what still waits does not try again at once.
        pool.onConnectFailed(reason, cause)
        connection.close()
    }

    /// A connection takes no more requests.
    func draining(_ connection: HTTP2Connection) {
        guard let place = open.firstIndex(where: { $0 === connection }) else { return }
        open.remove(at: place)
        leaving.append(connection)
        openNeeded()
    }

    /// A connection is gone.
    func closed(_ connection: HTTP2Connection) {
        connecting.removeAll { $0 === connection }
        open.removeAll { $0 === connection }
        leaving.removeAll { $0 === connection }
        openNeeded()
        pool.closeIfEmpty()
    }

    /// No further requests come: each connection closes after its last answer.
    func close() { for connection in open { connection.drain() } }

    /// Ends everything now; nothing waits.
    func stop() { for connection in connecting + open + leaving { connection.abort() } }

    /// Ends what has taken too long.
    func check(_ now: MonotonicTime, allowedNanoseconds: Int64) {
        for connection in connecting
        where now.nanoseconds(since: connection.idleSince) >= allowedNanoseconds {
            failed(
                connection,
                connection.isConnected
                    ? (connection.isEncrypted ? .noHello : .tlsFailed) : .connectFailed,
                "no answer in time")
        }
        for connection in open + leaving { connection.check(now) }
        for exchange in waiting { exchange.check(now, hasHead: false) }
    }
}

@available(*, unavailable)
extension HTTP2Connections: Sendable {}
