import NIOCore
import NIOEmbedded
import SluiceDocuments
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

/// A gateway of one loop without sockets: bytes of a client in, bytes to a service out, and back.
final class Rig {
    private let loop = EmbeddedEventLoop()
    private let clocks = StandingClocks()
    private let edge: EdgeLoop
    private let client: LoopChannel
    private let links: LinkBook
    private var replies = ByteBuffer()

    /// Policy with the full job: a permission and three limits on every message.
    static let policy = """
        apiVersion: sluice/v1
        kind: PolicySet
        metadata: {name: golden, version: "1"}
        descriptors:
          user: token.sub
          peer: connection.address/32,/64
        rate_limits:
          - {name: per-user, match: {action: [echo]}, key: [user], algorithm: token_bucket, limit: 1000000000, per: 1s}
          - {name: per-peer, match: {action: [echo]}, key: [peer], algorithm: token_bucket, limit: 1000000000, per: 1s}
          - {name: all, match: {action: ["*"]}, key: [], algorithm: token_bucket, limit: 1000000000, per: 1s}
        permissions:
          default: deny
          rules:
            - {name: connect, effect: permit, action: [session.connect]}
            - {name: members, effect: permit, principal: {roles: [member]}, action: [echo]}
        """

    /// The key that signs and verifies the rig's token.
    static func makeKeys() async throws -> KeySet {
        try await KeySet.make([
            KeyMaterial(kid: "k", algorithm: "HS256", secret: Array(repeating: 7, count: 32))
        ])
    }

    init(keys: KeySet) throws {
        let catalog = ActionCatalog(commands: ["echo"])
        let issuer = try TokenIssuer(
            keys: keys, kid: "k", issuer: "golden", audience: "golden", ttlSeconds: 3_600,
            refreshTTLSeconds: 3_600)
        let compiled = try PolicyCompiler.compile(
            files: [(name: "golden.yaml", text: Self.policy)], catalog: catalog, previous: nil)
        let services = [
            ServiceDefinition(
                name: "echo",
                instances: [ServiceInstance(InstanceAddress(host: "127.0.0.1", port: 1))],
                connectTimeoutMilliseconds: 1_000, backoffMinimumMilliseconds: 50,
                backoffMaximumMilliseconds: 2_000)
        ]
        let table = try CommandTable(
            [
                CommandDefinition(
                    id: 100, name: "echo", service: "echo", from: .client,
                    timeoutMilliseconds: 5_000, isOrdered: true, isRetrySafe: true,
                    maxBytes: 65_536)
            ], services: ["echo"], catalog: catalog)
        let snapshot = EdgeSnapshot(
            policy: compiled.snapshot,
            upstream: UpstreamSnapshot(services: services, commands: table), keys: keys,
            tokenRules: TokenRules(
                issuer: "golden", audience: "golden", leewaySeconds: 5, maxTokenBytes: 8_192),
            issuer: issuer, loginClaims: [])
        links = LinkBook()
        edge = Self.makeEdge(loop, clocks, snapshot, links)
        client = LoopChannel(
            loop: loop, remoteAddress: try SocketAddress(ipAddress: "127.0.0.1", port: 1))
        let token = try issuer.issue(
            user: "user1", claims: ["roles": .array([.string("member")])], now: clocks.wall()
        ).token
        try open(token)
    }

