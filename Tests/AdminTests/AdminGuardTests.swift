import Foundation
import NIOCore
import NIOPosix
import SluiceAdmin
import SluiceTelemetry
import SluiceVocabulary
import Synchronization
import Testing

/// What it takes to change something, over real sockets.
@Suite struct AdminGuardTests {
    static let token = "a-token-for-the-tests"
    static let good = ["Authorization: Bearer \(token)", "Content-Type: application/json"]

    @Test("a token, JSON and this port's name open a call; journal and counter know who it was")
    func allowed() async throws {
        try await serve { rig in
            let answer = try await rig.send(
                "POST", "/v1/things/a%2Fb%20%C3%A9?x=1%262&y", body: "{}")
            #expect(answer.status == 200)
            #expect(answer.body == "a/b é|x=1&2,y=|{}|token\n")
            #expect(
                rig.audits == [
                    AdminAudit(
                        action: "admin.thing", caller: .token, status: 200, summary: "did it")
                ])
            #expect(rig.count("admin.thing", "ok") == 1)
        }
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var status: Int
        var refusal: AdminRefusal
        var method = "POST"
        var path = "/v1/things/a"
        var host: String? = "localhost:PORT"
        var headers = AdminGuardTests.good
        var body = "{}"
        var testDescription: String { name }
    }

    static let json = "Content-Type: application/json"
    static let bearer = "Authorization: Bearer \(token)"
    static let cases: [Case] = [
        Case(name: "no token", status: 401, refusal: .unauthenticated, headers: [json]),
        Case(
            name: "wrong token", status: 401, refusal: .wrongToken,
            headers: [json, "Authorization: Bearer a-token-for-the-tesT"]),
        Case(
            name: "longer token", status: 401, refusal: .wrongToken, headers: [json, bearer + "s"]),
        Case(
            name: "half a token", status: 401, refusal: .wrongToken,
            headers: [json, "Authorization: Bearer a-token-"]),
        Case(
            name: "two tokens", status: 401, refusal: .unauthenticated,
            headers: [json, bearer, bearer]),
        Case(
            name: "basic", status: 401, refusal: .unauthenticated,
            headers: [json, "Authorization: Basic \(token)"]),
        Case(
            name: "empty bearer", status: 401, refusal: .unauthenticated,
            headers: [json, "Authorization: Bearer "]),
        Case(
            name: "no token to delete", status: 401, refusal: .unauthenticated, method: "DELETE",
            headers: [], body: ""),
        Case(
            name: "origin", status: 403, refusal: .originPresent,
            headers: good + ["Origin: http://localhost"]),
        Case(
            name: "null origin", status: 403, refusal: .originPresent,
            headers: good + ["Origin: null"]),
        Case(
            name: "a form", status: 415, refusal: .badContentType,
            headers: [bearer, "Content-Type: text/plain"]),
        Case(name: "no type", status: 415, refusal: .badContentType, headers: [bearer]),
        Case(
            name: "no type and no body", status: 415, refusal: .badContentType, headers: [bearer],
            body: ""),
        Case(
            name: "two types", status: 415, refusal: .badContentType,
            headers: good + ["Content-Type: text/plain"]),
        Case(
            name: "nearly JSON", status: 415, refusal: .badContentType,
            headers: [bearer, "Content-Type: application/json-patch"]),
        Case(
            name: "a body to delete that is not JSON", status: 415, refusal: .badContentType,
            method: "DELETE", headers: [bearer]),
        Case(name: "another name", status: 421, refusal: .misdirected, host: "evil.example:PORT"),
        Case(name: "another port", status: 421, refusal: .misdirected, host: "localhost:1"),
        Case(name: "no port", status: 421, refusal: .misdirected, host: "localhost"),
        Case(name: "no number as port", status: 421, refusal: .misdirected, host: "localhost:x"),
        Case(name: "no host", status: 400, refusal: .badHost, host: nil),
        Case(name: "unknown", status: 404, refusal: .notFound, path: "/v1/things/a/b"),
        Case(name: "no parameter", status: 404, refusal: .notFound, path: "/v1/things/"),
        Case(name: "method", status: 405, refusal: .methodNotAllowed, method: "PUT"),
        Case(name: "half a percent", status: 400, refusal: .badTarget, path: "/v1/things/%4"),
        Case(name: "not hexadecimal", status: 400, refusal: .badTarget, path: "/v1/things/%zz"),
        Case(name: "not UTF-8", status: 400, refusal: .badTarget, path: "/v1/things/%ff"),
        Case(name: "query not UTF-8", status: 400, refusal: .badTarget, path: "/v1/things/a?x=%ff"),
        Case(
            name: "large", status: 413, refusal: .tooLarge,
            body: String(repeating: " ", count: 65)),
    ]

    @Test(
        "each refusal has its status, its counter and a hint, and the route is not asked",
        arguments: cases)
    func refused(_ one: Case) async throws {
        try await serve { rig in
            let answer = try await rig.send(
                one.method, one.path, host: one.host, headers: one.headers, body: one.body)
            #expect(answer.status == one.status)
            let problem =
                try JSONSerialization.jsonObject(with: Data(answer.body.utf8)) as? [String: Any]
            #expect(problem?["name"] as? String == one.refusal.rawValue)
            #expect((problem?["detail"] as? String)?.isEmpty == false)
            #expect(answer.head.contains("content-type: application/problem+json\r\n"))
            #expect(answer.head.contains("www-authenticate: Bearer") == (one.status == 401))
            #expect(!answer.body.contains(Self.token))
            #expect(rig.asked == 0)
            let counts = ["admin.thing", "unknown"].map { rig.count($0, one.refusal.rawValue) }
            #expect(counts.reduce(0, +) == 1)
            #expect(rig.audits.allSatisfy { $0.refusal == one.refusal && $0.caller != .user(0) })
        }
    }

    @Test("reading asks for nothing of this, on the same path")
    func reading() async throws {
        try await serve { rig in
            let answer = try await rig.send(
                "GET", "/v1/things/a", host: "127.0.0.1", headers: ["Origin: http://x"], body: "")
            #expect(answer.status == 200)
            #expect(answer.body == "a|||anybody\n")
            #expect(rig.audits.isEmpty)
        }
    }

    @Test("without a token configured none opens anything, not even an empty one")
    func noToken() async throws {
        try await serve(token: nil) { rig in
            for headers in [[Self.json], Self.good, [Self.json, "Authorization: Bearer "]] {
                let answer = try await rig.send(
                    "POST", "/v1/things/a", headers: headers, body: "{}")
                #expect(answer.status == 401)
            }
            #expect(rig.asked == 0)
        }
    }

    @Test("the gateway's own user needs no token on the Unix socket; every other guard holds there")
    func ownUser() async throws {
        try await serve(userID: geteuid(), token: nil) { rig in
            let answer = try await rig.send(
                "POST", "/v1/things/a", bySocket: true, host: "localhost", headers: [Self.json],
                body: "{}")
            #expect(answer.status == 200)
            #expect(answer.body == "a||{}|uid \(geteuid())\n")
            for (headers, status) in [
                ([], 415), ([Self.json, "Origin: http://localhost"], 403),
            ] {
                let refused = try await rig.send(
                    "POST", "/v1/things/a", bySocket: true, host: "localhost", headers: headers,
                    body: "{}")
                #expect(refused.status == status)
            }
            let misdirected = try await rig.send(
                "POST", "/v1/things/a", bySocket: true, host: "evil.example", body: "{}")
            #expect(misdirected.status == 421)
        }
    }

    @Test(
        "another user is refused on the Unix socket unless it has the token",
        .enabled(if: geteuid() != 0))
    func otherUser() async throws {
        try await serve(userID: geteuid() + 1) { rig in
            let refused = try await rig.send(
                "POST", "/v1/things/a", bySocket: true, headers: [Self.json], body: "{}")
            #expect(refused.status == 403)
            let allowed = try await rig.send("POST", "/v1/things/a", bySocket: true, body: "{}")
            #expect(allowed.status == 200)
        }
    }

    @Test("the socket is the user's alone, replaces a stale file, and is gone after stop")
    func socketFile() async throws {
        let path = Rig.socketPath()
        let stale = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(unixDomainSocketPath: path).get()
        try FileManager.default.moveItem(atPath: path, toPath: path + ".kept")
        try await stale.close()
        try FileManager.default.moveItem(atPath: path + ".kept", toPath: path)
        let rig = try await Rig.start(userID: geteuid(), token: nil, socketPath: path)
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        await #expect(throws: AdminError.self) {
            _ = try await Rig.start(userID: geteuid(), token: nil, socketPath: path)
        }
        #expect(FileManager.default.fileExists(atPath: path))
        await rig.stop()
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test(
        "a file that is no socket is left alone, and a path too long is told",
        arguments: [true, false])
    func socketPlace(isTooLong: Bool) async throws {
        let path = Rig.socketPath() + (isTooLong ? String(repeating: "x", count: 100) : "")
        if !isTooLong { try Data("keep me".utf8).write(to: URL(filePath: path)) }
        await #expect(throws: (any Error).self) {
            _ = try await Rig.start(userID: geteuid(), token: nil, socketPath: path)
        }
        if !isTooLong {
            #expect(try String(contentsOfFile: path, encoding: .utf8) == "keep me")
            try FileManager.default.removeItem(atPath: path)
        }
    }

    private func serve(
        userID: UInt32 = geteuid() + 1, token: String? = token,
        _ body: (Rig) async throws -> Void
    ) async throws {
        let rig = try await Rig.start(userID: userID, token: token, socketPath: Rig.socketPath())
        do {
            try await body(rig)
        } catch {
            await rig.stop()
            throw error
        }
        await rig.stop()
    }
}

