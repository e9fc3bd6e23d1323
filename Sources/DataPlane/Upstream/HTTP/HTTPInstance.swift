import NIOCore
import SluiceVocabulary

/// One instance of a service with HTTP links, as one loop sees it: its connections, whether they
/// come up, and the calls under way.
final class HTTPInstance: PoolMember {
    var service: ServicePool { pool }
    let upstream: Upstream
    let connections: HTTPConnectionPool
    private var health = HTTPHealth()
    private var retry: Scheduled<Void>?

    /// Calls by their stream id.
    var calls: [UInt32: HTTPCall] = [:]
    /// Ordered calls under way and waiting, by key.
    var lanes: [UInt64: HTTPLane] = [:]
    /// Bytes of requests whose calls have not ended.
    var queuedBytes = 0
    var signalledCongestion = false
    /// Requests of routes under way.
    var streams = 0

    init(address: InstanceAddress, number: Int32, service: ServicePool, upstream: Upstream) {
        self.upstream = upstream
        let (connector, loop) = (upstream.connector, upstream.loop)
        connections = HTTPConnectionPool(
            instance: address.text, loop: loop, tick: upstream.tick,
            settings: Self.settings(service.definition, upstream.limits)
        ) { [unowned service] first, tls in
            connector.connect(
                address, tls, service.definition.connectTimeoutMilliseconds, loop, first)
        }
        super.init(address: address, number: number, pool: service)
        connections.onConnected = { [unowned self] in connected() }
        connections.onConnectFailed = { [unowned self] in connectFailed($0, $1) }
        connections.onEmpty = { [unowned self] in stopIfDrained() }
    }

    private static func settings(
        _ definition: ServiceDefinition, _ limits: Limits
    ) -> HTTPConnectionPool.Settings {
        HTTPConnectionPool.Settings(
            maxConnections: definition.http?.maxConnections ?? 1,
            maxWaiting: limits.maxHTTPWaiting, maxHeadBytes: limits.maxHeaderBytes,
            idleMilliseconds: limits.httpIdleTimeoutMilliseconds,
            connectTimeoutMilliseconds: definition.connectTimeoutMilliseconds,
            tls: definition.tls, http2: definition.http?.http2 ?? false)
    }

    override var isReachable: Bool { health.takesRequests }
    var isStopped: Bool { health.state == .stopped }

    override var linkState: LinkState {
        switch health.state {
        case .idle, .stopped: .stopped
        case .ready: .ready
        case .waiting: .waiting
        case .probing: .connecting
        case .draining: .draining
        }
    }

    // MARK: Orders of the owner

    func start() {
        health.start()
        service.refresh()
    }

    /// The configuration has new bounds and timeouts.
    func adoptSettings() {
        connections.settings = Self.settings(service.definition, upstream.limits)
    }

    func remove() {
        retry?.cancel()
        health.remove()
        prober?.stop()
        connections.mayConnect = true
        connections.close()
        stopIfDrained()
    }

    /// Ends everything now.
    func stop() {
        retry?.cancel()
        health.stop()
        for call in calls.values { upstream.end(call, .refused(.serviceUnavailable)) }
        connections.stop()
    }

    // MARK: Events of the connections

    private func connected() {
        let isNews = health.connected()
        connections.mayConnect = true
        guard isNews else { return }
        service.cameUp(self)
        upstream.onEvent(.up(service: service.definition.name, instance: instance))
    }

    /// With other connections standing only new ones wait; with none the instance is down.
    private func connectFailed(_ reason: LinkDownReason, _ cause: String) {
        let hasOpen = connections.hasOpen
        guard health.state != .stopped, connections.mayConnect || !hasOpen else { return }
        connections.mayConnect = false
        let isNews = hasOpen ? nil : health.failed()
        let pause = health.pauseMilliseconds(
            minimum: service.definition.backoffMinimumMilliseconds,
            maximum: service.definition.backoffMaximumMilliseconds, random: &upstream.random)
        retry?.cancel()
        retry = upstream.loop.assumeIsolated().scheduleTask(in: .milliseconds(pause)) {
            [self] in tryAgain()
        }
        guard !hasOpen else { return }
        service.refresh()
        let lost = connections.waitingCount
        connections.failWaiting(.connectFailed)
        if isNews == true {
            upstream.onEvent(
                .down(
                    service: service.definition.name, instance: instance, reason: reason,
                    lostCalls: lost, cause: cause))
        }
    }

    private func tryAgain() {
        upstream.tick.begin()
        retry = nil
        if health.pauseEnded() {
            connections.mayConnect = true
            connections.probe()
        } else {
            connections.mayConnect = true
            connections.openNeeded()
        }
    }

    func stopIfDrained() {
        guard health.state == .draining, connections.isEmpty, calls.isEmpty, streams == 0 else {
            return
        }
        health.stop()
        upstream.forgetStopped()
    }

    // MARK: Room

    /// Whether one more call of `bytes` fits what may wait on an instance.
    override func hasRoom(for bytes: Int) -> Bool {
        !isHeldBack && calls.count < upstream.limits.maxInFlightPerLink
            && queuedBytes &+ bytes <= upstream.limits.maxLinkQueueBytes
    }

    /// Whether readers should pause. Remembers having said so until `drainedSome` relieves.
    func checkCongestion() -> Bool {
        guard queuedBytes > upstream.limits.linkPauseBytes else { return false }
        signalledCongestion = true
        return true
    }

    func drainedSome() {
        guard signalledCongestion, queuedBytes <= upstream.limits.linkPauseBytes / 2 else { return }
        signalledCongestion = false
        upstream.relieve()
    }
}
