import NIOCore
import NIOPosix
import SluiceFraming
import SluicePolicy
import SluiceTestSupport
import SluiceUpstream
import SluiceVocabulary
import Synchronization
import Testing

/// What a test of HTTP links looks at, on the loop.
final class HTTPRigState {
    let upstream: Upstream
    let commands: CommandTable
    let book: MeterBook
    var results: [UInt64: String] = [:]
    /// Sequence numbers in the order of their results.
    var order: [UInt64] = []
    var attempts: [UInt64: UInt8] = [:]
    var events: [UpstreamEvent] = []
    var relieved = 0

    init(upstream: Upstream, commands: CommandTable, book: MeterBook) {
        self.upstream = upstream
        self.commands = commands
        self.book = book
    }
}

/// An `Upstream` with HTTP links on a real loop with the real clock.
final class HTTPRig: Sendable {
    let group: MultiThreadedEventLoopGroup
    let loop: any EventLoop
    private let state: Mutex<NIOLoopBound<HTTPRigState>?> = Mutex(nil)

    init(group: MultiThreadedEventLoopGroup) {
        self.group = group
        loop = group.next()
    }

    /// Runs a test with a rig and a scripted server, and takes both down.
    static func with(
        connections: Int = 4, limits: Limits = Limits(), timeoutMilliseconds: UInt32 = 5_000,
        _ answer: @escaping @Sendable (RawRequest) -> RawAnswer,
        _ body: (HTTPRig, RawServer) async throws -> Void
    ) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let rig = HTTPRig(group: group)
        let server = RawServer(answer)
        do {
            try await server.start(on: group)
            try await rig.start(
                ports: [server.port], connections: connections, limits: limits,
                timeoutMilliseconds: timeoutMilliseconds)
            try await body(rig, server)
            try await rig.stop()
            try await server.stop()
            try await rig.waitUntil { server.open.withLock { $0 } == 0 }
        } catch {
            try await group.shutdownGracefully()
            throw error
        }
        try await group.shutdownGracefully()
    }

    static func snapshot(
        ports: [Int], connections: Int, timeoutMilliseconds: UInt32 = 5_000
    ) throws -> UpstreamSnapshot {
        let names = ["ordered", "free", "twice"]
        let commands = try CommandTable(
            names.enumerated().map { index, name in
                CommandDefinition(
                    id: 100 + UInt32(index), name: name, service: "s",
                    timeoutMilliseconds: timeoutMilliseconds, isOrdered: name == "ordered",
                    isRetrySafe: name == "twice")
            }, services: ["s"], catalog: ActionCatalog(commands: names))
        return UpstreamSnapshot(
            services: [
                ServiceDefinition(
                    name: "s",
                    instances: ports.map {
                        ServiceInstance(InstanceAddress(host: "127.0.0.1", port: $0))
                    },
                    http: HTTPLinkSettings(basePath: "/base", maxConnections: connections),
                    backoffMaximumMilliseconds: 100)
            ], commands: commands)
    }

    func start(
        ports: [Int], connections: Int = 4, limits: Limits = Limits(),
        timeoutMilliseconds: UInt32 = 5_000
    ) async throws {
        try await loop.submit { [self] in
            let tick = LoopTick(clocks: RealClocks()) { [loop] tick in
                loop.assumeIsolated().execute { tick.finish() }
            }
            let snapshot = try Self.snapshot(
                ports: ports, connections: connections, timeoutMilliseconds: timeoutMilliseconds)
            let book = MeterBook()
            let upstream = Upstream(
                loop: loop, tick: tick, snapshot: snapshot, limits: limits, node: "test",
                meters: book.meters, random: SeededRandom(seed: 1))
            let made = HTTPRigState(upstream: upstream, commands: snapshot.commands, book: book)
            upstream.onResult = { [unowned made] context, result in
                #expect(made.results[context.seq] == nil, "a call ends once")
                made.results[context.seq] = Rig.text(result.outcome)
                made.order.append(context.seq)
                made.attempts[context.seq] = result.attempts
            }
            upstream.onEvent = { [unowned made] event in made.events.append(event) }
            upstream.onRelieved = { [unowned made] in made.relieved += 1 }
            upstream.start()
            state.withLock { $0 = NIOLoopBound(made, eventLoop: loop) }
        }.get()
    }

    @discardableResult
    func send(
        _ name: String = "free", seqs: ClosedRange<UInt64>, key: UInt64 = 1, requester: Int = 1,
        payload: String = "hi", stamp: [UInt8] = []
    ) async throws -> [Dispatch] {
        try await onLoop { state in
            let command = try #require(state.commands.named(name))
            return seqs.map { seq in
                let context = CallContext(
                    requester: ConnectionID(loop: 0, slot: requester, generation: 1),
                    transport: .websocket, seq: seq,
                    command: command, requestNumber: seq, startedAt: RealClocks().monotonic(),
                    bytesIn: 0, stickyKey: key)
                return envelope(cmd: command.id, payload: payload).withBytes {
                    state.upstream.dispatch(
                        .own(.login), envelope: $0, stamp: stamp, context: context)
                }
            }
        }
    }

    /// Sends calls again and again until they are not refused at once, at most ten seconds.
    func sendUntilTaken(
        _ name: String = "free", seqs: ClosedRange<UInt64>, payload: String = "hi",
        _ location: SourceLocation = #_sourceLocation
    ) async throws {
        let deadline = NIODeadline.now() + .seconds(10)
        while try await send(name, seqs: seqs, payload: payload).first
            != .sent(isCongested: false)
        {
            try #require(
                NIODeadline.now() < deadline, "the call was never taken", sourceLocation: location)
        }
    }

    func stop() async throws {
        try await onLoop { state in
            state.upstream.stop()
            #expect(state.upstream.pendingCalls == 0)
        }
        try await loop.submit { [self] in state.withLock { $0 = nil } }.get()
    }

    @discardableResult
    func onLoop<Value: Sendable>(_ body: @escaping @Sendable (HTTPRigState) throws -> Value)
        async throws -> Value
    {
        try await loop.submit { [self] in
            let bound = try #require(state.withLock { $0 })
            return try body(bound.value)
        }.get()
    }

    /// Waits until `condition` holds on the loop, at most ten seconds.
    func eventually(
        _ condition: @escaping @Sendable (HTTPRigState) -> Bool,
        _ location: SourceLocation = #_sourceLocation
    ) async throws {
        guard let bound = state.withLock({ $0 }) else { return }
        try await wait(location) { condition(bound.value) }
    }

    /// The same for a condition that needs nothing of the loop.
    func waitUntil(
        _ condition: @escaping @Sendable () -> Bool, _ location: SourceLocation = #_sourceLocation
    ) async throws { try await wait(location, condition) }

    private func wait(
        _ location: SourceLocation, _ condition: @escaping @Sendable () -> Bool
    ) async throws {
        let done = loop.makePromise(of: Bool.self)
        let deadline = NIODeadline.now() + .seconds(10)
        let task = loop.scheduleRepeatedTask(initialDelay: .zero, delay: .milliseconds(1)) { task in
            let holds = condition()
            guard holds || NIODeadline.now() > deadline else { return }
            task.cancel()
            done.succeed(holds)
        }
        let holds = try await done.futureResult.get()
        task.cancel()
        try #require(holds, "the condition never held", sourceLocation: location)
    }
}