/// A served admin interface with one route, `/v1/things/{id}`, and a client.
private struct Rig: Sendable {
    let server: AdminServer
    let port: Int
    let path: String
    let registry: MetricsRegistry
    private let seen: Seen

    final class Seen: Sendable {
        let audits = Mutex<[AdminAudit]>([])
        let asked = Atomic<Int>(0)
    }

    var audits: [AdminAudit] { seen.audits.withLock { $0 } }
    var asked: Int { seen.asked.load(ordering: .relaxed) }

    static func socketPath() -> String {
        "/tmp/sluice-\(UInt64.random(in: 0...(.max)))-admin.sock"
    }

    static func start(userID: UInt32, token: String?, socketPath: String) async throws -> Rig {
        let rig = Rig(userID: userID, token: token, socketPath: socketPath, seen: Seen(), port: 0)
        let port = try await rig.server.start()
        return Rig(rig, port: port)
    }

    private init(_ other: Rig, port: Int) {
        server = other.server
        path = other.path
        registry = other.registry
        seen = other.seen
        self.port = port
    }

    private init(userID: UInt32, token: String?, socketPath: String, seen: Seen, port: Int) {
        self.seen = seen
        self.port = port
        path = socketPath
        registry = MetricsRegistry(seriesBudget: 100)
        let answer: @Sendable (AdminCall) async -> AdminResponse = { call in
            seen.asked.wrappingAdd(1, ordering: .relaxed)
            let query = call.query.map { "\($0.name)=\($0.value)" }.joined(separator: ",")
            return .json(
                "\(call.parameter)|\(query)|\(String(decoding: call.body, as: UTF8.self))|\(call.caller.text)",
                summary: "did it")
        }
        let calls = AdminRoute.Method.allCases.map {
            AdminRoute(
                $0, "/v1/things/{id}", action: "admin.thing", maxBodyBytes: 64, answer: answer)
        }
        server = AdminServer(
            address: "127.0.0.1", port: 0, socketPath: socketPath,
            group: MultiThreadedEventLoopGroup.singleton, registry: registry,
            routes: AdminRoutes(
                ready: { (true, "{}") }, policy: { "{}" }, upstreams: { "{}" }, state: { "{}" },
                calls: calls),
            access: AdminAccess(userID: userID, token: token.map { Array($0.utf8) }),
            audit: { audit in seen.audits.withLock { $0.append(audit) } })
    }

