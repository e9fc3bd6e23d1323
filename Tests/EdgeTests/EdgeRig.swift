import NIOCore
import NIOEmbedded
import SluiceEdge
import SluiceFraming
import SluiceIdentity
import SluicePolicy
import SluicePolicyLanguage
import SluiceSessions
import SluiceTelemetry
import SluiceTestSupport
import SluiceUpstream
import SluiceVocabulary
import Synchronization
import Testing

/// Clocks that stand until a test moves them.
final class ManualClocks: Clocks {
    private let nanoseconds = Atomic<Int64>(1_000_000_000_000)

    func monotonic() -> MonotonicTime {
        MonotonicTime(nanoseconds: nanoseconds.load(ordering: .relaxed))
    }
    func wall() -> WallTime {
        WallTime(microseconds: 1_800_000_000_000_000 + nanoseconds.load(ordering: .relaxed) / 1_000)
    }
    func advance(milliseconds: Int64) {
        nanoseconds.wrappingAdd(milliseconds * 1_000_000, ordering: .relaxed)
    }
}

/// A gateway of one loop without sockets, and the far ends of its connections.
final class EdgeRig {
    let loop: EmbeddedEventLoop
    let clocks = ManualClocks()
    let registry = MetricsRegistry(seriesBudget: 1_000)
    let edge: EdgeLoop
    let issuer: TokenIssuer
    let catalog: ActionCatalog
    private let keys: KeySet
    private let rules: TokenRules
    private let service = FarEnd()

    static func policy(limit: Int) -> String {
        """
        apiVersion: sluice/v1
        kind: PolicySet
        metadata: {name: edge, version: "1"}
        descriptors: {user: token.sub}
        rate_limits:
          - {name: send-per-user, match: {action: [send]}, key: [user], algorithm: token_bucket, limit: \(limit), per: 60s}
        permissions:
          default: deny
          rules:
            - {name: connect, effect: permit, action: [session.connect, auth.refresh]}
            - {name: members, effect: permit, principal: {roles: [member]}, action: [echo, send]}
        """
    }

    /// The same permissions with limits of one's own, each an item of `rate_limits`.
    static func policy(_ limits: [String], connect: String = "session.connect") -> String {
        """
        apiVersion: sluice/v1
        kind: PolicySet
        metadata: {name: edge, version: "1"}
        descriptors: {user: token.sub, peer: "connection.address/32,/64"}
        rate_limits: [\(limits.joined(separator: ", "))]
        permissions:
          default: deny
          rules:
            - {name: connect, effect: permit, action: [\(connect), auth.refresh]}
            - {name: members, effect: permit, principal: {roles: [member]}, action: [echo, send]}
        """
    }

    init(limits: Limits = Limits(), policy: String = policy(limit: 5)) async throws {
        catalog = ActionCatalog(commands: ["echo", "send", "secret", "deliver"])
        keys = try await KeySet.make([
            KeyMaterial(kid: "k", algorithm: "HS256", secret: Array(repeating: 7, count: 32))
        ])
        // After the last suspension: an embedded loop stays on the thread that made it.
        loop = EmbeddedEventLoop()
        issuer = try TokenIssuer(
            keys: keys, kid: "k", issuer: "edge", audience: "edge", ttlSeconds: 600,
            refreshTTLSeconds: 3_600)
        rules = TokenRules(
            issuer: "edge", audience: "edge", leewaySeconds: 0, maxTokenBytes: 8_192)
        let snapshot = try Self.snapshot(
            catalog, keys, rules, issuer, policy: policy, previous: nil)
        let loop = loop
        let tick = LoopTick(clocks: clocks) { tick in
            let bound = NIOLoopBound(tick, eventLoop: loop)
            loop.execute { bound.value.finish() }
        }
        let registry = registry
        let journal = Journal(mode: .off, loops: 1, registry: registry)
        let upstream = Upstream(
            loop: loop, tick: tick, snapshot: snapshot.upstream, limits: limits, node: "edge",
            meters: .unread, random: SeededRandom(seed: 1), connector: service.connector)
        let sessions = Sessions(
            loop: loop, index: 0, meters: SessionMeters(registry: registry, shard: 0))
        edge = EdgeLoop(
            loop: loop, index: 0, tick: tick, limits: limits, snapshot: snapshot,
            stations: EdgeLoop.Stations(
                upstream: upstream, sessions: sessions,
                policyMeters: PolicyMeters(
                    permission: { registry.counter(.permissionDecisions, [$0, $1], shard: 0) },
                    limit: { registry.counter(.rateLimitDecisions, [$0, $1], shard: 0) },
                    ban: { registry.counter(.rateLimitBans, [$0], shard: 0) })),
            registry: registry, log: journal.accessLog(loop: 0, tick: tick),
            admission: Admission(maxConnections: 100), pages: [:])
        upstream.start()
        edge.start()
        loop.run()
        try service.say(.hello, stream: 0, LinkHello(node: "service").encoded())
        loop.run()
    }

