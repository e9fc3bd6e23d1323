import NIOCore
import NIOHTTP1
import SluiceVocabulary

/// The response goes out: whole, or part by part as a route's service gives it.
extension HTTPEntry {
    /// Writes a whole response, then waits for the next request or closes.
    ///
    /// - Parameters:
    ///   - closing: true where what follows on the connection cannot be trusted or is not wanted.
    ///   - reason: what the connection's end is counted as, where it ends.
    func answer(_ answer: HTTPAnswer, closing: Bool = false, reason: CloseReason = .clientClosed) {
        guard !isClosed, !isLingering, responsePhase == .none, let context else { return }
        responsePhase = .started
        responseKeepsAlive = keepsAlive(closing: closing)
        var answer = answer
        answer.headers += crossOriginFields
        let isHead = head?.method == .HEAD
        if http2 != nil {
            stream(answer, isHead: isHead)
        } else {
            var buffer = context.channel.allocator.buffer(capacity: 256 + answer.body.count)
            answer.write(
                into: &buffer, keepAlive: responseKeepsAlive, isHead: isHead,
                version: head?.version ?? .http1_1)
            context.write(wrapOutboundOut(buffer), promise: nil)
        }
        isFlushDue = true
        responseIsOver(reason)
    }

    /// Begins a response whose body follows in parts.
    ///
    /// Its length is that of the Content-Length among `headers`; without one it is sent in chunks.
    /// Fields that belong to one connection are the caller's to remove (`HopByHop`).
    func startResponse(status: Int, headers: HTTPHeaders) {
        guard !isClosed, responsePhase == .none, let context, let request = head else { return }
        responsePhase = .started
        responseKeepsAlive = keepsAlive(closing: false)
        responseHasBody = request.method != .HEAD && status != 204 && status != 304
        responseIsChunked = false
        var head = HTTPResponseHead(
            version: .http1_1, status: HTTPResponseStatus(statusCode: status), headers: headers)
        if http2 != nil {
            context.write(NIOAny(HTTPServerResponsePart.head(head)), promise: nil)
        } else {
            if responseHasBody, !headers.contains(name: "content-length") {
                responseIsChunked = request.version == .http1_1
                if responseIsChunked {
                    head.headers.add(name: "Transfer-Encoding", value: "chunked")
                } else {
                    responseKeepsAlive = false
                }
            }
            addConnection(&head.headers, request.version)
            context.write(wrapOutboundOut(Self.bytes(of: head)), promise: nil)
        }
        flushAtTurnsEnd()
    }

    /// Some of the body. Ask `canWrite` first, or wait for `responseWritable`: what the client does
    /// not take waits in memory.
    func writeBody(_ bytes: ByteBuffer) {
        guard !isClosed, responsePhase == .started, responseHasBody, bytes.readableBytes > 0,
            let context
        else { return }
        if http2 != nil {
            context.write(NIOAny(HTTPServerResponsePart.body(.byteBuffer(bytes))), promise: nil)
        } else if responseIsChunked {
            let size = String(bytes.readableBytes, radix: 16) + "\r\n"
            context.write(wrapOutboundOut(ByteBuffer(string: size)), promise: nil)
            context.write(wrapOutboundOut(bytes), promise: nil)
            context.write(wrapOutboundOut(ByteBuffer(string: "\r\n")), promise: nil)
        } else {
            context.write(wrapOutboundOut(bytes), promise: nil)
        }
        flushAtTurnsEnd()
        if !canWrite, deadline != .write { expect(.write) }
    }

    /// Whether the client takes more of the response now.
    var canWrite: Bool { !isClosed && (context?.channel.isWritable ?? false) }

    /// The response is whole.
    func endResponse() {
        guard !isClosed, responsePhase == .started, let context else { return }
        if http2 != nil {
            endStream(context)
        } else if responseIsChunked {
            context.write(wrapOutboundOut(ByteBuffer(string: "0\r\n\r\n")), promise: nil)
        }
        isFlushDue = true
        responseIsOver(.clientClosed)
    }

    /// The rest of a response that has begun will never come: the client must see that it is cut.
    func abortResponse() {
        guard !isClosed, responsePhase == .started else { return }
        sink = nil
        responsePhase = .ended
        flush()
        close(.connectionLost)
    }

    // MARK: How responses end

    private func keepsAlive(closing: Bool) -> Bool {
        guard !closing, let head else { return false }
        // Without the 100 it waits for, a client may or may not send the body.
        if owesContinue, reader.expectsBody { return false }
        return head.isKeepAlive && edge.drain == nil
    }

    private func responseIsOver(_ reason: CloseReason) {
        responsePhase = .ended
        sink = nil
        whenWhole = nil
        guard http2 == nil else { return streamIsOver() }
        guard responseKeepsAlive else { return linger(reason) }
        switch bodyPhase {
        case .none, .ended: nextRequest()
        case .undecided, .collecting, .streaming, .discarding:
            bodyPhase = .discarding
            expect(.body)
        }
        // At the end of `advance` when this happens inside it.
        if !isAdvancing { advance() }
    }

    /// Request and response are over: the next one may be read.
    func nextRequest() {
        guard responsePhase == .ended else { return }
        guard http2 == nil else { return }
        clear()
        expect(canWrite ? .idle : .write)
    }

    /// Ends the sending half and waits for the peer to close the other, so that the response is not
    /// lost to a reset (RFC 9112 section 9.6).
    func linger(_ reason: CloseReason) {
        guard !isLingering, !isClosed, let context else { return }
        guard http2 == nil else { return close(reason) }
        flush()
        isLingering = true
        closeReason = reason
        input = ByteBuffer()
        clear()
        setReading(true)
        // The client may take its time to read what is still on its way, then it has to close.
        expect(.write)
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { [self] result in
            edge.tick.begin()
            guard !isClosed else { return }
            guard case .success = result else { return close(reason) }
            expect(.linger)
        }
        context.close(mode: .output, promise: written)
    }

    private func addConnection(_ headers: inout HTTPHeaders, _ version: HTTPVersion) {
        if !responseKeepsAlive {
            headers.replaceOrAdd(name: "Connection", value: "close")
        } else if version == .http1_0 {
            headers.replaceOrAdd(name: "Connection", value: "keep-alive")
        }
    }

    static func bytes(of head: HTTPResponseHead) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: 512)
        buffer.writeString("HTTP/1.1 \(head.status.code) \(head.status.reasonPhrase)\r\n")
        for (name, value) in head.headers { buffer.writeString("\(name): \(value)\r\n") }
        buffer.writeString("\r\n")
        return buffer
    }

    // MARK: Flushing

    private func flushAtTurnsEnd() {
        guard !isFlushDue else { return }
        isFlushDue = true
        if !isAdvancing { edge.flushLater(self) }
    }

    func flush() {
        guard isFlushDue else { return }
        isFlushDue = false
        context?.flush()
    }
}
