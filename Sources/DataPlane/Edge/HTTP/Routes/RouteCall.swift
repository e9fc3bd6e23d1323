import NIOCore
import NIOHTTP1
import SluicePolicy
import SluiceUpstream
import SluiceVocabulary

/// One request on its way through a route: bytes of the client to the service, and back.
///
/// Neither side is read faster than the other takes: what waits here is at most what had been read
/// when that became known. Ends once, with one count and one journal entry.
final class RouteCall: HTTPRequestBodySink {
    let entry: HTTPEntry
    let head: HTTPRequestHead
    let route: Route
    let path: String
    /// Proven by a token; nil = nobody's.
    var user: String?
    /// What the policy was asked; nil = it was not.
    var asked: HTTPEntry.Asked?
    let startedAt: MonotonicTime
    let requestNumber: UInt64
    private(set) var permit: Permit?
    /// What the response tells of the tightest limit.
    private var limitFields: [(String, String)] = []
    var exchange: HTTPExchange?
    /// Of the response; 0 before it came.
    var status: UInt32 = 0
    var bytesIn = 0
    var bytesOut = 0
    private var isBodyWanted = false
    private(set) var isEnded = false
    private var tunnel: RouteTunnel?

    init(_ entry: HTTPEntry, _ head: HTTPRequestHead, route: Route, path: String) {
        self.entry = entry
        self.head = head
        self.route = route
        self.path = path
        startedAt = entry.edge.tick.now
        requestNumber = entry.requestNumber
    }

    var contentLength: Int? { head.headers.first(name: "content-length").flatMap { Int($0) } }

    /// A WebSocket is wanted (RFC 6455 section 4.1).
    var isUpgrade: Bool {
        head.headers[canonicalForm: "upgrade"].contains { $0.lowercased() == "websocket" }
            && head.headers[canonicalForm: "connection"].contains { $0.lowercased() == "upgrade" }
    }

    /// On HTTP/2 a body without a length cannot be told from none before it ends.
    private var hasBody: Bool {
        if entry.http2 == nil { return entry.reader.expectsBody }
        if let contentLength { return contentLength > 0 }
        return entry.bodyPhase != .ended
            && !["GET", "HEAD", "OPTIONS"].contains(head.method.rawValue)
    }

    /// What limits on bytes count: a body of unknown size as the largest there may be.
    var policyBytes: Int { contentLength ?? (hasBody ? route.maxBodyBytes : 0) }

    // MARK: The way there

    /// Asks an instance of the service.
    func start(_ permit: Permit) {
        self.permit = permit
        limitFields = entry.limitFields(of: permit)
        let hasBody = hasBody
        let request = HTTPRequest(
            head: RouteRequest.head(
                head, route, path: path, user: user, entry: entry, isUpgrade: isUpgrade,
                hasBody: hasBody),
            body: hasBody ? .streamed : .none,
            isRepeatable: RouteRequest.isRepeatable(head.method) && !hasBody,
            wantsUpgrade: isUpgrade, stallMilliseconds: route.timeoutMilliseconds)
        switch entry.edge.upstream.open(permit, service: route.service, request) {
        case .failure(let refusal): refuse(refusal)
        case .success(let exchange):
            self.exchange = exchange
            entry.edge.routeCalls += 1
            exchange.onEvent = { [self] event in heard(event) }
            // From now on the entry tells when the client goes. The body is asked for only when the
            // service takes it.
            entry.sink = self
            exchange.start()
            if !hasBody, !isEnded { wantBody() }
        }
    }

    private func wantBody() {
        guard !isBodyWanted else { return entry.resumeBody() }
        isBodyWanted = true
        entry.streamBody(to: self)
    }

    func bodyPart(_ bytes: ByteBuffer) {
        guard !isEnded, let exchange, !exchange.isEnded else { return }
        bytesIn += bytes.readableBytes
        guard bytesIn <= route.maxBodyBytes else {
            entry.edge.meters.limitExceeded("route_max_body_bytes")
            exchange.cancel()
            return fail(.tooLarge)
        }
        guard case .streamed = exchange.request.body else { return }
        exchange.write(bytes)
        if !exchange.isWritable { entry.pauseBody() }
    }

