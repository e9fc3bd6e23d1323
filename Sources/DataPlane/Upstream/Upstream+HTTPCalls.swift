import NIOCore
import SluiceFraming
package import SluiceVocabulary

/// Calls over HTTP links: the same promises as over native ones.
extension Upstream {
    /// Chooses an instance, opens a pending call and queues its request for the end of the turn.
    func send(
        over http: HTTPBalance, _ command: Command, context: consuming CallContext?, key: UInt64,
        milliseconds: Int64, envelope: RawSpan, stamp: [UInt8]
    ) -> (dispatch: Dispatch, stream: UInt32) {
        let pool = http.service
        let bytes = envelope.byteCount &+ stamp.count &+ 32
        guard !http.ready.isEmpty, pool.admits(now: tick.now) else {
            pool.meters.serviceUnavailable.add()
            return (.refused(.serviceUnavailable), 0)
        }
        let place = pool.choose(isOrdered: command.isOrdered, key: key, bytes: bytes)
        guard place >= 0 else { return (overloaded(http), 0) }
        let instance = http.ready[place]
        let request: HTTPRequest
        do throws(EnvelopeError) {
            request = try HTTPCallRequest.make(
                command, service: pool.definition, address: instance.address, envelope: envelope,
                stamp: stamp, milliseconds: milliseconds)
        } catch {
            return (.refused(.badRequest), 0)
        }
        let deadline = tick.now.advanced(byMilliseconds: milliseconds)
        guard
            let opened = pending.open(
                consume context, link: instance.number, deadline: deadline,
                tryDeadline: httpTryDeadline(command, pool), now: tick.now)
        else { return (overloaded(http), 0) }
        start(
            HTTPCall(
                stream: opened.stream, instance: instance,
                exchange: HTTPExchange(request, pool: instance.connections), command: command,
                key: command.isOrdered ? key : nil, bytes: bytes, startedAt: tick.now))
        pool.retry.budget.called(now: tick.now)
        armIfEarlier(opened.due)
        return (.sent(isCongested: instance.checkCongestion()), opened.stream)
    }

    /// A call goes to its instance.
    func start(_ call: HTTPCall) {
        let instance = call.instance
        call.exchange.onEvent = { [self] event in heard(event, call) }
        instance.calls[call.stream] = call
        instance.queuedBytes &+= call.bytes
        instance.pool.began(instance)
        instance.pool.breakersStart(instance, now: tick.now)
        enter(call)
    }

    private func overloaded(_ http: HTTPBalance) -> Dispatch {
        http.service.meters.overloaded.add()
        let isFull = http.ready.allSatisfy { $0.calls.count >= limits.maxInFlightPerLink }
        (isFull ? callsExceeded : bytesExceeded).add()
        return .refused(.overloaded)
    }

    // MARK: Instances

    /// Takes over a service's instances. Those that stay keep their connections, those that go finish
    /// what they have.
    func adopt(_ definition: ServiceDefinition, into http: HTTPBalance) {
        var old = http.instances
        var seen: Set<InstanceAddress> = []
        let instances = definition.instances.filter { seen.insert($0.address).inserted }
        http.instances = instances.map { instance in
            let place = old.firstIndex { $0.address == instance.address }
            let member =
                place.map { old.remove(at: $0) } ?? makeInstance(instance.address, of: http)
            http.service.prepare(member, weight: instance.weight)
            return member
        }
        retire(old)
        for instance in http.instances {
            instance.adoptSettings()
            if isStarted { instance.start() }
        }
        http.service.refresh()
    }

    private func makeInstance(_ address: InstanceAddress, of http: HTTPBalance) -> HTTPInstance {
        let made = HTTPInstance(
            address: address, number: takeNumber(), service: http.service, upstream: self)
        httpInstances[made.number] = made
        return made
    }

    /// Their instances take no further calls.
    func retire(_ old: [HTTPInstance]) {
        for instance in old {
            instance.remove()
            instance.service.http?.instances.removeAll { $0 === instance }
            instance.service.refresh()
        }
    }

    // MARK: Order

    /// Starts the call, or lets it wait for the one before it with the same key.
    private func enter(_ call: HTTPCall) {
        guard let key = call.key else { return startLater(call) }
        if call.instance.lanes[key] == nil {
            call.instance.lanes[key] = HTTPLane()
            startLater(call)
        } else {
            call.instance.lanes[key]?.waiting.append(call)
        }
    }

    /// The call under way in a lane has ended: the next one's turn.
    private func leave(_ call: HTTPCall) {
        guard let key = call.key else { return }
        while let next = call.instance.lanes[key]?.waiting.popFirst() {
            if !next.isEnded { return startLater(next) }
        }
        call.instance.lanes[key] = nil
    }

