import NIOCore
import NIOHTTP1
import NIOPosix
import SluiceFraming
import SluiceVocabulary

/// A WebSocket echo server around the gateway's own frame reader, for conformance suites.
///
/// `websocket-echo PORT` answers every message on any path of 127.0.0.1:PORT with the same message.
@main
struct WebSocketEcho {
    static func main() async throws {
        let port = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 9_001
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let decoder = ByteToMessageHandler(
                        HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes))
                    try channel.pipeline.syncOperations.addHandlers(decoder, Upgrade(decoder))
                }
            }
            .bind(host: "127.0.0.1", port: port).get()
        print("websocket-echo: 127.0.0.1:\(port)")
        try await channel.closeFuture.get()
    }
}

/// Answers the handshake and makes way for the echo.
private final class Upgrade: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = ByteBuffer
    private let decoder: ByteToMessageHandler<HTTPRequestDecoder>
    private var accept: String?

    init(_ decoder: ByteToMessageHandler<HTTPRequestDecoder>) { self.decoder = decoder }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            accept = head.headers.first(name: "sec-websocket-key").flatMap {
                WebSocketHandshake.acceptKey(for: $0)
            }
        case .body: break
        case .end:
            guard let accept else { return context.close(promise: nil) }
            let answer = ByteBuffer(
                string: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                    + "Connection: Upgrade\r\nSec-WebSocket-Accept: \(accept)\r\n\r\n")
            context.writeAndFlush(wrapOutboundOut(answer), promise: nil)
            do {
                try context.pipeline.syncOperations.addHandler(Echo())
            } catch {
                return context.close(promise: nil)
            }
            context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
            context.pipeline.syncOperations.removeHandler(decoder, promise: nil)
        }
    }
}

/// Reads frames as the gateway does and sends each message back.
private final class Echo: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    private var reader = WebSocketReader(maxMessageBytes: 64 << 20)
    private var input = ByteBuffer()
    private var scratch = ByteBuffer()
    private let encoder = ClientEncoder()
    private var isClosed = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isClosed else { return }
        var bytes = unwrapInboundIn(data)
        input.writeBuffer(&bytes)
        var output = ByteBuffer()
        do throws(WebSocketError) {
            while !isClosed, let event = try reader.next(&input, scratch: &scratch) {
                answer(event, into: &output)
            }
        } catch {
            close(error.closeReason.code, into: &output)
        }
        input.discardReadBytes()
        context.writeAndFlush(wrapOutboundOut(output), promise: nil)
        if isClosed { context.close(promise: nil) }
    }

    private func answer(_ event: WebSocketEvent, into output: inout ByteBuffer) {
        switch event {
        case .message(let isText):
            output.writeInteger(isText ? UInt8(0x81) : 0x82)
            switch scratch.readableBytes {
            case let count where count < 126: output.writeInteger(UInt8(count))
            case let count where count < 65_536:
                output.writeInteger(UInt8(126))
                output.writeInteger(UInt16(count))
            case let count:
                output.writeInteger(UInt8(127))
                output.writeInteger(UInt64(count))
            }
            output.writeImmutableBuffer(scratch)
        case .ping:
            let payload = scratch
            encoder.pong(payload.readableBytesSpan, into: &output)
        case .pong: break
        case .close(let code): close(code ?? 0, into: &output)
        }
    }

    private func close(_ code: UInt16, into output: inout ByteBuffer) {
        isClosed = true
        encoder.close(code: code, reason: "", wire: .webSocket, codec: .protobuf, into: &output)
    }
}