    func stop() async { await server.stop() }

    func count(_ action: String, _ result: String) -> UInt64 {
        registry.counter(.adminCalls, [action, result], shard: 0).value
    }

    struct Answer {
        var status: Int
        var head: String
        var body: String
    }

    func send(
        _ method: String, _ target: String, bySocket: Bool = false,
        host: String? = "localhost:PORT", headers: [String] = AdminGuardTests.good, body: String
    ) async throws -> Answer {
        var lines = ["\(method) \(target) HTTP/1.1"]
        if let host {
            lines.append("Host: " + host.replacingOccurrences(of: "PORT", with: String(port)))
        }
        lines += headers + ["Connection: close"]
        if !body.isEmpty { lines.append("Content-Length: \(body.utf8.count)") }
        let text = try await exchange(
            lines.joined(separator: "\r\n") + "\r\n\r\n" + body, bySocket: bySocket)
        let end = try #require(text.range(of: "\r\n\r\n"), "no answer: \(text)")
        let head = String(text[..<end.lowerBound]) + "\r\n"
        return Answer(
            status: try #require(Int(head.split(separator: " ")[1])), head: head,
            body: String(text[end.upperBound...]))
    }

    private func exchange(_ request: String, bySocket: Bool) async throws -> String {
        let received = Mutexed()
        let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Gatherer(received: received))
                }
            }
        let channel =
            bySocket
            ? try await bootstrap.connect(unixDomainSocketPath: path).get()
            : try await bootstrap.connect(host: "127.0.0.1", port: port).get()
        try await channel.writeAndFlush(ByteBuffer(string: request)).get()
        try await channel.closeFuture.get()
        return String(decoding: received.bytes.withLock { $0 }, as: UTF8.self)
    }
}

private final class Mutexed: Sendable {
    let bytes = Mutex<[UInt8]>([])
}

private final class Gatherer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let received: Mutexed
    init(received: Mutexed) { self.received = received }
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let more = Array(unwrapInboundIn(data).readableBytesView)
        received.bytes.withLock { $0 += more }
    }
    // A reset by the server ends the exchange like a close.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
