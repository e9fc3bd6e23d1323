import NIOCore
import NIOPosix
import Synchronization

/// A request as it came over the wire.
struct RawRequest: Sendable {
    /// Head with its lines, body as it was after the framing was taken off.
    var head: String
    var body: String
    /// Which connection it came on, counted from 0.
    var connection: Int
    /// Which request of that connection it is, counted from 0.
    var place: Int

    var line: String { String(head.prefix { $0 != "\r\n" }) }

    func header(_ name: String) -> String? {
        for line in head.split(separator: "\r\n").dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2, parts[0].lowercased() == name.lowercased() {
                return parts[1].trimmingPrefix(" ").description
            }
        }
        return nil
    }
}

/// What a scripted server does with a request.
enum RawAnswer: Sendable {
    case send(String)
    case sendThenClose(String)
    case close
    case nothing

    static func ok(_ body: String, headers: String = "") -> Self {
        .send("HTTP/1.1 200 OK\r\n\(headers)Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
    }
}

/// An HTTP server whose every byte the test decides.
final class RawServer: Sendable {
    let requests = Mutex<[RawRequest]>([])
    let open = Mutex(0)
    let accepted = Mutex(0)
    let channels: Mutex<[any Channel]> = Mutex([])
    private let listener: Mutex<(any Channel)?> = Mutex(nil)
    private let answer: @Sendable (RawRequest) -> RawAnswer
    private let boundPort = Mutex(0)
    var port: Int { boundPort.withLock { $0 } }
    var seen: [RawRequest] { requests.withLock { $0 } }

    init(_ answer: @escaping @Sendable (RawRequest) -> RawAnswer) { self.answer = answer }

    func start(on group: any EventLoopGroup, port: Int = 0) async throws {
        let listener = try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture {
                    let number = accepted.withLock { count in
                        defer { count += 1 }
                        return count
                    }
                    channels.withLock { $0.append(channel) }
                    open.withLock { $0 += 1 }
                    channel.closeFuture.whenComplete { [self] _ in open.withLock { $0 -= 1 } }
                    try channel.pipeline.syncOperations.addHandler(
                        RawHandler(server: self, number: number))
                }
            }
            .bind(host: "127.0.0.1", port: port).get()
        boundPort.withLock { $0 = listener.localAddress?.port ?? 0 }
        self.listener.withLock { $0 = listener }
    }

    fileprivate func received(_ request: RawRequest) -> RawAnswer {
        requests.withLock { $0.append(request) }
        return answer(request)
    }

    /// Sends bytes on a connection, whenever the test wants.
    func send(_ text: String, on connection: Int) {
        let channel = channels.withLock { $0[connection] }
        channel.writeAndFlush(ByteBuffer(string: text), promise: nil)
    }

    func closeConnections() {
        for channel in channels.withLock({ $0 }) { channel.close(promise: nil) }
    }

    func stop() async throws {
        let listener = self.listener.withLock { $0.take() }
        try await listener?.close().get()
        closeConnections()
    }
}

private final class RawHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let server: RawServer
    private let number: Int
    private var place = 0
    private var input = ""

    init(server: RawServer, number: Int) {
        self.server = server
        self.number = number
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        input += String(buffer: unwrapInboundIn(data))
        while let request = next() {
            switch server.received(request) {
            case .send(let text): write(text, context)
            case .sendThenClose(let text):
                write(text, context)
                context.close(promise: nil)
            case .close: context.close(promise: nil)
            case .nothing: break
            }
        }
    }

    private func write(_ text: String, _ context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
    }

    private func next() -> RawRequest? {
        guard let end = input.firstRange(of: "\r\n\r\n") else { return nil }
        let head = String(input[..<end.lowerBound])
        var request = RawRequest(head: head, body: "", connection: number, place: place)
        var rest = input[end.upperBound...]
        if let length = request.header("content-length").flatMap(Int.init) {
            guard rest.utf8.count >= length else { return nil }
            request.body = String(rest.utf8.prefix(length)) ?? ""
            rest = Substring(rest.utf8.dropFirst(length))
        } else if request.header("transfer-encoding") != nil {
            guard let last = rest.firstRange(of: "0\r\n\r\n") else { return nil }
            request.body = String(rest[..<last.lowerBound])
            rest = rest[last.upperBound...]
        }
        input = String(rest)
        place += 1
        return request
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
