package import NIOCore
package import SluiceFraming
package import SluicePolicy
package import SluiceVocabulary

/// The way to the services, for one event loop: which instance, which link, which answer is whose.
///
/// Loop-bound: everything here runs on `loop`. Every accepted call ends exactly once: by its answer,
/// by its deadline, or with its link; unless its requester is cancelled, then silently. Time comes
/// from `tick`, so a call reads no clock.
package final class Upstream {
    /// Called when a dispatched call ends. Set once by the owner, before `start`.
    package var onResult: (CallContext, CallResult) -> Void {
        get { resultHandler }
        set { resultHandler = newValue }
    }
    /// Called when a service pushes. `answer` may be called later, on the loop, once.
    package var onPush: (LinkPush, LinkPeer, _ answer: @escaping (PushResult) -> Void) -> Void = {
        _, _, answer in
        answer(PushResult())
    }
    /// A congested link has drained: readers paused after `.sent(isCongested: true)` may go on.
    package var onRelieved: () -> Void = {}
    /// An instance became reachable or stopped being so, as this loop sees it.
    package var onEvent: (UpstreamEvent) -> Void = { _ in }

    let loop: any EventLoop
    let tick: LoopTick
    let limits: Limits
    let connector: LinkConnector
    /// Body of the hello that this node says on each link.
    let hello: [UInt8]
    var random: SeededRandom

    /// What the tick holds. A weak reference in its place would give this object a side table and
    /// make every retain and release of the hot path several times dearer.
    private let anchor = Anchor()
    private var resultHandler: (CallContext, CallResult) -> Void = { _, _ in }
    private let meters: UpstreamMeters
    let callsExceeded: Counter
    let bytesExceeded: Counter
    let answerBytesExceeded: Counter
    let waitingExceeded: Counter
    let headExceeded: Counter
    let pushTargetsExceeded: Counter
    let retryBudgetExceeded: Counter
    let retryBytesExceeded: Counter
    private(set) var pools: [ServicePool] = []
    /// Links that are no longer configured and wait for their last answers.
    private(set) var leaving: [Link] = []
    /// Of links and HTTP instances alike.
    private var nextLinkNumber: Int32 = 0
    private var links: [Int32: Link] = [:]
    /// Instances with HTTP links by number, those that leave too.
    var httpInstances: [Int32: HTTPInstance] = [:]
    /// HTTP calls whose turn has come in this turn of the loop.
    var starting: [HTTPCall] = []
    private(set) var commands: CommandTable
    private(set) var isStarted = false
    private var isRelieving = false
    private var dirty: [Link] = []
    var pending = PendingCalls()
    /// Of pending calls, to be sent again if need be.
    var requests: RequestStore
    var ownCalls: [UInt32: OwnCall] = [:]
    private var timer: Scheduled<Void>?
    private var timerDue = MonotonicTime(nanoseconds: .max)

    /// - Parameters:
    ///   - loop: where everything here runs.
    ///   - tick: that loop's.
    ///   - snapshot: services and commands to begin with.
    ///   - node: this gateway's name, told to services.
    ///   - meters: where this loop counts.
    ///   - random: spreads reconnects.
    ///   - connector: how links connect; sockets unless a test says otherwise.
    package init(
        loop: any EventLoop, tick: LoopTick, snapshot: UpstreamSnapshot, limits: Limits,
        node: String,
        meters: UpstreamMeters, random: SeededRandom, connector: LinkConnector = .sockets
    ) {
        self.loop = loop
        self.tick = tick
        self.limits = limits
        self.connector = connector
        self.meters = meters
        self.random = random
        hello = LinkHello(node: node).encoded()
        commands = snapshot.commands
        callsExceeded = meters.limitExceeded("max_in_flight_per_link")
        answerBytesExceeded = meters.limitExceeded("max_link_frame_bytes")
        waitingExceeded = meters.limitExceeded("max_http_waiting")
        headExceeded = meters.limitExceeded("max_header_bytes")
        bytesExceeded = meters.limitExceeded("max_link_queue_bytes")
        pushTargetsExceeded = meters.limitExceeded("max_push_targets")
        retryBudgetExceeded = meters.limitExceeded("retry_budget")
        retryBytesExceeded = meters.limitExceeded("max_retry_bytes")
        requests = RequestStore(maxBytes: limits.maxRetryBytes)
        adopt(snapshot)
        anchor.upstream = self
        tick.onFinish { [anchor] in anchor.upstream?.flushLinks() }
    }

    // MARK: Life

    /// Connects to every instance. Calls are refused with 503 until a link stands.
    package func start() {
        loop.assertInEventLoop()
        isStarted = true
        tick.begin()
        for pool in pools {
            for link in pool.links { link.start() }
        }
        for instance in httpInstances.values { instance.start() }
        for pool in pools {
            for member in pool.members { member.prober?.start() }
            pool.armTimer()
        }
    }

    /// Closes every link and ends every pending call with 503. Leaves no timer and no channel.
    ///
    /// The end: it cannot start again. Without it this object lives as long as its loop.
    package func stop() {
        loop.assertInEventLoop()
        isStarted = false
        let all = links.values
        for link in all { link.stop() }
        for instance in Array(httpInstances.values) { instance.stop() }
        // Pools and links hold each other.
        for pool in pools { pool.stop() }
        links = [:]
        httpInstances = [:]
        starting = []
        leaving = []
        pools = []
        dirty = []
        timer?.cancel()
        timer = nil
        timerDue = MonotonicTime(nanoseconds: .max)
        anchor.upstream = nil
    }

    /// Takes new services and commands over. Links of instances that stay are untouched; those of
    /// instances that go take no new calls and close after their last answer.
    package func adopt(_ snapshot: UpstreamSnapshot) {
        commands = snapshot.commands
        var old = pools
        pools = snapshot.services.map { definition in
            // A service that changes its kind of link is another one.
            let place = old.firstIndex {
                $0.definition.name == definition.name
                    && $0.definition.http?.http2 == definition.http?.http2
                    && $0.definition.isGRPC == definition.isGRPC
            }
            let pool = place.map { old.remove(at: $0) }
            return adopt(definition, into: pool)
        }
        for pool in old {
            retire(pool.links, of: pool)
            retire(pool.http?.instances ?? [])
            pool.stop()
        }
        // One of the same name but another kind may have had these gauges.
        if !old.isEmpty { for pool in pools { pool.refresh() } }
    }

    private func adopt(_ definition: ServiceDefinition, into existing: ServicePool?) -> ServicePool
    {
        let pool =
            existing
            ?? ServicePool(
                definition: definition,
                meters: ServiceMeters(service: definition.name, of: meters), upstream: self)
        pool.adopt(definition)
        if let http = pool.http {
            adopt(definition, into: http)
            return pool
        }
        var old = pool.links
        var seen: Set<InstanceAddress> = []
        let instances = definition.instances.filter { seen.insert($0.address).inserted }
        pool.links = instances.map { instance in
            let place = old.firstIndex { $0.address == instance.address }
            let link =
                place.map { old.remove(at: $0) } ?? makeLink(instance.address, in: pool)
            pool.prepare(link, weight: instance.weight)
            return link
        }
        retire(old, of: pool)
        for link in pool.links {
            link.adoptPauses()
            if isStarted { link.start() }
        }
        return pool
    }

    private func makeLink(_ address: InstanceAddress, in pool: ServicePool) -> Link {
        let link = Link(address: address, number: takeNumber(), pool: pool, upstream: self)
        links[link.number] = link
        return link
    }

    /// A number for a link or an HTTP instance, never given twice.
    func takeNumber() -> Int32 {
        defer { nextLinkNumber += 1 }
        return nextLinkNumber
    }

    private func retire(_ old: [Link], of pool: ServicePool) {
        pool.links.removeAll { link in old.contains { $0 === link } }
        leaving.append(contentsOf: old)
        for link in old { link.remove() }
        forgetStopped()
        pool.refresh()
    }

    /// Drops links that have ended for good.
    func forgetStopped() {
        for link in leaving where link.isStopped { links[link.number] = nil }
        leaving.removeAll { $0.isStopped }
        for instance in httpInstances.values where instance.isStopped {
            httpInstances[instance.number] = nil
        }
    }

    /// Calls whose caller still waits for the end.
    package var pendingCalls: Int { pending.live }

    // MARK: Calls

    /// Sends a client's request to an instance of the command's service.
    ///
    /// - Parameters:
    ///   - permit: proof that the policy was asked.
    ///   - envelope: protobuf, free of fields 32-63.
    ///   - stamp: the sender's identity, see `EnvelopeStamp`.
    ///   - context: comes back with the result.
    package func dispatch(
        _ permit: Permit, envelope: RawSpan, stamp: [UInt8], context: consuming CallContext
    ) -> Dispatch {
        tick.begin()
        let command = context.command
        let elapsed =
            tick.now.nanoseconds(since: context.startedAt) / 1_000_000
            &- Int64(context.pausedMilliseconds)
        let left = Int64(command.timeoutMilliseconds) &- elapsed
        let key = context.stickyKey
        return send(
            command, context: consume context, key: key, milliseconds: left, envelope: envelope,
            stamp: stamp
        ).dispatch
    }

    /// Chooses a link, opens a pending call and appends the frame.
    func send(
        _ command: Command, context: consuming CallContext?, key: UInt64, milliseconds: Int64,
        envelope: RawSpan, stamp: [UInt8]
    ) -> (dispatch: Dispatch, stream: UInt32) {
        guard let pool = pool(for: command) else { return (.refused(.serviceUnavailable), 0) }
        guard milliseconds > 0 else {
            pool.meters.timedOut.add()
            return (.refused(.timedOut), 0)
        }
        if let http = pool.http {
            return send(
                over: http, command, context: consume context, key: key,
                milliseconds: milliseconds, envelope: envelope, stamp: stamp)
        }
        let now = tick.now
        guard pool.admits(now: now) else {
            pool.meters.serviceUnavailable.add()
            return (.refused(.serviceUnavailable), 0)
        }
        let bytes = envelope.byteCount &+ stamp.count &+ 32
        let place = pool.choose(isOrdered: command.isOrdered, key: key, bytes: bytes)
        guard place >= 0 else {
            if !pool.ready.isEmpty { return (overloaded(pool), 0) }
            pool.meters.serviceUnavailable.add()
            return (.refused(.serviceUnavailable), 0)
        }
        let link = pool.ready[place]
        let kept =
            command.isRetrySafe && pool.keepsRequests ? keep(envelope, stamp: stamp) : -1
        let deadline = now.advanced(byMilliseconds: milliseconds)
        guard let connection = link.connection,
            let opened = pending.open(
                consume context, link: link.number, deadline: deadline,
                tryDeadline: tryDeadline(command, pool, kept: kept), kept: kept, now: now)
        else {
            if kept >= 0 { requests.release(kept) }
            return (overloaded(pool), 0)
        }
        connection.appendCall(
            stream: opened.stream, envelope: envelope, stamp: stamp,
            milliseconds: UInt32(truncatingIfNeeded: milliseconds))
        pool.began(link)
        if pool.breaker != nil { pool.breakersStart(link, now: now) }
        pool.retry.budget.called(now: now)
        if !link.isDirty { markDirty(link) }
        armIfEarlier(opened.due)
        return (.sent(isCongested: link.checkCongestion()), opened.stream)
    }

    private func overloaded(_ pool: ServicePool) -> Dispatch {
        pool.meters.overloaded.add()
        let isFull = pool.ready.allSatisfy { $0.live >= limits.maxInFlightPerLink }
        (isFull ? callsExceeded : bytesExceeded).add()
        return .refused(.overloaded)
    }

    /// Arms the timer for a deadline that comes before the one it waits for.
    @inline(__always)
    func armIfEarlier(_ due: MonotonicTime) {
        if due < timerDue { arm(due) }
    }

    /// The pool of a command's service. A command of an earlier snapshot is looked up by name.
    private func pool(for command: Command) -> ServicePool? {
        let index = command.serviceIndex
        if index >= 0, index < pools.count, pools[index].definition.name == command.service {
            return pools[index]
        }
        return pools.first { $0.definition.name == command.service }
    }

    /// The link with this number, one that leaves too.
    func link(_ number: Int32) -> Link? { links[number] }

    // MARK: The end of a turn

    func markDirty(_ link: Link) {
        guard !link.isDirty else { return }
        link.isDirty = true
        dirty.append(link)
        tick.begin()
    }

    private func flushLinks() {
        if !starting.isEmpty { startCalls() }
        var place = 0
        while place < dirty.count {
            dirty[place].flush()
            place += 1
        }
        dirty.removeAll(keepingCapacity: true)
    }

    /// Tells the owner in a turn of its own, so that what it sends then is flushed as usual.
    func relieve() {
        guard !isRelieving else { return }
        isRelieving = true
        loop.assumeIsolated().execute { [self] in
            isRelieving = false
            tick.begin()
            onRelieved()
        }
    }

    // MARK: Deadlines

    /// Arms the loop's only timer. It is left alone when its call ends early: it then finds nothing
    /// due and sleeps until the next deadline, or ends when no call is left.
    private func arm(_ due: MonotonicTime) {
        timer?.cancel()
        timerDue = due
        let pause = max(0, due.nanoseconds(since: tick.now))
        timer = loop.assumeIsolated().scheduleTask(in: .nanoseconds(pause)) { [self] in timerFired()
        }
    }

    func armForNext() {
        if let due = pending.nextDue, due < timerDue { arm(due) }
    }

    private func timerFired() {
        timer = nil
        timerDue = MonotonicTime(nanoseconds: .max)
        tick.begin()
        let expired = pending.expire(now: tick.now)
        for number in expired.freedLinks { links[number]?.abandoned &-= 1 }
        for stream in expired.streams { timedOut(stream) }
        armForNext()
    }
}

@available(*, unavailable)
extension Upstream: Sendable {}

/// Holds an `Upstream` until it stops.
private final class Anchor {
    var upstream: Upstream?
}
