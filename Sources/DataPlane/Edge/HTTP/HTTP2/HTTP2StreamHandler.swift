import NIOCore
import NIOHTTP1
import NIOHTTP2
import SluiceVocabulary

/// Brings one HTTP/2 stream to its `HTTPEntry`, in the parts that NIO's codec makes of the frames.
final class HTTP2StreamHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let entry: HTTPEntry

    init(entry: HTTPEntry) { self.entry = entry }

    func handlerAdded(context: ChannelHandlerContext) { entry.handlerAdded(context: context) }

    func handlerRemoved(context: ChannelHandlerContext) { entry.gone() }

    func channelInactive(context: ChannelHandlerContext) { entry.gone() }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        entry.channelWritabilityChanged(context: context)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        entry.edge.tick.begin()
        // Malformed fields or lengths: the stream ends with a reset (RFC 9113 section 8.1.1).
        if let violation = error as? HTTPViolation { return entry.violated(violation) }
        if error is NIOHTTP2Errors.StreamClosed { return entry.close(.connectionLost) }
        entry.violated(.http2)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        entry.edge.tick.begin()
        switch unwrapInboundIn(data) {
        case .head(var head):
            do throws(HTTPViolation) {
                try Self.check(&head)
            } catch {
                entry.begin(head)
                return entry.violated(error)
            }
            entry.took(head)
        case .body(let part): if part.readableBytes > 0 { entry.took(part) }
        case .end: entry.tookEnd()
        }
    }

    /// What the protocol's own validation lets pass and HTTP/1 does not.
    private static func check(
        _ head: inout HTTPRequestHead
    ) throws(HTTPViolation) {
        head.version = .http2
        head.uri = try HTTPTarget.check(
            head.uri, method: head.method, &head.headers, head.version)
    }
}

@available(*, unavailable)
extension HTTP2StreamHandler: Sendable {}

/// The HTTP/2 side of an entry.
extension HTTPEntry {
    /// Writes a whole response in the stream's parts.
    func stream(_ answer: HTTPAnswer, isHead: Bool) {
        guard let context else { return }
        var headers = HTTPHeaders()
        if answer.status != 204 {
            headers.add(name: "content-type", value: answer.contentType)
            headers.add(name: "content-length", value: String(answer.body.count))
        }
        for (name, value) in answer.headers
        where !HopByHop.isConnectionField(name) {
            headers.add(name: name, value: value)
        }
        let head = HTTPResponseHead(
            version: .http2, status: HTTPResponseStatus(statusCode: answer.status),
            headers: headers)
        context.write(NIOAny(HTTPServerResponsePart.head(head)), promise: nil)
        if !isHead, !answer.body.isEmpty {
            let body = IOData.byteBuffer(ByteBuffer(bytes: answer.body))
            context.write(NIOAny(HTTPServerResponsePart.body(body)), promise: nil)
        }
        endStream(context)
    }

    /// Writes the end of a response. Where the client still sends its request it is told, once the
    /// response is out, that nobody needs the rest.
    func endStream(_ context: ChannelHandlerContext) {
        var written: EventLoopPromise<Void>?
        if bodyPhase != .ended {
            let promise = context.eventLoop.makePromise(of: Void.self)
            promise.futureResult.assumeIsolated().whenSuccess { [self] in refuseRest() }
            written = promise
        }
        context.write(NIOAny(HTTPServerResponsePart.end(nil)), promise: written)
    }

    /// The response is out. What of the body still comes is thrown away with the stream.
    func streamIsOver() {
        flush()
        sink = nil
        // Until the client has taken the response: the stream ends with that, or `refuseRest` ends it.
        expect(.write)
        if bodyPhase != .ended { bodyPhase = .discarding }
    }

    /// NO_ERROR: the client need not send the rest (RFC 9113 section 8.1). Closing alone would say CANCEL,
    /// and drop what flow control still holds of the response.
    private func refuseRest() {
        guard !isClosed, bodyPhase != .ended, let context else { return }
        do {
            let codec = try context.pipeline.syncOperations.context(
                handlerType: HTTP2FramePayloadToHTTP1ServerCodec.self)
            let reset = HTTP2Frame.FramePayload.rstStream(.noError)
            codec.writeAndFlush(NIOAny(reset), promise: nil)
        } catch {
            // The pipeline is being taken down: the stream has ended already.
            close(.connectionLost)
        }
    }

    /// Reads on in the stream; its window opens with that.
    func resumeStream() {
        setReading(!(bodyPhase == .streaming && isBodyPaused))
        context?.read()
    }
}