    func bodyEnded() { exchange?.endBody() }

    func responseWritable(_ isWritable: Bool) {
        if isWritable { exchange?.resumeReading() } else { exchange?.pauseReading() }
    }

    func aborted(_ reason: HTTPAbort) {
        guard !isEnded else { return }
        exchange?.cancel()
        // What is no HTTP has its own count and entry, made where it was found.
        if reason == .malformed { return leave() }
        let text = reason == .clientGone ? "The client has gone." : "The client did not go on."
        end(Refusal(.timedOut, message: text))
    }

    // MARK: The way back

    private func heard(_ event: HTTPExchangeEvent) {
        guard !isEnded else { return }
        switch event {
        case .writable: if let tunnel { tunnel.serviceWritable() } else { wantBody() }
        case .head(let head): receive(head)
        case .body(let bytes):
            bytesOut += bytes.readableBytes
            if let tunnel { return tunnel.write(bytes) }
            entry.writeBody(bytes)
            if !entry.canWrite { exchange?.pauseReading() }
        case .end:
            if let tunnel { return tunnel.serviceClosed() }
            // First: with the response the next request on the connection may begin.
            end(nil)
            entry.endResponse()
        case .failed(let failure):
            if let tunnel { return tunnel.serviceClosed() }
            fail(Upstream.refusal(failure))
        }
    }

    private func receive(_ response: HTTPResponseHead) {
        status = UInt32(response.status.code)
        if response.status == .switchingProtocols { return switchProtocols(response) }
        var headers = response.headers
        HopByHop.strip(&headers)
        for (name, value) in limitFields { headers.add(name: name, value: value) }
        // NIO writes a head as one frame, and a longer one would break the connection of the client.
        if entry.http2 != nil, !HTTP2Heads.fits(headers) {
            exchange?.cancel()
            return fail(.badUpstreamAnswer)
        }
        entry.startResponse(status: Int(response.status.code), headers: headers)
    }

    /// Both sides agreed: from here on bytes pass as they are.
    private func switchProtocols(_ response: HTTPResponseHead) {
        guard let exchange, let context = entry.context else { return }
        let tunnel = RouteTunnel(self, exchange)
        var headers = response.headers
        HopByHop.strip(&headers)
        headers.add(name: "Connection", value: "Upgrade")
        headers.add(name: "Upgrade", value: "websocket")
        entry.sink = nil
        context.writeAndFlush(
            entry.wrapOutboundOut(
                HTTPEntry.bytes(
                    of: .init(
                        version: .http1_1, status: .switchingProtocols, headers: headers))),
            promise: nil)
        self.tunnel = tunnel
        if !entry.hand(over: context, to: tunnel) { tunnel.clientClosed() }
    }

    // MARK: The end

    /// The service did not answer, or not to the end.
    private func fail(_ kind: RefusalKind) {
        let refusal = Refusal(kind)
        end(refusal)
        if entry.responsePhase == .none {
            entry.answer(.problem(refusal), closing: kind == .tooLarge)
        } else {
            entry.abortResponse()
        }
    }

    /// Says no, before the service was asked.
    func refuse(_ refusal: Refusal, closes: Bool = false) {
        end(refusal)
        entry.deny(refusal, closes: closes, closing: isUpgrade)
    }

    /// The WebSocket is over.
    func tunnelEnded(bytesIn: Int) {
        self.bytesIn += bytesIn
        end(nil)
    }

    private func end(_ refusal: Refusal?) {
        guard !isEnded else { return }
        leave()
        entry.edge.accountRoute(self, refusal)
    }

    private func leave() {
        isEnded = true
        tunnel = nil
        if let permit { entry.edge.callIsOver(permit.lease) }
        if exchange != nil { entry.edge.routeCalls -= 1 }
    }
}

@available(*, unavailable)
extension RouteCall: Sendable {}
