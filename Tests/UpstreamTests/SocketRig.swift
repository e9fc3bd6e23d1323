import NIOCore
import NIOPosix
import SluiceFraming
import SluicePolicy
import SluiceTestSupport
import SluiceUpstream
import SluiceVocabulary
import Synchronization
import Testing

/// What a test looks at, on the loop.
final class SocketState {
    let upstream: Upstream
    let command: Command
    var results: [UInt64: String] = [:]
    var relieved = 0
    var isCongested = false

    init(upstream: Upstream, command: Command) {
        self.upstream = upstream
        self.command = command
    }
}

/// An `Upstream` on a real loop with the real clock.
final class SocketRig: Sendable {
    let group: MultiThreadedEventLoopGroup
    private let loop: any EventLoop
    private let state: Mutex<NIOLoopBound<SocketState>?> = Mutex(nil)

    init(group: MultiThreadedEventLoopGroup) {
        self.group = group
        loop = group.next()
    }

    func start(port: Int, timeoutMilliseconds: UInt32 = 5_000) async throws {
        try await loop.submit { [self] in
            let tick = LoopTick(clocks: RealClocks()) { [loop] tick in
                loop.assumeIsolated().execute { tick.finish() }
            }
            let commands = try CommandTable(
                [
                    CommandDefinition(
                        id: 100, name: "echo", service: "s",
                        timeoutMilliseconds: timeoutMilliseconds)
                ], services: ["s"], catalog: ActionCatalog(commands: ["echo"]))
            let snapshot = UpstreamSnapshot(
                services: [
                    ServiceDefinition(
                        name: "s",
                        instances: [
                            ServiceInstance(InstanceAddress(host: "127.0.0.1", port: port))
                        ],
                        backoffMaximumMilliseconds: 100)
                ], commands: commands)
            let upstream = Upstream(
                loop: loop, tick: tick, snapshot: snapshot, limits: Limits(), node: "test",
                meters: .unread, random: SeededRandom(seed: 1))
            let made = SocketState(upstream: upstream, command: try #require(commands.find(100)))
            upstream.onResult = { [unowned made] context, result in
                made.results[context.seq] = Rig.text(result.outcome)
            }
            upstream.onRelieved = { [unowned made] in
                made.relieved += 1
                made.isCongested = false
            }
            upstream.start()
            state.withLock { $0 = NIOLoopBound(made, eventLoop: loop) }
        }.get()
        try await eventually { $0.upstream.states.map(\.state) == [.ready] }
    }

    func send(seqs: ClosedRange<UInt64>, payload: String? = nil) async throws {
        try await onLoop { state in
            for seq in seqs {
                let context = CallContext(
                    requester: ConnectionID(loop: 0, slot: 1, generation: 1), transport: .websocket,
                    seq: seq,
                    command: state.command, requestNumber: seq, startedAt: RealClocks().monotonic(),
                    bytesIn: 0, stickyKey: 1)
                let sent = envelope(payload: payload ?? "echo \(seq)").withBytes {
                    state.upstream.dispatch(.own(.login), envelope: $0, stamp: [], context: context)
                }
                if sent == .sent(isCongested: true) { state.isCongested = true }
            }
        }
    }

    /// Stops the upstream and lets go of it on its loop.
    func stop() async throws {
        try await onLoop { $0.upstream.stop() }
        try await loop.submit { [self] in state.withLock { $0 = nil } }.get()
    }

    @discardableResult
    func onLoop<Value: Sendable>(_ body: @escaping @Sendable (SocketState) throws -> Value)
        async throws
        -> Value
    {
        try await loop.submit { [self] in
            let bound = try #require(state.withLock { $0 })
            return try body(bound.value)
        }.get()
    }

    /// Waits until `condition` holds on the loop, at most ten seconds.
    func eventually(
        _ condition: @escaping @Sendable (SocketState) -> Bool,
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
        #expect(holds, "the condition never held", sourceLocation: location)
    }
}

struct RealClocks: Clocks {
    func monotonic() -> MonotonicTime {
        MonotonicTime(nanoseconds: Int64(NIODeadline.now().uptimeNanoseconds))
    }
    func wall() -> WallTime { WallTime(microseconds: 0) }
}

/// A service on loopback: answers every call with its payload, two by two in reverse.
final class EchoService: Sendable {
    private let boundPort = Mutex(0)
    let open = Mutex(0)
    let calls = Mutex(0)
    fileprivate let channels: Mutex<[any Channel]> = Mutex([])
    private let listener: Mutex<(any Channel)?> = Mutex(nil)

    private init() {}

    var port: Int { boundPort.withLock { $0 } }

    static func start(
        on group: any EventLoopGroup, port: Int = 0, answers: Bool = true, readsAtOnce: Bool = true
    ) async throws -> EchoService {
        let service = EchoService()
        let listener = try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: readsAtOnce)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    service.channels.withLock { $0.append(channel) }
                    service.open.withLock { $0 += 1 }
                    channel.closeFuture.whenComplete { _ in service.open.withLock { $0 -= 1 } }
                    try channel.pipeline.syncOperations.addHandler(
                        EchoHandler(service: service, answers: answers))
                }
            }
            .bind(host: "127.0.0.1", port: port).get()
        service.boundPort.withLock { $0 = listener.localAddress?.port ?? 0 }
        service.listener.withLock { $0 = listener }
        return service
    }

    func readAll() {
        for channel in channels.withLock({ $0 }) { _ = channel.setOption(.autoRead, value: true) }
    }

    func stop() async throws {
        let listener = self.listener.withLock { $0.take() }
        try await listener?.close().get()
        for channel in channels.withLock({ $0 }) { channel.close(promise: nil) }
    }
}

private final class EchoHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let service: EchoService
    private let answers: Bool
    private var input = ByteBuffer()

    init(service: EchoService, answers: Bool) {
        self.service = service
        self.answers = answers
    }

    /// The hello does not wait for the gateway's, so it comes even where nothing is read.
    func channelActive(context: ChannelHandlerContext) {
        var output = ByteBuffer()
        LinkHello(node: "echo").encoded().withBytes {
            LinkCodec.write(.hello, stream: 0, body: $0, into: &output)
        }
        context.writeAndFlush(wrapOutboundOut(output), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        input.writeBuffer(&bytes)
        var calls: [LinkFrame] = []
        do {
            while let frame = try LinkCodec.read(&input, maxFrameBytes: 1 << 22) {
                if frame.kind == .call { calls.append(frame) }
            }
        } catch { return context.close(promise: nil) }
        service.calls.withLock { $0 += calls.count }
        guard answers else { return }
        var output = ByteBuffer()
        for call in calls.reversed() {
            // Its own fields first: status 0 and kind are added behind, the last value counts.
            let start = LinkCodec.beginFrame(.reply, stream: call.stream, into: &output)
            output.writeImmutableBuffer(call.body)
            output.writeBytes([5 << 3, 1])
            LinkCodec.endFrame(at: start, in: &output)
        }
        context.writeAndFlush(wrapOutboundOut(output), promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