    private static func snapshot(
        _ catalog: ActionCatalog, _ keys: KeySet, _ rules: TokenRules, _ issuer: TokenIssuer,
        policy: String, previous: PolicySnapshot?
    ) throws -> EdgeSnapshot {
        let compiled = try PolicyCompiler.compile(
            files: [(name: "edge.yaml", text: policy)], catalog: catalog, previous: previous)
        func command(_ id: UInt32, _ name: String, _ from: CommandOrigin) -> CommandDefinition {
            CommandDefinition(
                id: id, name: name, service: "s", from: from, timeoutMilliseconds: 5_000,
                isOrdered: true, isRetrySafe: false, maxBytes: 1_000)
        }
        let table = try CommandTable(
            [
                command(100, "echo", .client), command(101, "send", .client),
                command(102, "secret", .client), command(103, "deliver", .push),
            ], services: ["s"], catalog: catalog)
        let service = ServiceDefinition(
            name: "s", instances: [ServiceInstance(InstanceAddress(host: "127.0.0.1", port: 1))],
            connectTimeoutMilliseconds: 1_000, backoffMinimumMilliseconds: 50,
            backoffMaximumMilliseconds: 2_000)
        return EdgeSnapshot(
            policy: compiled.snapshot,
            upstream: UpstreamSnapshot(services: [service], commands: table), keys: keys,
            tokenRules: rules, issuer: issuer, loginClaims: [])
    }

    /// Puts another policy in force, as a reload does.
    func adopt(policy: String) throws {
        edge.adopt(
            try Self.snapshot(
                catalog, keys, rules, issuer, policy: policy, previous: edge.snapshot.policy))
        loop.run()
    }

    func token(_ user: String, roles: [String] = ["member"]) throws -> String {
        try issuer.issue(
            user: user, claims: ["roles": .array(roles.map { .string($0) })], now: clocks.wall()
        ).token
    }

    /// Lets time pass in the steps in which the edge looks at its connections.
    func pass(milliseconds: Int64) {
        var left = milliseconds
        while left > 0 {
            let step = min(100, left)
            clocks.advance(milliseconds: step)
            loop.advanceTime(by: .milliseconds(step))
            #expect(throws: Never.self) { try service.answerPings() }
            left -= step
        }
    }

    func client() throws -> EdgeClient { try EdgeClient(self) }

    /// A JSON client whose greeting has been read.
    func open(_ user: String, query: String = "") throws -> EdgeClient {
        let client = try client()
        #expect(try client.upgrade(token: token(user), query: query).hasPrefix("HTTP/1.1 101"))
        let greeting = try client.envelopes()
        #expect(greeting.first?["cmd"]?.integer == 1)
        return client
    }

    /// What a map of the edge holds.
    func size(_ name: String) -> Int { edge.sizes.first { $0.name == name }?.count ?? -1 }

    /// Answers to pushes since the last question.
    func pushResults() throws -> [PushResult] {
        try service.frames().filter { $0.kind == .pushResult }.map {
            try PushResult(from: $0.body.readableBytesSpan)
        }
    }

    /// The link to the service breaks.
    func dropLink() throws {
        try service.close()
        loop.run()
    }

