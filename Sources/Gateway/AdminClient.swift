import NIOCore
import NIOPosix

/// Asks a gateway on this machine through its admin port: one request a connection, HTTP/1.0.
package struct AdminClient: Sendable {
    private static let maxResponseBytes = 16_777_216

    private let address: String
    private let port: Int
    private let timeoutMilliseconds: Int64

    package init(address: String, port: Int, timeoutMilliseconds: Int64 = 5_000) {
        self.address = address
        self.port = port
        self.timeoutMilliseconds = timeoutMilliseconds
    }

    /// The body of a 200 answer.
    package func get(_ path: String) async throws(AdminClientError) -> [UInt8] {
        let response: [UInt8]
        do {
            response = try await exchange(path)
        } catch let error as AdminClientError {
            throw error
        } catch {
            throw .unreachable(place: place, why: Self.reason(error))
        }
        return try body(of: response)
    }

    private var place: String {
        address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)"
    }

    private func exchange(_ path: String) async throws -> [UInt8] {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let answer = loop.makePromise(of: [UInt8].self)
        let request = "GET \(path) HTTP/1.0\r\nHost: \(place)\r\nAccept: application/json\r\n\r\n"
        let silent = AdminClientError.silent(place: place)
        let channel: any Channel
        do {
            channel = try await ClientBootstrap(group: loop)
                .connectTimeout(.milliseconds(timeoutMilliseconds))
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(
                            ResponseCollector(answer: answer, maxBytes: Self.maxResponseBytes))
                    }
                }
                .connect(host: address, port: port).get()
        } catch {
            answer.fail(error)
            throw error
        }
        let deadline = loop.scheduleTask(in: .milliseconds(timeoutMilliseconds)) {
            answer.fail(silent)
            channel.close(promise: nil)
        }
        channel.writeAndFlush(ByteBuffer(string: request), promise: nil)
        defer { deadline.cancel() }
        return try await answer.futureResult.get()
    }

    private func body(of response: [UInt8]) throws(AdminClientError) -> [UInt8] {
        let end = Array("\r\n\r\n".utf8)
        let split = response.indices.first { response[$0...].starts(with: end) }
        let line = String(decoding: response.prefix { $0 != 0x0D }, as: UTF8.self)
        let words = line.split(separator: " ")
        guard let split, line.hasPrefix("HTTP/1."), words.count >= 2, let status = Int(words[1])
        else {
            throw .notAGateway(place: place)
        }
        guard status == 200 else { throw .refused(place: place, status: status) }
        return Array(response[(split + end.count)...])
    }

    private static func reason(_ error: any Error) -> String {
        switch error {
        case let failure as NIOConnectionError:
            failure.connectionErrors.first.map { reason($0.error) } ?? "no address"
        case let failure as IOError where failure.errnoCode == 111: "connection refused"
        case is ChannelError: "no connection in time"
        default: "\(error)"
        }
    }
}

/// Why the admin port gave no answer that can be used.
package enum AdminClientError: Error, Sendable, Equatable {
    case unreachable(place: String, why: String)
    /// Connected, and nothing came back in time.
    case silent(place: String)
    case refused(place: String, status: Int)
    /// Something else listens there.
    case notAGateway(place: String)

    /// What the operator is told, with what to do next.
    package var text: String {
        switch self {
        case .unreachable(let place, let why):
            "no gateway answers on \(place) (\(why)); is it running, and is this its `admin` address?"
        case .silent(let place):
            "the gateway on \(place) does not answer in time; look at its journal: journalctl -t sluice"
        case .refused(let place, let status):
            "the gateway on \(place) answers with status \(status); is it of the same version?"
        case .notAGateway(let place):
            "what answers on \(place) is no gateway; check `admin` in the configuration"
        }
    }
}

/// Gathers bytes until the server closes.
private final class ResponseCollector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let answer: EventLoopPromise<[UInt8]>
    private let maxBytes: Int
    private var bytes: [UInt8] = []

    init(answer: EventLoopPromise<[UInt8]>, maxBytes: Int) {
        self.answer = answer
        self.maxBytes = maxBytes
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        bytes += Array(buffer: unwrapInboundIn(data))
        if bytes.count > maxBytes { context.close(promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        answer.succeed(bytes)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        answer.fail(error)
        context.close(promise: nil)
    }
}
