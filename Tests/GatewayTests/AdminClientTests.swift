import NIOCore
import NIOPosix
import SluiceGateway
import Testing

/// Answers every connection with fixed bytes, or not at all.
private final class FixedAnswer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let text: String?

    init(_ text: String?) { self.text = text }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let text else { return }
        context.channel.writeAndFlush(ByteBuffer(string: text), promise: nil)
        context.close(promise: nil)
    }
}

@Suite("Admin client")
struct AdminClientTests {
    /// What the client says about a server that answers with `text`.
    private func outcome(_ text: String?, timeoutMilliseconds: Int64 = 5_000) async throws -> String
    {
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(FixedAnswer(text))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = server.localAddress?.port ?? 0
        let client = AdminClient(
            address: "127.0.0.1", port: port, timeoutMilliseconds: timeoutMilliseconds)
        let outcome: String
        do {
            outcome = String(decoding: try await client.get("/v1/policy"), as: UTF8.self)
        } catch {
            outcome = error.text
        }
        try await server.close().get()
        return outcome.replacing("127.0.0.1:\(port)", with: "HERE")
    }

    @Test("the body of a 200 answer is given back")
    func body() async throws {
        #expect(try await outcome("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") == "{}")
        #expect(try await outcome("HTTP/1.1 200 OK\r\n\r\n") == "")
    }

    @Test("other answers are told apart")
    func others() async throws {
        let gone = try await outcome("HTTP/1.1 404 Not Found\r\n\r\n")
        #expect(gone == "the gateway on HERE answers with status 404; is it of the same version?")
        let strange = "what answers on HERE is no gateway; check `admin` in the configuration"
        #expect(try await outcome("SSH-2.0-OpenSSH\r\n") == strange)
        #expect(try await outcome("") == strange)
        #expect(try await outcome(nil, timeoutMilliseconds: 20).contains("does not answer in time"))
    }

    @Test("a port where nobody listens is told")
    func nobody() async throws {
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = server.localAddress?.port ?? 0
        try await server.close().get()
        await #expect(
            throws: AdminClientError.unreachable(
                place: "127.0.0.1:\(port)", why: "connection refused")
        ) {
            try await AdminClient(address: "127.0.0.1", port: port).get("/")
        }
    }
}
