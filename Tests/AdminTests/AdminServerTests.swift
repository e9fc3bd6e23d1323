import Foundation
import NIOCore
import NIOPosix
import SluiceAdmin
import SluiceTelemetry
import SluiceVocabulary
import Synchronization
import Testing

@Suite struct AdminServerTests {
    @Test("health, readiness and the three JSON pages answer with what their routes say")
    func pages() async throws {
        try await serve { port in
            #expect(try await get(port, "/healthz").body == "ok\n")
            let ready = try await get(port, "/ready")
            #expect(ready.status == 200)
            #expect(ready.body == "{\"ready\":true}\n")
            #expect(try await get(port, "/v1/policy").body == "{\"page\":\"policy\"}\n")
            #expect(try await get(port, "/v1/upstreams?x=1").body == "{\"page\":\"upstreams\"}\n")
            let state = try await get(port, "/v1/state")
            #expect(state.body == "{\"page\":\"state\"}\n")
            #expect(state.head.contains("content-type: application/json\r\n"))
        }
    }

    @Test("readiness is 503 while it does not hold, with its body")
    func notReady() async throws {
        try await serve(isReady: false) { port in
            let answer = try await get(port, "/ready")
            #expect(answer.status == 503)
            #expect(answer.body == "{\"ready\":false}\n")
        }
    }