    /// Calls that have reached the service since the last question.
    func calls() throws -> [LinkFrame] { try service.frames().filter { $0.kind == .call } }

    func cancels() throws -> [LinkFrame] { try service.frames().filter { $0.kind == .cancel } }

    /// The time left that a call tells the service, in milliseconds: field 8, the last one counts.
    func deadline(of call: LinkFrame) throws -> UInt64 {
        var bytes = call.body
        func varint() throws -> UInt64 {
            var value: UInt64 = 0
            for shift in stride(from: 0 as UInt64, to: 64, by: 7) {
                let read = bytes.readInteger(as: UInt8.self)
                let byte = try #require(read)
                value |= UInt64(byte & 0x7F) << shift
                if byte < 0x80 { break }
            }
            return value
        }
        var found: UInt64 = 0
        while bytes.readableBytes > 0 {
            let tag = try varint()
            let value = try varint()
            if tag & 7 == 2 { bytes.moveReaderIndex(forwardBy: Int(value)) }
            if tag >> 3 == 8 { found = value }
        }
        return found
    }

    /// The service answers a call with status 0 and a JSON payload.
    func answer(_ call: LinkFrame, _ json: String) throws {
        let payload = Array(json.utf8)
        try service.say(
            .reply, stream: call.stream, [0x30, 1, 0x7A, UInt8(payload.count)] + payload)
        loop.run()
    }

    func push(_ json: String, to users: [String], deliveryClass: DeliveryClass = .must) throws {
        try push(json, to: .users(users), deliveryClass: deliveryClass)
    }

    func push(
        _ json: String, to targets: PushTargets, deliveryClass: DeliveryClass = .must,
        stream: UInt32 = 0
    ) throws {
        let payload = Array(json.utf8)
        let push = LinkPush(
            targets: targets, deliveryClass: deliveryClass,
            envelope: ByteBuffer(bytes: [0x10, 103, 0x30, 1, 0x7A, UInt8(payload.count)] + payload))
        try service.say(.push, stream: stream, push.encoded())
        loop.run()
    }

    func count(_ family: MetricFamily, _ labels: [String]) -> UInt64 {
        registry.counter(family, labels, shard: 0).value
    }

    /// All maps empty but the link's own.
    var isEmpty: Bool { edge.sizes.allSatisfy { $0.count == 0 } }
}

/// The service's end of the link.
final class FarEnd {
    private var made: LoopChannel?
    private var received = ByteBuffer()
    /// Read while looking for pings.
    private var kept: [LinkFrame] = []

    var connector: LinkConnector {
        LinkConnector { [self] _, _, _, loop, handler in
            let channel = LoopChannel(loop: loop)
            do {
                try channel.pipeline.syncOperations.addHandler(handler)
            } catch {
                return loop.makeFailedFuture(error)
            }
            channel.activate()
            made = channel
            return loop.makeSucceededFuture(channel)
        }
    }

    func say(
        _ kind: LinkFrameKind, flags: UInt8 = 0, stream: UInt32, _ body: [UInt8]
    ) throws {
        var bytes = ByteBuffer()
        body.withBytes { body in
            LinkCodec.write(kind, flags: flags, stream: stream, body: body, into: &bytes)
        }
        try #require(made).receive(bytes)
    }

    func close() throws { try #require(made).close(promise: nil) }

    /// Shows the gateway that the service is alive.
    func answerPings() throws {
        guard made?.isActive == true else { return }
        kept = try frames()
        for ping in kept where ping.kind == .ping && ping.flags == 0 {
            try say(.ping, flags: 1, stream: 0, Array(buffer: ping.body))
        }
        kept.removeAll { $0.kind == .ping }
    }

    func frames() throws -> [LinkFrame] {
        let channel = try #require(made)
        for var bytes in channel.takeWritten() { received.writeBuffer(&bytes) }
        var frames = kept
        kept = []
        while let frame = try LinkCodec.read(&received, maxFrameBytes: 1 << 22) {
            frames.append(frame)
        }
        return frames
    }
}
