package import NIOCore
import SluiceFraming
import SluiceIdentity
package import SluicePolicy
package import SluiceSessions
package import SluiceTelemetry
package import SluiceUpstream
package import SluiceVocabulary

/// One event loop's edge: its connections and the stations they pass through. Loop-bound.
///
/// `Exchange/` holds the steps of a message, `Connection/` what a client's connection knows and
/// does, `HTTP/` what is said before there is one.
package final class EdgeLoop {
    package let loop: any EventLoop
    package let index: Int
    package let tick: LoopTick
    package let limits: Limits
    package let upstream: Upstream
    package let sessions: Sessions
    let meters: EdgeMeters
    let log: AccessLog
    let encoder = ClientEncoder()
    let admission: Admission
    let pages: [String: StaticPage]

    package private(set) var snapshot: EdgeSnapshot
    let evaluator: PolicyEvaluator
    private(set) lazy var authenticator = Authenticator(
        edge: self, signatures: signatures, registry: registry)
    private let signatures: SignaturePool?
    private let registry: MetricsRegistry

    var table: ConnectionTable
    /// Connections with output of this turn, flushed once at its end.
    var dirty: [ClientConnection] = []
    /// Connections that read no more until a congested link has drained.
    var pausedByLink: [ClientConnection] = []
    /// Emptied outboxes, taken again by the next connection with something to say.
    var outboxes: [ByteBuffer] = []
    /// The message under way, unmasked. Valid during one call of the exchange.
    var message = ByteBuffer()
    /// The same as a protobuf envelope where the client's form cannot be passed on as it is.
    var translation = ByteBuffer()

    /// Asks the key source for fresh keys; `done` is called on this loop. Set where there is one.
    package var onUnknownKey: ((_ done: @escaping @Sendable (KeyRefetch) -> Void) -> Void)?
    /// The edges of the other loops.
    var peers: [OtherLoop] = []

    /// HTTP requests waiting for a service, by their number.
    var httpCalls: [UInt32: HTTPCall] = [:]
    var httpCallNumber: UInt32 = 0
    /// HTTP connections, by the number of their id.
    var httpConnections: [UInt32: HTTPConnection] = [:]
    /// WebSockets that pass through a route, by their number.
    var tunnels: [UInt32: RouteTunnel] = [:]
    /// Requests of routes that a service was asked and that are not over, WebSockets too.
    var routeCalls = 0
    /// Calls that wait by the policy's word.
    var waits = PolicyWaits()
    /// Counts the policies this loop decided by: tells whether another one is in force since.
    private(set) var policyNumber: UInt64 = 0
    /// Set while connections from before the last reload are asked whether they may stay.
    private var walk: PermissionWalk?
    /// Who pushes, as the policy sees it, by instance.
    var pushers: [String: PolicySubject] = [:]
    /// The operator as the policy sees him: the admin interface is reached from this machine alone.
    let operatorSubject = PolicySubject(address: [127, 0, 0, 1])
    /// Those with output of this turn that nobody has handed on yet.
    var unflushedHTTP: [HTTPEntry] = []

    /// Names this gateway towards the user service.
    package var node = ""
    /// Clients without a place that are being told so.
    var turnedAway = 0

    private var sweeps: RepeatedTask?
    private var sweepCount = 0
    private var expectedSweep = MonotonicTime(nanoseconds: 0)
    private(set) var drain: Drain?

    /// Milliseconds between two looks at the connections whose time has come.
    static let sweepIntervalMilliseconds: Int64 = 100

    package init(
        loop: any EventLoop, index: Int, tick: LoopTick, limits: Limits, snapshot: EdgeSnapshot,
        stations: Stations, registry: MetricsRegistry, log: AccessLog, admission: Admission,
        pages: [String: StaticPage], signatures: SignaturePool? = nil
    ) {
        self.loop = loop
        self.index = index
        self.tick = tick
        self.limits = limits
        self.snapshot = snapshot
        self.upstream = stations.upstream
        self.sessions = stations.sessions
        self.meters = EdgeMeters(registry: registry, shard: index)
        self.log = log
        self.admission = admission
        self.signatures = signatures
        self.registry = registry
        self.pages = pages
        evaluator = PolicyEvaluator(snapshot: snapshot.policy, meters: stations.policyMeters)
        table = ConnectionTable(loop: index)
        meters.adopt(snapshot.policy.catalog)
        log.adopt(snapshot.logShares)
        sessions.adopt(snapshot.policy.model.devices.sessionsRule)
        connect()
    }

    /// The stations an edge is built on, made for the same loop.
    package struct Stations {
        package var upstream: Upstream
        package var sessions: Sessions
        package var policyMeters: PolicyMeters

        package init(upstream: Upstream, sessions: Sessions, policyMeters: PolicyMeters) {
            self.upstream = upstream
            self.sessions = sessions
            self.policyMeters = policyMeters
        }
    }

    private func connect() {
        upstream.onResult = { [unowned self] context, result in answer(context, result) }
        upstream.onPush = { [unowned self] push, peer, done in receive(push, from: peer, done) }
        upstream.onRelieved = { [unowned self] in resumePaused() }
        sessions.deliver = { [unowned self] id, message in
            tick.begin()
            return table.find(id)?.push(message) ?? false
        }
        sessions.close = { [unowned self] id, reason, device in
            _ = kick(id, Kicked(reason: reason.name, device: device), reason)
        }
        sessions.now = { [unowned self] in
            tick.begin()
            return tick.now
        }
        sessions.tell = { [unowned self] transition, done in tell(transition, done) }
        tick.onFinish { [unowned self] in flushDirty() }
    }

    /// Starts the sweep that times out, pings and expires connections.
    package func start() {
        loop.preconditionInEventLoop()
        let interval = TimeAmount.milliseconds(Self.sweepIntervalMilliseconds)
        let bound = NIOLoopBound(self, eventLoop: loop)
        sweeps = loop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
            bound.value.sweep()
        }
    }

    /// Stops the sweep, and tells what the log has carried. Connections must be gone.
    package func stop() {
        sweeps?.cancel()
        sweeps = nil
        log.settleAll()
    }

    /// Decides by another snapshot from the next message on, on live connections too.
    package func adopt(_ new: EdgeSnapshot) {
        loop.preconditionInEventLoop()
        tick.begin()
        authenticator.adopt(new, replacing: snapshot)
        let isOtherPolicy = new.policy !== snapshot.policy
        snapshot = new
        evaluator.adopt(new.policy)
        upstream.adopt(new.upstream)
        meters.adopt(new.policy.catalog)
        log.adopt(new.logShares)
        sessions.adopt(new.policy.model.devices.sessionsRule)
        guard isOtherPolicy else { return }
        policyNumber &+= 1
        // Instances that are gone push no more.
        pushers.removeAll()
        waits.policyChanged()
        walk = PermissionWalk()
    }

    // MARK: End of a turn

    private func flushDirty() {
        // By index: what is flushed may give others something to say.
        var index = 0
        while index < unflushedHTTP.count {
            unflushedHTTP[index].flush()
            index += 1
        }
        if index > 0 { unflushedHTTP.removeAll(keepingCapacity: true) }
        index = 0
        while index < dirty.count {
            dirty[index].flush()
            index += 1
        }
        if index > 0 { dirty.removeAll(keepingCapacity: true) }
    }

    func takeOutbox() -> ByteBuffer {
        guard var buffer = outboxes.popLast() else {
            return ByteBufferAllocator().buffer(capacity: 512)
        }
        buffer.clear()
        return buffer
    }

    /// Keeps a written buffer for the next one; large ones and more than a turn's worth go.
    func returnOutbox(_ buffer: ByteBuffer) {
        if outboxes.count < 1_024, buffer.capacity <= 16_384 { outboxes.append(buffer) }
    }

    private func resumePaused() {
        let waiting = pausedByLink
        pausedByLink.removeAll(keepingCapacity: true)
        for connection in waiting { connection.resume(.link) }
    }

    // MARK: Sweep and drain

    private func sweep() {
        tick.begin()
        let now = tick.now
        if sweepCount > 0 {
            meters.lag.set(max(0, now.nanoseconds(since: expectedSweep)))
        }
        meters.lookAtLoad(tick)
        sessions.tellPresence(now)
        if sessions.enforceDevices(allowance: reloadCloseAllowance) {
            meters.limitExceeded("reload_close_per_second")
        }
        expectedSweep = now.advanced(byMilliseconds: Self.sweepIntervalMilliseconds)
        sweepCount += 1
        for connection in table.due(at: now) { connection.check(now) }
        if walk != nil { followReload() }
        for wait in waits.takeOutdated() { wait.goOn() }
        if sweepCount % 10 == 0 {
            log.settle()
            authenticator.settle()
        }
        // Never over: a connection that was being made when the drain began has to go, too.
        drain?.step(now, self)
    }

    /// A share of the connections from before the reload: may they stay?
    private func followReload() {
        guard var current = walk else { return }
        walk = current.step(self) ? current : nil
    }

    /// Asks every client to come back elsewhere and closes connections at an even pace.
    ///
    /// - Parameter deadlineMilliseconds: by then the last one is closed, answered or not.
    package func startDrain(deadlineMilliseconds: Int64) {
        loop.preconditionInEventLoop()
        tick.begin()
        guard drain == nil else { return }
        drain = Drain(self, deadlineMilliseconds: deadlineMilliseconds)
    }

    /// Closes what is left at once.
    package func closeAll(_ reason: CloseReason) {
        tick.begin()
        for connection in table.all { connection.closeNow(reason) }
        for connection in httpConnections.values { connection.close(reason) }
        for tunnel in tunnels.values { tunnel.close(reason) }
    }

    /// Sizes of this loop's maps; all zero when nobody is connected.
    package var sizes: [(name: String, count: Int)] {
        let known = sessions.sizes
        return [
            ("connections", table.count), ("users", known.users), ("sessions", known.sessions),
            ("presence", known.presence), ("pending", upstream.pendingCalls),
            ("paused", pausedByLink.count), ("http_calls", httpCalls.count),
            ("http_connections", httpConnections.count), ("route_calls", routeCalls),
            ("waits", waits.count), ("leases", evaluator.heldLeases),
        ]
    }
}

@available(*, unavailable)
extension EdgeLoop: Sendable {}