    @Test("metrics come in the form asked for, with its content type")
    func metrics() async throws {
        try await serve { port in
            let plain = try await get(port, "/metrics")
            #expect(
                plain.head.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"))
            #expect(plain.body.contains("\nsluice_sessions 5\n"))
            let open = try await get(
                port, "/metrics", headers: "Accept: application/openmetrics-text;version=1.0.0\r\n")
            #expect(
                open.head.contains(
                    "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"))
            #expect(open.body.hasSuffix("\n# EOF\n"))
        }
    }

    @Test("metrics are compressed for those who take gzip, and caches are told what they depend on")
    func compressedMetrics() async throws {
        try await serve { port in
            let head = try await get(
                port, "/metrics", method: "HEAD", headers: "Accept-Encoding: br, gzip\r\n")
            #expect(head.status == 200)
            #expect(head.head.contains("content-encoding: gzip\r\n"))
            #expect(head.head.contains("vary: accept, accept-encoding\r\n"))
            let plain = try await get(port, "/metrics", headers: "Accept-Encoding: br\r\n")
            #expect(!plain.head.contains("content-encoding"))
            #expect(plain.head.contains("vary: accept, accept-encoding\r\n"))
        }
    }

    @Test("anything else is a problem document: 404 for paths, 405 with Allow for methods")
    func others() async throws {
        try await serve { port in
            let missing = try await get(port, "/etc/passwd\"<script>")
            #expect(missing.status == 404)
            #expect(missing.head.contains("content-type: application/problem+json\r\n"))
            let problem = try JSONSerialization.jsonObject(with: Data(missing.body.utf8))
            #expect((problem as? [String: Any])?["status"] as? Int == 404)
            #expect(!missing.body.contains("script"))
            for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
                let answer = try await get(port, "/metrics", method: method)
                #expect(answer.status == 405, "\(method)")
                #expect(answer.head.contains("allow: GET, HEAD\r\n"))
            }
            let head = try await get(port, "/healthz", method: "HEAD")
            #expect(head.status == 200)
            #expect(head.body.isEmpty)
            #expect(head.head.contains("content-length: 3\r\n"))
        }
    }

    @Test(
        "only loopback names are taken as host, so that a web page cannot read what is told here",
        arguments: [
            ("localhost", 200), ("LOCALHOST:9901", 200), ("127.0.0.1:1", 200), ("127.9.9.9", 200),
            ("[::1]:9901", 200), ("evil.example", 421), ("localhost.evil.example", 421),
            ("127.0.0.1.evil.example", 421), ("10.0.0.1", 421), ("127.0.0.999", 421),
            ("[::2]", 421), ("[::1", 421), ("", 421),
        ])
    func hosts(host: String, status: Int) async throws {
        try await serve { port in
            let answer = try await get(port, "/healthz", host: host)
            #expect(answer.status == status)
        }
    }

    @Test("no host, or two, is a bad request")
    func hostCount() async throws {
        try await serve { port in
            #expect(try await get(port, "/healthz", host: nil).status == 400)
            let two = try await get(port, "/healthz", headers: "Host: localhost\r\n")
            #expect(two.status == 400)
        }
    }

    @Test(
        "an address others can reach is refused before anything is bound",
        arguments: ["0.0.0.0", "::", "192.0.2.1", "example.org", "", "127.0.0.1.example.org"])
    func loopbackOnly(address: String) async throws {
        let server = Self.server(address: address, isReady: true)
        await #expect(throws: AdminError.self) { try await server.start() }
        await server.stop()
    }

    @Test("a connection serves many requests, pipelined ones in order")
    func keepAlive() async throws {
        try await serve { port in
            let request = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
            let last = "GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            let text = try await exchange(port, request + request + last)
            #expect(text.components(separatedBy: "HTTP/1.1 200 OK").count == 4)
            #expect(text.hasSuffix("{\"ready\":true}\n"))
        }
    }

    @Test("headers beyond the limit and nonsense end the connection without harm to others")
    func limits() async throws {
        try await serve { port in
            let huge = String(repeating: "a", count: 20_000)
            let answer = try await exchange(
                port, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: \(huge)\r\n\r\n")
            #expect(!answer.contains(" 200 "))
            let nonsense = try await exchange(port, "\u{1}\u{2}nonsense\r\n\r\n")
            #expect(!nonsense.contains(" 200 "))
            #expect(try await get(port, "/healthz").status == 200)
        }
    }

    @Test("connections over the limit are turned away and those that were there still served")
    func connections() async throws {
        try await serve { port in
            var held: [any Channel] = []
            for _ in 0..<64 {
                let (channel, received) = try await connect(port)
                held.append(channel)
                // An answer proves that it was admitted; the loops take connections in any order.
                let question = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
                try await channel.writeAndFlush(ByteBuffer(string: question)).get()
                let deadline = ContinuousClock.now + .seconds(10)
                while !received.text.contains(" 200 OK"), ContinuousClock.now < deadline {
                    await Task.yield()
                }
                try #require(received.text.contains(" 200 OK"))
            }
            let (extra, received) = try await connect(port)
            try await extra.closeFuture.get()
            #expect(received.text.isEmpty)
            try await held[0].close()
            // The server learns of the close when its loop turns: until then it still turns away.
            let question = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            var answer = ""
            let deadline = ContinuousClock.now + .seconds(10)
            while answer.isEmpty, ContinuousClock.now < deadline {
                answer = (try? await exchange(port, question)) ?? ""
            }
            #expect(answer.hasPrefix("HTTP/1.1 200 OK"))
            for channel in held.dropFirst() { try await channel.close() }
        }
    }

    @Test("after stop the port is free and open connections are closed")
    func stop() async throws {
        let server = Self.server(address: "localhost", isReady: true)
        let port = try await server.start()
        let (channel, _) = try await connect(port)
        _ = try await get(port, "/healthz")
        await server.stop()
        try await channel.closeFuture.get()
        await #expect(throws: (any Error).self) { try await connect(port) }
    }

    // MARK: Helpers

    private static func server(address: String, isReady: Bool) -> AdminServer {
        let registry = MetricsRegistry(seriesBudget: 100)
        registry.gauge(.sessions, [], shard: 0).set(5)
        let routes = AdminRoutes(
            ready: { (isReady, "{\"ready\":\(isReady)}") },
            policy: { "{\"page\":\"policy\"}" }, upstreams: { "{\"page\":\"upstreams\"}" },
            state: { "{\"page\":\"state\"}" })
        return AdminServer(
            address: address, port: 0, group: MultiThreadedEventLoopGroup.singleton,
            registry: registry, routes: routes, access: AdminAccess(userID: 0), audit: { _ in })
    }

    private func serve(
        isReady: Bool = true, _ body: (Int) async throws -> Void
    ) async throws {
        let server = Self.server(address: "127.0.0.1", isReady: isReady)
        let port = try await server.start()
        do {
            try await body(port)
        } catch {
            await server.stop()
            throw error
        }
        await server.stop()
    }

    private struct Answer {
        var status: Int
        var head: String
        var body: String
    }

    private func get(
        _ port: Int, _ path: String, method: String = "GET", host: String? = "localhost",
        headers: String = ""
    ) async throws -> Answer {
        let hostLine = host.map { "Host: \($0)\r\n" } ?? ""
        let text = try await exchange(
            port, "\(method) \(path) HTTP/1.1\r\n\(hostLine)\(headers)Connection: close\r\n\r\n")
        let end = try #require(text.range(of: "\r\n\r\n"), "no answer: \(text)")
        let head = String(text[..<end.lowerBound]) + "\r\n"
        let status = try #require(Int(head.split(separator: " ")[1]))
        return Answer(status: status, head: head, body: String(text[end.upperBound...]))
    }

    /// Sends bytes and reads until the server closes.
    private func exchange(_ port: Int, _ request: String) async throws -> String {
        let (channel, received) = try await connect(port)
        try await channel.writeAndFlush(ByteBuffer(string: request)).get()
        try await channel.closeFuture.get()
        return received.text
    }

    @discardableResult
    private func connect(_ port: Int) async throws -> (channel: any Channel, received: Received) {
        let received = Received()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Collector(received: received))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        return (channel, received)
    }
}

/// What a client has read so far.
private final class Received: Sendable {
    private let bytes = Mutex<[UInt8]>([])
    var text: String { String(decoding: bytes.withLock { $0 }, as: UTF8.self) }
    func append(_ more: [UInt8]) { bytes.withLock { $0 += more } }
}

private final class Collector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let received: Received
    init(received: Received) { self.received = received }
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        received.append(Array(unwrapInboundIn(data).readableBytesView))
    }
    // A reset by the server ends the exchange like a close.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
