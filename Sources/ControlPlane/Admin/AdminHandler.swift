import NIOCore
import NIOHTTP1

/// One connection to the admin interface: a request at a time, answered off the event loop.
final class AdminHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// Nothing here takes a body; a small one is read and forgotten.
    private static let maxBodyBytes = 65_536

    private let router: AdminRouter
    private var head: HTTPRequestHead?
    private var bodyBytes = 0
    private var isAnswering = false

    init(router: AdminRouter) { self.router = router }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            bodyBytes = 0
        case .body(let bytes):
            bodyBytes += bytes.readableBytes
            if bodyBytes > Self.maxBodyBytes { context.close(promise: nil) }
        case .end:
            guard let head else { return }
            self.head = nil
            answer(head, context)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent, !isAnswering {
            context.close(promise: nil)
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // The peer broke the protocol or the connection; there is nobody left to tell.
        context.close(promise: nil)
    }

    /// A page can take milliseconds to make, so a task makes it and this loop only writes it.
    private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        isAnswering = true
        let request = AdminRequest(
            method: head.method.rawValue, target: head.uri, hosts: head.headers["host"],
            accept: head.headers["accept"].isEmpty
                ? nil : head.headers["accept"].joined(separator: ","))
        let router = router
        let future = context.eventLoop.makeFutureWithTask { await router.respond(to: request) }
        future.assumeIsolated().whenComplete { result in
            self.isAnswering = false
            switch result {
            case .success(let response): self.write(response, to: head, context)
            case .failure: context.close(promise: nil)
            }
        }
    }

    private func write(
        _ response: AdminResponse, to request: HTTPRequestHead, _ context: ChannelHandlerContext
    ) {
        guard context.channel.isActive else { return }
        var headers = HTTPHeaders([
            ("content-type", response.contentType),
            ("content-length", String(response.body.count)),
            ("cache-control", "no-store"), ("x-content-type-options", "nosniff"),
        ])
        if let allow = response.allow { headers.add(name: "allow", value: allow) }
        let isKept = request.isKeepAlive
        if !isKept { headers.add(name: "connection", value: "close") }
        let head = HTTPResponseHead(
            version: request.version, status: HTTPResponseStatus(statusCode: response.status),
            headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if request.method != .HEAD {
            var buffer = context.channel.allocator.buffer(capacity: response.body.count)
            buffer.writeBytes(response.body)
            context.write(wrapOutboundOut(.body(.byteBuffer(buffer))), promise: nil)
        }
        let written = context.writeAndFlush(wrapOutboundOut(.end(nil)))
        if !isKept {
            written.assumeIsolated().whenComplete { _ in context.close(promise: nil) }
        }
    }
}

@available(*, unavailable)
extension AdminHandler: Sendable {}
