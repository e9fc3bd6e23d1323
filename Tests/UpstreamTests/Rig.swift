import NIOCore
import NIOEmbedded
import SluiceFraming
import SluicePolicy
import SluiceTestSupport
import SluiceUpstream
import SluiceVocabulary
import Synchronization
import Testing

/// Clocks that stand until a test moves them.
final class ManualClocks: Clocks {
    private let nanoseconds = Atomic<Int64>(1_000_000_000)

    func monotonic() -> MonotonicTime {
        MonotonicTime(nanoseconds: nanoseconds.load(ordering: .relaxed))
    }
    func wall() -> WallTime { WallTime(microseconds: nanoseconds.load(ordering: .relaxed) / 1_000) }
    func advance(milliseconds: Int64) {
        nanoseconds.wrappingAdd(milliseconds * 1_000_000, ordering: .relaxed)
    }
}

/// Counters by name, for tests that look at them.
final class MeterBook {
    private(set) var counters: [String: Counter] = [:]
    private(set) var gauges: [String: Gauge] = [:]

    var meters: UpstreamMeters {
        UpstreamMeters(
            requests: { self.counter("\($0) \($1.rawValue)") },
            duration: { _ in DurationHistogram() },
            instances: { service, state in
                let gauge = Gauge()
                self.gauges["\(service) \(state.rawValue)"] = gauge
                return gauge
            },
            ejections: { self.counter("\($0) ejected \($1.rawValue)") },
            checks: { self.counter("\($0) check \($1 ? "ok" : "failed")") },
            retries: { self.counter("\($0) retried \($1.rawValue)") },
            breaker: { service in
                let gauge = Gauge()
                self.gauges["\(service) breaker"] = gauge
                return gauge
            },
            limitExceeded: { self.counter("limit \($0)") },
            malformedPushes: { self.counter("malformed \($0)") })
    }

    private func counter(_ name: String) -> Counter {
        if let known = counters[name] { return known }
        let counter = Counter()
        counters[name] = counter
        return counter
    }

    func count(_ name: String) -> UInt64 { counters[name]?.value ?? 0 }
}

/// One instance of a service in the tests: the far end of the link under test.
final class FakeInstance {
    let address: InstanceAddress
    /// Connections made so far, the last one first in use.
    var channels: [LoopChannel] = []
    /// Refuses connections.
    var isDown = false
    /// Says hello at once.
    var greets = true
    private var received = ByteBuffer()

    init(_ address: InstanceAddress) { self.address = address }

    var channel: LoopChannel {
        guard let last = channels.last else { preconditionFailure("nobody has connected") }
        return last
    }

    /// Frames that have come since the last question.
    func frames() throws -> [LinkFrame] {
        for var bytes in channel.takeWritten() { received.writeBuffer(&bytes) }
        var frames: [LinkFrame] = []
        while let frame = try LinkCodec.read(&received, maxFrameBytes: 1 << 22) {
            frames.append(frame)
        }
        return frames
    }

    func calls() throws -> [LinkFrame] { try frames().filter { $0.kind == .call } }

    func say(_ kind: LinkFrameKind, flags: UInt8 = 0, stream: UInt32, _ body: [UInt8] = []) throws {
        var bytes = ByteBuffer()
        body.withBytes {
            LinkCodec.write(kind, flags: flags, stream: stream, body: $0, into: &bytes)
        }
        channel.receive(bytes)
    }

    func reply(to frame: LinkFrame, status: UInt32 = 0, payload: String = "ok") throws {
        try say(.reply, stream: frame.stream, envelope(status: status, kind: 1, payload: payload))
    }
}

/// An `Upstream` on an embedded loop with fake instances and clocks that stand.
final class Rig {
    let loop: EmbeddedEventLoop
    let clocks = ManualClocks()
    let book = MeterBook()
    let instances: [FakeInstance]
    let upstream: Upstream
    let commands: CommandTable
    private(set) var results: [(context: CallContext, result: CallResult)] = []
    private(set) var events: [UpstreamEvent] = []
    private(set) var relieved = 0

    init(
        instances count: Int = 1, limits: Limits = Limits(), isStarted: Bool = true,
        loop: EmbeddedEventLoop = EmbeddedEventLoop(),
        configure: (inout ServiceDefinition) -> Void = { _ in }
    ) throws {
        self.loop = loop
        let instances = (0..<count).map {
            FakeInstance(InstanceAddress(host: "127.0.0.1", port: 9_000 + $0))
        }
        self.instances = instances
        let tick = LoopTick(clocks: clocks) { tick in
            loop.assumeIsolated().execute { tick.finish() }
        }
        let snapshot = try Self.snapshot(instances.map(\.address), configure)
        commands = snapshot.commands
        upstream = Upstream(
            loop: loop, tick: tick, snapshot: snapshot, limits: limits, node: "test",
            meters: book.meters, random: SeededRandom(seed: 1), connector: Self.connector(instances)
        )
        upstream.onResult = { [unowned self] context, result in results.append((context, result)) }
        upstream.onEvent = { [unowned self] event in events.append(event) }
        upstream.onRelieved = { [unowned self] in relieved += 1 }
        if isStarted {
            upstream.start()
            greet()
        }
    }