    private static func makeEdge(
        _ loop: EmbeddedEventLoop, _ clocks: StandingClocks, _ snapshot: EdgeSnapshot,
        _ links: LinkBook
    ) -> EdgeLoop {
        let tick = LoopTick(clocks: clocks) { tick in
            let bound = NIOLoopBound(tick, eventLoop: loop)
            loop.execute { bound.value.finish() }
        }
        let registry = MetricsRegistry(seriesBudget: 1_000)
        let journal = Journal(mode: .off, loops: 1, registry: registry)
        let limits = Limits()
        let upstream = Upstream(
            loop: loop, tick: tick, snapshot: snapshot.upstream, limits: limits, node: "golden",
            meters: .unread, random: SeededRandom(seed: 1), connector: links.connector)
        let sessions = Sessions(
            loop: loop, index: 0, meters: SessionMeters(registry: registry, shard: 0))
        let edge = EdgeLoop(
            loop: loop, index: 0, tick: tick, limits: limits, snapshot: snapshot,
            stations: EdgeLoop.Stations(
                upstream: upstream, sessions: sessions,
                policyMeters: PolicyMeters(
                    permission: { registry.counter(.permissionDecisions, [$0, $1], shard: 0) },
                    limit: { registry.counter(.rateLimitDecisions, [$0, $1], shard: 0) },
                    ban: { registry.counter(.rateLimitBans, [$0], shard: 0) })),
            registry: registry, log: journal.accessLog(loop: 0, tick: tick),
            admission: Admission(maxConnections: 10), pages: [:])
        upstream.start()
        loop.run()
        return edge
    }

    /// Opens the WebSocket with a token and reads the gateway's greeting away.
    private func open(_ token: String) throws {
        try links.greet()
        loop.run()
        try Listener().accept(client, edge)
        client.activate()
        var request = ByteBuffer()
        request.writeString(
            "GET /ws HTTP/1.1\r\nHost: golden\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                + "Sec-WebSocket-Protocol: sluice.v1\r\nAuthorization: Bearer \(token)\r\n\r\n")
        client.receive(request)
        loop.run()
        guard let answer = client.takeWritten().first,
            String(buffer: answer).hasPrefix("HTTP/1.1 101")
        else { throw RigError.notOpen }
        _ = client.takeWritten()
        _ = links.channel.takeWritten()
    }

    /// One message there and its answer back, `depth` at a time in one read.
    func roundTrip(_ frames: ByteBuffer, depth: Int) throws {
        client.receive(frames)
        loop.run()
        replies.clear()
        for var calls in links.channel.takeWritten() {
            while let call = try LinkCodec.read(&calls, maxFrameBytes: 1 << 20) {
                guard call.kind == .call else { continue }
                Self.reply.withBytes { body in
                    LinkCodec.write(.reply, stream: call.stream, body: body, into: &replies)
                }
            }
        }
        links.channel.receive(replies)
        loop.run()
        var bytes = 0
        for answer in client.takeWritten() { bytes += answer.readableBytes }
        guard bytes >= depth * 128 else { throw RigError.answersMissing(bytes) }
    }

    /// The service's answer: status 0 and the payload back.
    private static let reply: [UInt8] = [0x7A, 0x80, 0x01] + Array(repeating: 0x61, count: 128)

    /// `depth` masked frames, each with an envelope of command 100 and a payload of 128 bytes.
    static func frames(depth: Int) -> ByteBuffer {
        let envelope: [UInt8] = [0x10, 100, 0x18, 7] + reply
        let mask: [UInt8] = [0x11, 0x22, 0x33, 0x44]
        var buffer = ByteBuffer()
        for _ in 0..<depth {
            buffer.writeBytes([0x82, 0x80 | 126, 0, UInt8(envelope.count)] + mask)
            buffer.writeBytes(envelope.enumerated().map { $0.element ^ mask[$0.offset % 4] })
        }
        return buffer
    }
}

enum RigError: Error {
    case notOpen
    case answersMissing(Int)
}

/// Clocks that stand still: the path reads them, the figures do not depend on them.
struct StandingClocks: Clocks {
    func monotonic() -> MonotonicTime { MonotonicTime(nanoseconds: 1_000_000_000_000) }
    func wall() -> WallTime { WallTime(microseconds: 1_800_000_000_000_000) }
}

/// The embedded channel that stands for the link to the service.
final class LinkBook {
    private var made: LoopChannel?

    var channel: LoopChannel {
        guard let made else { preconditionFailure("the link is not connected") }
        return made
    }

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

    /// The service says hello; the link is ready then.
    func greet() throws {
        var hello = ByteBuffer()
        LinkHello(node: "service").encoded().withBytes { body in
            LinkCodec.write(.hello, stream: 0, body: body, into: &hello)
        }
        channel.receive(hello)
    }
}
