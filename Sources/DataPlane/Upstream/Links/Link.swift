import NIOCore
import SluiceFraming
import SluiceVocabulary

/// The way from one loop to one instance of a service, over all connections it lives through.
///
/// Acts on what `LinkStateMachine` decides: connects, says hello, takes calls, fails them when the
/// connection is lost, waits and connects again, pings when nothing is heard.
final class Link: PoolMember {
    /// Calls nobody waits for any more, whose answer has not come.
    var abandoned = 0
    /// Appended to in this turn, so `Upstream` flushes it at the end.
    var isDirty = false

    let upstream: Upstream
    private var machine: LinkStateMachine
    private(set) var connection: LinkConnection?
    private var timer: Scheduled<Void>?
    private var heartbeat: Scheduled<Void>?
    private var unansweredPings = 0
    private var signalledCongestion = false
    /// More about why the connection is lost; taken by the event that tells of it.
    private var cause = ""

    init(address: InstanceAddress, number: Int32, pool: ServicePool, upstream: Upstream) {
        self.upstream = upstream
        machine = LinkStateMachine(
            backoffMinimumMilliseconds: pool.definition.backoffMinimumMilliseconds,
            backoffMaximumMilliseconds: pool.definition.backoffMaximumMilliseconds)
        super.init(address: address, number: number, pool: pool)
    }

    var isStopped: Bool { machine.state == .stopped }
    override var isReachable: Bool { machine.state == .ready }
    override var linkState: LinkState { LinkState(machine.state) }
    var limits: Limits { upstream.limits }

    /// Whether one more call of `bytes` fits what may wait on a link.
    override func hasRoom(for bytes: Int) -> Bool {
        guard let connection, live < upstream.limits.maxInFlightPerLink, !isHeldBack else {
            return false
        }
        return connection.queuedBytes &+ bytes <= upstream.limits.maxLinkQueueBytes
    }

    /// Whether readers should pause. Remembers having said so until `drainedSome` relieves.
    func checkCongestion() -> Bool {
        guard let connection, connection.queuedBytes > upstream.limits.linkPauseBytes else {
            return false
        }
        signalledCongestion = true
        return true
    }

    // MARK: Orders of the owner

    func start() { act(machine.start()) }

    func remove() {
        prober?.stop()
        act(machine.remove())
        closeIfDrained()
    }

    func stop() { act(machine.stop()) }

    /// The configuration has new pauses.
    func adoptPauses() {
        machine.backoffMinimumMilliseconds = pool.definition.backoffMinimumMilliseconds
        machine.backoffMaximumMilliseconds = pool.definition.backoffMaximumMilliseconds
    }

    /// A call of this link has ended, one way or another.
    func callEnded() {
        pool.ended(self)
        if live == 0 { closeIfDrained() }
    }

    /// A peer that leaves this many calls without an answer does not work; a new connection frees
    /// their slots.
    func callAbandoned() {
        abandoned &+= 1
        guard abandoned > upstream.limits.maxInFlightPerLink else { return }
        connection?.close()
        act(machine.lost(.noAnswers, random: &upstream.random))
    }

    func flush() {
        isDirty = false
        connection?.flush()
        drainedSome()
    }

    // MARK: Events of the connection

    func beginTurn() { upstream.tick.begin() }

    /// Part of what waited has gone.
    func drainedSome() {
        guard signalledCongestion else { return }
        if let connection, connection.queuedBytes > upstream.limits.linkPauseBytes / 2 { return }
        signalledCongestion = false
        upstream.relieve()
    }

    func received(_ frame: LinkFrame, on connection: LinkConnection) {
        guard connection === self.connection else { return }
        switch frame.kind {
        case .reply where machine.takesAnswers:
            upstream.answered(frame, by: self)
        case .push where machine.takesAnswers:
            machine.proved()
            upstream.pushed(frame, by: self, on: connection)
        case .hello where machine.state == .connecting:
            greeted(frame)
        case .ping:
            machine.proved()
            pinged(frame)
        case .goaway where machine.takesAnswers:
            act(machine.goaway())
            closeIfDrained()
        case .hello, .reply, .push, .goaway, .call, .cancel, .pushResult:
            fail(.protocolError)
        }
    }

    /// - Parameter cause: more about the reason, for people.
    func connectionEnded(
        _ reason: LinkDownReason, _ cause: String, of connection: LinkConnection
    ) {
        guard connection === self.connection else { return }
        upstream.tick.begin()
        self.cause = cause
        // Where there is more to say about it, the reason is known better than by the silence.
        let isSilent =
            machine.state == .connecting && reason != .tlsFailed
            && !(reason == .protocolError && !cause.isEmpty)
        act(machine.lost(isSilent ? .noHello : reason, random: &upstream.random))
    }

    /// An answer came: the connection has proved useful.
    @inline(__always)
    func proved() { machine.proved() }

    private func greeted(_ frame: LinkFrame) {
        guard let hello = try? LinkHello(from: frame.body.readableBytesSpan), hello.version == 1
        else {
            return fail(.protocolError)
        }
        timer?.cancel()
        timer = nil
        act(machine.greeted())
    }