    /// At the end of the turn, so that no call ends before its caller knows that it was sent, and a
    /// long lane that fails is no deep recursion.
    private func startLater(_ call: HTTPCall) {
        call.isStarting = true
        starting.append(call)
        tick.begin()
    }

    func startCalls() {
        var place = 0
        while place < starting.count {
            let call = starting[place]
            place += 1
            if !call.isEnded { call.exchange.start() }
        }
        starting.removeAll(keepingCapacity: true)
    }

    // MARK: The end

    private func heard(_ event: HTTPExchangeEvent, _ call: HTTPCall) {
        switch event {
        case .writable: break
        case .head(let head): call.head = head
        case .body(var bytes):
            guard call.body.readableBytes + bytes.readableBytes <= limits.maxLinkFrameBytes else {
                answerBytesExceeded.add()
                return end(call, .refused(.badUpstreamAnswer))
            }
            if call.body.readableBytes == 0 {
                call.body = bytes
            } else {
                call.body.writeBuffer(&bytes)
            }
        case .end:
            let outcome =
                call.head.map { HTTPCallAnswer.outcome($0, call.body) }
                ?? .refused(.badUpstreamAnswer)
            if case .refused(let kind) = outcome { return failed(call, kind, nil) }
            end(call, outcome)
        case .failed(let failure): failed(call, Self.refusal(failure), failure)
        }
    }

    /// What a caller is told of a failure.
    package static func refusal(_ failure: HTTPFailure) -> RefusalKind {
        switch failure {
        case .connectFailed, .connectionLost, .refused: .serviceUnavailable
        case .badAnswer: .badUpstreamAnswer
        case .timedOut: .timedOut
        case .tooLarge: .tooLarge
        case .overloaded: .overloaded
        }
    }

    /// A try has failed: another one, or the end.
    private func failed(_ call: HTTPCall, _ kind: RefusalKind, _ failure: HTTPFailure?) {
        let (instance, began) = (call.instance, pending.sentAt(call.stream))
        if failure == .overloaded || failure == .tooLarge {
            instance.pool.breakersCancelled(instance, began: began)
        } else {
            instance.pool.failed(
                instance, isReachability: failure == .connectFailed, began: began, now: tick.now)
        }
        let reason = Self.retryReason(
            kind, failure: failure, attempts: call.attempts &+ call.exchange.attempts)
        if let reason, retry(call, reason) { return }
        end(call, .refused(kind), isJudged: true)
    }

    /// Ends a call with what came of it.
    ///
    /// - Parameter isJudged: what it says about the instance has been taken down already.
    func end(_ call: HTTPCall, _ outcome: consuming CallOutcome, isJudged: Bool = false) {
        guard close(call), let ended = pending.end(stream: call.stream) else { return }
        let (pool, now) = (call.instance.pool, tick.now)
        let meters = pool.meters
        switch outcome {
        case .reply(let view, _):
            pool.succeeded(call.instance, began: ended.sentAt, now: now)
            (view.status == 0 ? meters.ok : meters.serviceStatus).add()
        case .refused(.badUpstreamAnswer):
            meters.badUpstreamAnswer.add()
            if !isJudged { pool.failed(call.instance, began: ended.sentAt, now: now) }
        case .refused(.timedOut):
            meters.timedOut.add()
            if !isJudged { pool.failed(call.instance, began: ended.sentAt, now: now) }
        case .refused(.overloaded):
            meters.overloaded.add()
            waitingExceeded.add()
        case .refused(.tooLarge):
            meters.cancelled.add()
            headExceeded.add()
        case .refused: meters.serviceUnavailable.add()
        }
        finish(
            ended, stream: call.stream, outcome: consume outcome, meters: meters,
            instance: call.instance.instance,
            attempts: max(1, call.attempts &+ call.exchange.attempts), sentAt: call.startedAt)
    }

    /// The caller has gone: the call ends with its connection. `pending.take` must follow.
    func cancel(_ stream: UInt32, on instance: HTTPInstance) -> PendingCalls.Ended? {
        guard let call = instance.calls[stream], close(call) else { return nil }
        instance.service.meters.cancelled.add()
        instance.pool.breakersCancelled(instance, began: pending.sentAt(stream))
        return pending.end(stream: stream)
    }

    /// Takes a call out of its instance, once.
    func close(_ call: HTTPCall) -> Bool {
        guard !call.isEnded else { return false }
        call.isEnded = true
        let instance = call.instance
        instance.calls[call.stream] = nil
        instance.queuedBytes &-= call.bytes
        instance.pool.ended(instance)
        call.exchange.cancel()
        // One that waits in its lane is skipped there when its turn comes.
        if call.isStarting { leave(call) }
        instance.drainedSome()
        instance.stopIfDrained()
        return true
    }
}
