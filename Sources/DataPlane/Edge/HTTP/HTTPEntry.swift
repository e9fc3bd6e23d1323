import NIOCore
import NIOHTTP1
import SluiceFraming
import SluicePolicy
import SluiceTelemetry
import SluiceVocabulary

/// What is said before there is a long connection: the upgrade, and the small HTTP API.
///
/// Sits behind NIO's request decoder. After an upgrade both leave the pipeline, so that an idle
/// WebSocket carries neither.
final class HTTPEntry: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = ByteBuffer

    let edge: EdgeLoop
    let decoder: ByteToMessageHandler<HTTPRequestDecoder>
    let peer: Peer
    /// Names this connection in the journal.
    let id: ConnectionID
    /// Requests of this connection so far.
    private(set) var requestNumber: UInt64 = 0
    private var head: HTTPRequestHead?
    private(set) var body: [UInt8] = []
    private var deadline: Scheduled<Void>?
    /// A request is with the user service; pipelined ones wait, unread.
    var isBusy = false
    /// The call that waits for a service.
    var underWay: ConnectionID?
    private var isUpgraded = false
    private(set) var isClosed = false
    /// Buckets and permissions of this address, made when the first request asks for them.
    private(set) lazy var subject = PolicySubject(
        address: peer.bytes, principal: nil, session: nil, device: "")

    init(
        edge: EdgeLoop, decoder: ByteToMessageHandler<HTTPRequestDecoder>, peer: Peer
    ) {
        self.edge = edge
        self.decoder = decoder
        self.peer = peer
        id = edge.nextHTTPID()
    }

    func handlerAdded(context: ChannelHandlerContext) {
        edge.tick.begin()
        edge.meters.connectionOpened(.http)
        startDeadline(context)
    }

    func channelInactive(context: ChannelHandlerContext) { ended(.connectionLost) }

    func handlerRemoved(context: ChannelHandlerContext) { ended(.connectionLost) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // The parser's verdict: what follows cannot be told apart from a smuggled request.
        guard !isClosed, error is HTTPParserError else { return context.close(promise: nil) }
        answer(context, .problem(Refusal(.badRequest)), keepAlive: false)
    }

    /// Leaves the counts, once.
    private func ended(_ reason: CloseReason) {
        guard !isClosed else { return }
        isClosed = true
        edge.tick.begin()
        deadline?.cancel()
        if let underWay { edge.abandonHTTP(underWay, self) }
        edge.meters.connectionClosed(.http, isUpgraded ? .upgraded : reason)
    }

    /// The whole request must be there before the deadline; also bounds idle keep-alive.
    private func startDeadline(_ context: ChannelHandlerContext) {
        deadline?.cancel()
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        deadline = context.eventLoop.assumeIsolated().scheduleTask(
            in: .milliseconds(edge.limits.handshakeTimeoutMilliseconds)
        ) {
            let (entry, context) = bound.value
            guard !entry.isBusy, !entry.isClosed else { return }
            entry.edge.tick.begin()
            entry.edge.meters.limitExceeded("handshake_timeout")
            entry.ended(.handshakeTimeout)
            context.close(promise: nil)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        edge.tick.begin()
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            requestNumber += 1
            body.removeAll()
            let size =
                head.uri.utf8.count
                + head.headers.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count + 4 }
            if size > edge.limits.maxHeaderBytes {
                edge.meters.limitExceeded("max_header_bytes")
                self.head = nil
                var answer = HTTPAnswer.problem(
                    Refusal(.tooLarge, message: "The request head is too large."))
                answer.status = 431
                self.answer(context, answer, keepAlive: false)
            }
        case .body(var part):
            guard head != nil else { return }
            if body.count + part.readableBytes > edge.limits.maxBodyBytes {
                edge.meters.limitExceeded("max_body_bytes")
                head = nil
                return answer(context, .problem(Refusal(.tooLarge)), keepAlive: false)
            }
            body += part.readBytes(length: part.readableBytes) ?? []
        case .end:
            guard let head else { return }
            self.head = nil
            route(context, head)
        }
    }

    private func route(_ context: ChannelHandlerContext, _ head: HTTPRequestHead) {
        let path = head.uri.prefix { $0 != "?" }
        switch (head.method, path) {
        case (.GET, "/ws"): upgrade(context, head)
        case (.POST, "/v1/login"): login(context, head)
        case (.POST, "/v1/refresh"): refresh(context, head)
        case (.POST, _) where path.hasPrefix(Self.commandPrefix):
            command(context, head, named: String(path.dropFirst(Self.commandPrefix.count)))
        case (_, "/ws"), (_, "/v1/login"), (_, "/v1/refresh"):
            var answer = HTTPAnswer.problem(Refusal(.badRequest, message: "Wrong method."))
            answer.status = 405
            answer.headers.append(("Allow", path == "/ws" ? "GET" : "POST"))
            self.answer(context, answer, keepAlive: head.isKeepAlive)
        case (.GET, _), (.HEAD, _):
            guard let page = edge.pages[String(path)] else { fallthrough }
            var answer = HTTPAnswer(status: 200, contentType: page.contentType, body: page.body)
            answer.headers.append(("Cache-Control", "no-cache"))
            self.answer(context, answer, keepAlive: head.isKeepAlive, isHead: head.method == .HEAD)
        default:
            let refusal = Refusal(.commandNotFound, message: "Nothing is served at this path.")
            answer(context, .problem(refusal), keepAlive: head.isKeepAlive)
        }
    }

    /// Writes a response and waits for the next request, or closes.
    func answer(
        _ context: ChannelHandlerContext, _ answer: HTTPAnswer, keepAlive: Bool,
        isHead: Bool = false
    ) {
        guard !isClosed else { return }
        isBusy = false
        let stays = keepAlive && edge.drain == nil
        var buffer = context.channel.allocator.buffer(capacity: 256 + answer.body.count)
        answer.write(into: &buffer, keepAlive: stays, isHead: isHead)
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
        if stays {
            startDeadline(context)
        } else {
            ended(.clientClosed)
            context.close(promise: nil)
        }
    }

    // MARK: Login and refresh

    private func login(_ context: ChannelHandlerContext, _ head: HTTPRequestHead) {
        let started = edge.tick.now
        let bytesIn = body.count
        let request: LoginRequest
        do throws(EnvelopeError) {
            request = try body.withBytes { bytes throws(EnvelopeError) in
                try LoginRequest(from: bytes, codec: .json)
            }
        } catch {
            let refusal = Refusal(.badRequest, message: error.text)
            edge.accountHTTP(self, .authLogin, started, bytesIn, 0, refusal)
            return answer(context, .problem(refusal), keepAlive: head.isKeepAlive)
        }
        isBusy = true
        edge.logIn(request, subject: subject, transport: .http) { [self] result in
            respond(context, head, result, started, bytesIn, user: request.user)
        }
    }

    private func refresh(_ context: ChannelHandlerContext, _ head: HTTPRequestHead) {
        let started = edge.tick.now
        let bytesIn = body.count
        isBusy = true
        edge.refreshToken(body, subject: subject) { [self] result in
            respond(context, head, result, started, bytesIn, user: nil, action: .authRefresh)
        }
    }

    private func respond(
        _ context: ChannelHandlerContext, _ head: HTTPRequestHead,
        _ result: Result<LoginReply, Refusal>, _ started: MonotonicTime, _ bytesIn: Int,
        user: String?, action: ActionID = .authLogin
    ) {
        switch result {
        case .success(let reply):
            let bytes = reply.encoded(codec: .json)
            edge.accountHTTP(self, action, started, bytesIn, bytes.count, nil, user: reply.userID)
            var answer = HTTPAnswer.json(200, bytes)
            answer.headers.append(("Cache-Control", "no-store"))
            self.answer(context, answer, keepAlive: head.isKeepAlive)
        case .failure(let refusal):
            edge.accountHTTP(self, action, started, bytesIn, 0, refusal)
            answer(context, .problem(refusal), keepAlive: head.isKeepAlive)
        }
    }

    // MARK: Leaving for a long connection

    /// Hands the channel over: this handler and the decoder go, bytes the decoder holds go on.
    func hand(over context: ChannelHandlerContext, to client: ClientConnection) {
        isUpgraded = true
        let pipeline = context.pipeline.syncOperations
        do {
            try pipeline.addHandler(client)
        } catch {
            // The channel has just closed: nobody is there to talk to.
            client.channelClosed()
            return context.close(promise: nil)
        }
        pipeline.removeHandler(context: context, promise: nil)
        pipeline.removeHandler(decoder, promise: nil)
    }
}

@available(*, unavailable)
extension HTTPEntry: Sendable {}