    override func ping(_ check: UInt64) -> Bool {
        guard let connection, machine.state == .ready else { return false }
        if pool.definition.health.check?.kind == .grpc {
            return connection.session?.check(check) ?? false
        }
        let body = (0..<8).map { UInt8(truncatingIfNeeded: check >> (56 - 8 * UInt64($0))) }
        connection.append(.ping, stream: 0, body: body)
        upstream.markDirty(self)
        return true
    }

    private func pinged(_ frame: LinkFrame) {
        if frame.flags & LinkFlags.answer != 0 {
            var body = frame.body
            if let check = body.readInteger(as: UInt64.self) { prober?.ended(check, ok: true) }
            return
        }
        guard frame.body.readableBytes <= 125 else { return fail(.protocolError) }
        connection?.append(
            .ping, flags: LinkFlags.answer, stream: frame.stream,
            body: Array(frame.body.readableBytesView))
        upstream.markDirty(self)
    }

    private func fail(_ reason: LinkDownReason) {
        connection?.close()
        act(machine.lost(reason, random: &upstream.random))
    }

    private func closeIfDrained() {
        guard live == 0, case .draining = machine.state else { return }
        connection?.close()
        act(machine.drained(random: &upstream.random))
    }

    // MARK: Actions

    private func act(_ action: LinkStateMachine.Action) {
        switch action {
        case .none: break
        case .connect: connect()
        case .takeCalls:
            pool.cameUp(self)
            startHeartbeat()
            upstream.onEvent(.up(service: pool.definition.name, instance: instance))
        case .drain: pool.refresh()
        case .drop(let reason, let announce, let retryAfterMilliseconds):
            drop(reason, announce: announce, retryAfterMilliseconds: retryAfterMilliseconds)
        }
    }

    private func connect() {
        let connection = LinkConnection(link: self, maxFrameBytes: limits.maxLinkFrameBytes)
        self.connection = connection
        unansweredPings = 0
        let allowed = pool.definition.connectTimeoutMilliseconds
        timer = after(allowed) { link in link.connectTimedOut(connection) }
        upstream.connector
            .connect(address, pool.definition.tls, allowed, upstream.loop, connection)
            .assumeIsolated()
            .whenComplete { [self] result in connected(result, connection) }
    }

    private func connected(_ result: Result<any Channel, any Error>, _ connection: LinkConnection) {
        guard connection === self.connection, machine.state == .connecting else {
            // Given up in the meantime: nobody else knows this channel.
            if case .success(let channel) = result { channel.close(promise: nil) }
            return
        }
        upstream.tick.begin()
        switch result {
        case .success:
            connection.append(.hello, stream: 0, body: upstream.hello)
            upstream.markDirty(self)
        case .failure(let error):
            let isTLS = TLSFailure.isTLS(error)
            if isTLS { cause = TLSFailure(error).text }
            act(machine.lost(isTLS ? .tlsFailed : .connectFailed, random: &upstream.random))
        }
    }

    private func connectTimedOut(_ connection: LinkConnection) {
        guard connection === self.connection, machine.state == .connecting else { return }
        upstream.tick.begin()
        fail(connection.isOpen ? .noHello : .connectFailed)
    }

    private func drop(
        _ reason: LinkDownReason, announce: Bool, retryAfterMilliseconds: Int64?
    ) {
        timer?.cancel()
        timer = nil
        heartbeat?.cancel()
        heartbeat = nil
        connection?.close()
        let unsent = connection?.takeUnsent() ?? [:]
        connection = nil
        pool.refresh()
        let lost = upstream.failCalls(of: self, unsent: unsent)
        drainedSome()
        let cause = cause
        self.cause = ""
        if announce {
            upstream.onEvent(
                .down(
                    service: pool.definition.name, instance: instance, reason: reason,
                    lostCalls: lost, cause: cause))
        }
        guard let retryAfterMilliseconds, machine.state == .waiting else { return }
        timer = after(retryAfterMilliseconds) { link in link.act(link.machine.pauseEnded()) }
    }

    // MARK: Timers

    private func startHeartbeat() {
        heartbeat = after(limits.heartbeatIntervalMilliseconds) { link in link.beat() }
    }

    private func beat() {
        guard let connection, machine.takesAnswers else { return }
        upstream.tick.begin()
        // gRPC servers take pings without a call for abuse, and close the connection.
        if connection.takeActivity() || (pool.definition.isGRPC && live == 0) {
            unansweredPings = 0
        } else if unansweredPings >= limits.heartbeatMisses {
            return fail(.noHeartbeat)
        } else {
            unansweredPings += 1
            connection.append(.ping, stream: 0)
            upstream.markDirty(self)
        }
        startHeartbeat()
    }

    private func after(_ milliseconds: Int64, _ work: @escaping (Link) -> Void) -> Scheduled<Void> {
        upstream.loop.assumeIsolated().scheduleTask(in: .milliseconds(milliseconds)) { [self] in
            work(self)
        }
    }
}