    static func snapshot(
        _ addresses: [InstanceAddress], _ configure: (inout ServiceDefinition) -> Void = { _ in }
    ) throws -> UpstreamSnapshot {
        let catalog = ActionCatalog(commands: ["ordered", "free", "own", "once"])
        let commands = try CommandTable(
            [
                CommandDefinition(
                    id: 100, name: "ordered", service: "s", timeoutMilliseconds: 1_000),
                CommandDefinition(
                    id: 101, name: "free", service: "s", timeoutMilliseconds: 1_000,
                    isOrdered: false,
                    isRetrySafe: true),
                CommandDefinition(
                    id: 102, name: "own", service: "s", from: .gateway, timeoutMilliseconds: 1_000),
                CommandDefinition(
                    id: 103, name: "once", service: "s", timeoutMilliseconds: 1_000,
                    isOrdered: false),
            ], services: ["s"], catalog: catalog)
        var service = ServiceDefinition(
            name: "s", instances: addresses.map { ServiceInstance($0) })
        configure(&service)
        return UpstreamSnapshot(services: [service], commands: commands)
    }

    private static func connector(_ instances: [FakeInstance]) -> LinkConnector {
        LinkConnector { address, _, _, loop, handler in
            guard let instance = instances.first(where: { $0.address == address }), !instance.isDown
            else { return loop.makeFailedFuture(ChannelError.connectTimeout(.zero)) }
            let channel = LoopChannel(loop: loop)
            do {
                try channel.pipeline.syncOperations.addHandler(handler)
            } catch {
                return loop.makeFailedFuture(error)
            }
            channel.activate()
            instance.channels.append(channel)
            return loop.makeSucceededFuture(channel)
        }
    }

    /// Runs what is due and lets every instance that was connected to say hello.
    func greet() {
        loop.run()
        for instance in instances where instance.greets {
            guard let channel = instance.channels.last, channel.isActive,
                let frames = try? instance.frames(), frames.contains(where: { $0.kind == .hello })
            else { continue }
            #expect(throws: Never.self) {
                try instance.say(.hello, stream: 0, LinkHello(node: "fake").encoded())
            }
        }
        loop.run()
    }

    /// Sends a request and ends the turn.
    @discardableResult
    func send(
        _ name: String = "ordered", requester: Int = 1, seq: UInt64 = 1, key: UInt64 = 7,
        payload: String = "hi", runs: Bool = true
    ) throws -> Dispatch {
        let command = try #require(commands.named(name))
        let context = CallContext(
            requester: ConnectionID(loop: 0, slot: requester, generation: 1), transport: .websocket,
            seq: seq,
            command: command, requestNumber: seq, startedAt: clocks.monotonic(), bytesIn: 2,
            stickyKey: key)
        let bytes = envelope(cmd: command.id, payload: payload)
        let dispatch = bytes.withBytes {
            upstream.dispatch(.own(.login), envelope: $0, stamp: stamp, context: context)
        }
        if runs { loop.run() }
        return dispatch
    }

    let stamp = EnvelopeStamp.identity(user: "alice", session: "s1", device: "d", client: "1.2.3.4")

    /// Moves both clocks and runs the timers that are due.
    func advance(milliseconds: Int64) {
        clocks.advance(milliseconds: milliseconds)
        loop.advanceTime(by: .milliseconds(milliseconds))
    }

    /// What the caller of `seq` was told.
    func outcome(of seq: UInt64) -> String? {
        results.first { $0.context.seq == seq }.map { Rig.text($0.result.outcome) }
    }

    static func text(_ outcome: CallOutcome) -> String {
        switch outcome {
        case .refused(let kind): kind.name
        case .reply(let view, let body):
            "\(view.status) "
                + (body.getString(
                    at: body.readerIndex + Int(view.payload.start), length: Int(view.payload.count))
                    ?? "?")
        }
    }
}

/// A small protobuf envelope.
func envelope(
    cmd: UInt32 = 100, status: UInt32 = 0, kind: UInt32 = 0, payload: String
) -> [UInt8] {
    var bytes: [UInt8] = []
    func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
    for (field, value) in [(2, cmd), (4, status), (5, kind)] where value != 0 {
        varint(UInt64(field << 3))
        varint(UInt64(value))
    }
    varint(15 << 3 | 2)
    varint(UInt64(payload.utf8.count))
    bytes.append(contentsOf: payload.utf8)
    return bytes
}
