import NIOCore
import NIOHTTP1

/// One connection to the admin interface: a request at a time, answered off the event loop.
///
/// The caller is checked when the head has come. The body of a call that is not let through is read
/// and forgotten, so that the caller can read the answer after it has sent everything.
final class AdminHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// A body longer than this is not even read to its end.
    private static let maxForgottenBytes = 16_777_216

    private let router: AdminRouter
    private let link: AdminLink
    private var request: (head: HTTPRequestHead, decision: AdminRouter.Decision)?
    /// Of the request under way, as far as its route takes one.
    private var body: [UInt8] = []
    private var bodyBytes = 0
    private var isAnswering = false

    init(router: AdminRouter, link: AdminLink) {
        self.router = router
        self.link = link
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            request = (head, router.decide(AdminRequest(head), by: link))
            bodyBytes = 0
            body = []
        case .body(let bytes): take(bytes, context)
        case .end:
            guard let request else { return }
            self.request = nil
            var decision = request.decision
            if case .admitted(var admitted) = decision {
                admitted.call.body = body
                decision = .admitted(admitted)
            }
            body = []
            answer(request.head, decision, context)
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

    private func take(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        bodyBytes += bytes.readableBytes
        if bodyBytes > Self.maxForgottenBytes { return context.close(promise: nil) }
        guard case .admitted(let admitted)? = request?.decision, let route = admitted.route,
            route.isChanging
        else { return }
        if bodyBytes > route.maxBodyBytes {
            body = []
            request?.decision = .refused(.tooLarge, route: route, caller: admitted.call.caller)
        } else {
            body += Array(buffer: bytes)
        }
    }

    /// A page can take milliseconds to make, so a task makes it and this loop only writes it.
    private func answer(
        _ head: HTTPRequestHead, _ decision: AdminRouter.Decision, _ context: ChannelHandlerContext
    ) {
        isAnswering = true
        let router = router
        let future = context.eventLoop.makeFutureWithTask {
            switch decision {
            case .admitted(let admitted): await router.answer(admitted)
            case .refused(let refusal, let route, let allow, let caller):
                router.refuse(refusal, route, allow: allow, caller: caller)
            }
        }
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
        if let coding = response.contentEncoding {
            headers.add(name: "content-encoding", value: coding)
        }
        if response.varies { headers.add(name: "vary", value: "accept, accept-encoding") }
        if let allow = response.allow { headers.add(name: "allow", value: allow) }
        if let challenge = response.challenge {
            headers.add(name: "www-authenticate", value: challenge)
        }
        if let seconds = response.retryAfterSeconds {
            headers.add(name: "retry-after", value: String(seconds))
        }
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
