import NIOCore
import NIOHTTP1
import SluiceVocabulary

/// Asks one instance for a sign of life, again and again, on one loop. `ActiveCheck` decides.
///
/// Checks use connections of their own but for the ping, so that they find what a client would find
/// and hold up no call.
final class HealthProber {
    let settings: CheckSettings
    private unowned let member: PoolMember
    private unowned let upstream: Upstream
    private var pause: Scheduled<Void>?
    private var deadline: Scheduled<Void>?
    private var isStarted = false
    private var exchange: HTTPExchange?
    private var connections: HTTPConnectionPool?

    init(_ settings: CheckSettings, of member: PoolMember, upstream: Upstream) {
        self.settings = settings
        self.member = member
        self.upstream = upstream
    }

    private var address: InstanceAddress {
        InstanceAddress(host: member.address.host, port: settings.port ?? member.address.port)
    }

    func start() {
        guard !isStarted else { return }
        isStarted = true
        wait(isFirst: true)
    }

    /// The end: leaves no timer and no connection.
    func stop() {
        isStarted = false
        pause?.cancel()
        deadline?.cancel()
        exchange?.cancel()
        exchange = nil
        connections?.stop()
        connections = nil
    }

    private func wait(isFirst: Bool) {
        let milliseconds = ActiveCheck.pauseMilliseconds(
            settings, isFirst: isFirst, random: &upstream.random)
        pause = upstream.loop.assumeIsolated().scheduleTask(in: .milliseconds(milliseconds)) {
            [weak self] in self?.check()
        }
    }

    private func check() {
        guard isStarted else { return }
        upstream.tick.begin()
        let number = member.check.begin()
        deadline?.cancel()
        deadline = upstream.loop.assumeIsolated()
            .scheduleTask(in: .milliseconds(settings.timeoutMilliseconds)) { [weak self] in
                self?.ended(number, ok: false)
            }
        switch settings.kind {
        case .ping, .grpc:
            // Where no link stands the instance is out anyway; this says nothing more.
            if !member.ping(number) { deadline?.cancel() }
        case .tcp: connect(number)
        case .http(let path): get(path, number)
        }
        wait(isFirst: false)
    }

    /// A check has ended; late ones and those of others are ignored.
    func ended(_ number: UInt64, ok: Bool) {
        guard isStarted, member.check.running == number else { return }
        upstream.tick.begin()
        deadline?.cancel()
        let meters = member.pool.meters
        (ok ? meters.checksOK : meters.checksFailed).add()
        if let exchange {
            self.exchange = nil
            exchange.cancel()
        }
        if let isHealthy = member.check.end(number, ok: ok, settings: settings) {
            member.pool.checked(member, isHealthy: isHealthy)
        }
    }

    private func connect(_ number: UInt64) {
        upstream.connector
            .connect(
                address, member.pool.definition.tls, settings.timeoutMilliseconds, upstream.loop,
                SilentHandler()
            )
            .assumeIsolated()
            .whenComplete { [weak self] result in
                switch result {
                case .success(let channel):
                    channel.close(promise: nil)
                    self?.ended(number, ok: true)
                case .failure: self?.ended(number, ok: false)
                }
            }
    }

    private func get(_ path: String, _ number: UInt64) {
        var headers = HTTPHeaders()
        headers.add(name: "Host", value: address.text)
        headers.add(name: "User-Agent", value: "sluice-health")
        let exchange = HTTPExchange(
            HTTPRequest(
                head: HTTPRequestHead(
                    version: .http1_1, method: .GET, uri: path, headers: headers),
                isRepeatable: true), pool: pool())
        exchange.onEvent = { [weak self] event in
            switch event {
            case .head(let head):
                self?.ended(number, ok: (200...299).contains(head.status.code))
            case .failed, .end: self?.ended(number, ok: false)
            case .writable, .body: break
            }
        }
        self.exchange = exchange
        exchange.start()
    }

    private func pool() -> HTTPConnectionPool {
        if let connections { return connections }
        let (connector, address, loop) = (upstream.connector, address, upstream.loop)
        let made = HTTPConnectionPool(
            instance: address.text, loop: loop, tick: upstream.tick,
            settings: HTTPConnectionPool.Settings(
                maxConnections: 1, maxWaiting: 1, maxHeadBytes: upstream.limits.maxHeaderBytes,
                idleMilliseconds: 0, connectTimeoutMilliseconds: settings.timeoutMilliseconds,
                tls: member.pool.definition.tls,
                http2: member.pool.definition.http?.http2 ?? false)
        ) { [timeout = settings.timeoutMilliseconds] first, tls in
            connector.connect(address, tls, timeout, loop, first)
        }
        made.onConnectFailed = { [unowned made] _, _ in made.failWaiting(.connectFailed) }
        connections = made
        return made
    }
}

@available(*, unavailable)
extension HealthProber: Sendable {}

/// A connection that is made to see whether it can be.
private final class SilentHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
}

@available(*, unavailable)
extension SilentHandler: Sendable {}
