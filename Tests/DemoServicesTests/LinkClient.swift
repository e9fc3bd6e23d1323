import Foundation
import NIOCore
import NIOPosix
import SluiceDemoServices
import SluiceFraming
import SluiceVocabulary
import SwiftProtobuf

/// The gateway's side of a link over a real socket, for tests.
///
/// Envelopes are encoded by the generated code, not by the code under test.
struct LinkClient: Sendable {
    let channel: any Channel
    let frames: Frames
    /// Set when the link closed because the test took too long.
    private let isOverdue: Flag

    /// What came in, in order. Ends when the link closes.
    struct Frames: Sendable {
        fileprivate let stream: AsyncStream<LinkFrame>
        fileprivate let continuation: AsyncStream<LinkFrame>.Continuation
    }

    struct Closed: Error {}
    struct Overdue: Error {}

    /// - Parameter hello: false leaves the greeting to the test.
    static func connect(port: Int, hello: Bool = true) async throws -> LinkClient {
        let (stream, continuation) = AsyncStream<LinkFrame>.makeStream()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        FrameCollector(continuation: continuation))
                }
            }
            .connect(host: "127.0.0.1", port: port)
            .get()
        // The deadline of a test: a link that hangs closes, and whoever waits hears of it.
        let isOverdue = Flag()
        let deadline = channel.eventLoop.scheduleTask(in: .seconds(30)) {
            isOverdue.set()
            channel.close(promise: nil)
        }
        channel.closeFuture.whenComplete { _ in deadline.cancel() }
        let client = LinkClient(
            channel: channel, frames: Frames(stream: stream, continuation: continuation),
            isOverdue: isOverdue)
        if hello {
            try await client.send(.hello, body: LinkHello(node: "test").encoded())
            let answer = try await client.next()
            guard answer.kind == .hello else { throw Closed() }
        }
        return client
    }

    /// The next frame. Throws when the link closed instead.
    func next() async throws -> LinkFrame {
        for await frame in frames.stream { return frame }
        throw Closed()
    }

    func close() async throws { try await channel.close() }

    /// Returns when the server has closed the link, whatever came before.
    func waitUntilClosed() async throws {
        try await channel.closeFuture.get()
        if isOverdue.isSet { throw Overdue() }
    }

    func send(_ bytes: ByteBuffer) async throws { try await channel.writeAndFlush(bytes) }

    func send(
        _ kind: LinkFrameKind, flags: UInt8 = 0, stream: UInt32 = 0, body: [UInt8] = []
    ) async throws {
        try await send(Self.frame(kind, flags: flags, stream: stream, body: body))
    }

    /// A frame written by hand: length, kind, flags, zero, stream, body.
    static func frame(
        _ kind: LinkFrameKind, flags: UInt8 = 0, stream: UInt32 = 0, body: [UInt8] = []
    ) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeInteger(UInt32(8 + body.count))
        buffer.writeMultipleIntegers(kind.rawValue, flags, UInt16(0), stream)
        buffer.writeBytes(body)
        return buffer
    }

    static func call(
        _ command: DemoCommand, stream: UInt32, seq: UInt64 = 1, format: UInt32 = 1,
        payload: [UInt8], user: String = ""
    ) throws -> ByteBuffer {
        let envelope = Sluice_V1_Envelope.with {
            $0.cmd = command.rawValue
            $0.seq = seq
            $0.format = format
            $0.payload = Data(payload)
            $0.userID = user
        }
        return frame(.call, stream: stream, body: try envelope.serializedBytes())
    }

    /// Calls, and returns the reply, which must be the next frame.
    func exchange(
        _ command: DemoCommand, _ payload: [UInt8], format: UInt32 = 1, as user: String
    ) async throws -> Sluice_V1_Envelope {
        try await send(
            Self.call(command, stream: 77, seq: 5, format: format, payload: payload, user: user))
        let frame = try await next()
        guard frame.kind == .reply, frame.stream == 77 else { throw Closed() }
        let envelope = try Sluice_V1_Envelope(frame)
        guard envelope.cmd == command.rawValue, envelope.seq == 5, envelope.kind == 1 else {
            throw Closed()
        }
        return envelope
    }

    /// Calls, and returns the status of the reply, which must be JSON, and what it says.
    func ask(
        _ command: DemoCommand, _ payload: String = "", as user: String = ""
    ) async throws -> (status: UInt32, body: JSONValue) {
        let envelope = try await exchange(command, Array(payload.utf8), as: user)
        guard envelope.format == 1 else { throw Closed() }
        return (envelope.status, try JSONValue(parsing: Array(envelope.payload)))
    }
}

extension Sluice_V1_Envelope {
    init(_ frame: LinkFrame) throws {
        try self.init(serializedBytes: Array(buffer: frame.body))
    }
}

private final class FrameCollector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private var input = ByteBuffer()
    private let continuation: AsyncStream<LinkFrame>.Continuation

    init(continuation: AsyncStream<LinkFrame>.Continuation) { self.continuation = continuation }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        input.writeBuffer(&bytes)
        do {
            while let frame = try LinkCodec.read(&input, maxFrameBytes: 8_388_608) {
                continuation.yield(frame)
            }
        } catch { context.close(promise: nil) }
        input.discardReadBytes()
    }

    func channelInactive(context: ChannelHandlerContext) {
        continuation.finish()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}

/// Runs a test against services of its own, and stops them whatever happens.
func withServices<Result: Sendable>(
    _ test: (_ port: Int, _ services: DemoServices) async throws -> Result
) async throws -> Result {
    let services = DemoServices(group: MultiThreadedEventLoopGroup.singleton)
    let port = try await services.start(host: "127.0.0.1", port: 0)
    do {
        let result = try await test(port, services)
        await services.stop()
        return result
    } catch {
        await services.stop()
        throw error
    }
}
