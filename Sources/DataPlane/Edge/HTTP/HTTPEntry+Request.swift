import NIOCore
import NIOHTTP1
import SluiceFraming
import SluiceVocabulary

/// A request comes in: read as far as somebody wants it, its body whole or part by part.
extension HTTPEntry {
    /// Reads on in `input` as far as the request under way wants it.
    func advance() {
        guard !isAdvancing else { return }
        var wasFull: Bool
        repeat {
            isAdvancing = true
            read()
            isAdvancing = false
            wasFull = bodyPhase == .none && !canWrite
            isFlushingOwn = true
            flush()
            isFlushingOwn = false
        } while wasFull && wantsInput
        settle()
    }

    private func read() {
        do throws(HTTPViolation) {
            while wantsInput, let event = try reader.next(&input) {
                switch event {
                case .head(let head): took(head)
                case .body(let part): took(part)
                case .end: tookEnd()
                }
            }
            if input.readableBytes == 0 { input = ByteBuffer() }
        } catch {
            violated(error)
        }
    }

    private var wantsInput: Bool {
        guard !isClosed, !isUpgraded, !isLingering, http2 == nil else { return false }
        switch bodyPhase {
        // The answers before it are read first: they would pile up otherwise.
        case .none: return canWrite
        case .undecided, .ended: return false
        case .collecting, .discarding: return true
        case .streaming: return !isBodyPaused
        }
    }

    /// Stops the channel's reading while bytes wait that nobody wants yet, and moves the deadline on.
    private func settle() {
        guard !isClosed, !isUpgraded, !isLingering, http2 == nil else { return }
        let isHeldBack = bodyPhase == .streaming && isBodyPaused
        setReading(wantsInput || (input.readableBytes == 0 && !isHeldBack))
        guard bodyPhase == .none else { return }
        // A request has begun to come: from now on the deadline of a head counts.
        if deadline == .idle, input.readableBytes > 0 { expect(.head) }
        shrinkInput()
    }

    /// A copy of what is left, so that a few bytes do not hold a whole receive buffer.
    private func shrinkInput() {
        let waiting = input
        guard waiting.readableBytes > 0, waiting.readableBytes * 2 < waiting.capacity else {
            return
        }
        var rest = ByteBufferAllocator().buffer(capacity: waiting.readableBytes)
        rest.writeBytes(waiting.readableBytesSpan)
        input = rest
    }

    func setReading(_ value: Bool) {
        guard value == isReadingStopped, let options = context?.channel.syncOptions else { return }
        isReadingStopped = !value
        do {
            try options.setOption(.autoRead, value: value)
        } catch {
            // Only a closed channel refuses; its end is on the way.
            close(.connectionLost)
        }
    }

    // MARK: Parts, of either wire

    func took(_ head: HTTPRequestHead) {
        expect(.none)
        begin(head)
        let expected = head.headers["expect"]
        if let first = expected.first, head.version == .http1_1 || http2 != nil {
            guard expected.count == 1, first.lowercased() == "100-continue" else {
                return violated(.expectation)
            }
            owesContinue = http2 == nil
        } else {
            owesContinue = false
        }
        // A stream reads by itself: what of the body has come waits until somebody asks for it.
        if http2 != nil { setReading(false) }
        route(head)
    }

    func took(_ part: ByteBuffer) {
        switch bodyPhase {
        case .streaming:
            expect(isBodyPaused ? .none : .body)
            sink?.bodyPart(part)
        case .collecting:
            expect(.body)
            guard body.count + part.readableBytes <= edge.limits.maxBodyBytes else {
                return bodyTooLarge()
            }
            var part = part
            body += part.readBytes(length: part.readableBytes) ?? []
        case .discarding:
            discarded += part.readableBytes
            if discarded > edge.limits.maxBodyBytes { linger(.clientClosed) }
        case .none, .undecided, .ended: break
        }
    }

    func tookEnd() {
        let phase = bodyPhase
        bodyPhase = .ended
        if deadline == .body { expect(.none) }
        switch phase {
        case .collecting:
            guard let whenWhole, let head else { return }
            self.whenWhole = nil
            whenWhole(head)
        case .streaming: sink?.bodyEnded()
        case .discarding: nextRequest()
        case .none, .undecided, .ended: break
        }
    }

    // MARK: Who wants the body

    /// Collects the body, at most `max_body_bytes`, and calls `completion` when it is whole.
    func collectBody(_ head: HTTPRequestHead, then completion: @escaping (HTTPRequestHead) -> Void)
    {
        if let length = head.headers.first(name: "content-length").flatMap({ Int($0) }),
            length > edge.limits.maxBodyBytes
        {
            return bodyTooLarge()
        }
        whenWhole = completion
        bodyPhase = .collecting
        bodyIsWanted()
    }

    private func bodyTooLarge() {
        edge.meters.limitExceeded("max_body_bytes")
        edge.accountHTTP(self, .unknown, edge.tick.now, body.count, 0, Refusal(.tooLarge))
        answer(.problem(Refusal(.tooLarge)), closing: true)
    }

    /// Hands the body on part by part. May be called during `route`, or later on the loop: until
    /// then nothing of it is read.
    ///
    /// Nothing bounds such a body here: the sink counts, and ends it with `answer(_:closing:)`.
    func streamBody(to sink: any HTTPRequestBodySink) {
        guard !isClosed, bodyPhase == .undecided else { return }
        self.sink = sink
        bodyPhase = .streaming
        bodyIsWanted()
    }

    /// No more parts of the body until `resumeBody()`; what is under way waits unread.
    func pauseBody() {
        guard bodyPhase == .streaming, !isBodyPaused else { return }
        isBodyPaused = true
        if deadline == .body { expect(.none) }
        if http2 != nil { setReading(false) } else if !isAdvancing { advance() }
    }

    func resumeBody() {
        guard bodyPhase == .streaming, isBodyPaused else { return }
        isBodyPaused = false
        expect(.body)
        if http2 != nil { resumeStream() } else { advance() }
    }

    private func bodyIsWanted() {
        if owesContinue, reader.expectsBody, input.readableBytes == 0, let context {
            owesContinue = false
            context.write(wrapOutboundOut(ByteBuffer(string: Self.goOn)), promise: nil)
            isFlushDue = true
        }
        expect(.body)
        if http2 != nil { resumeStream() } else { advance() }
    }

    private static let goOn = "HTTP/1.1 100 Continue\r\n\r\n"

    // MARK: Not a request

    /// The request is refused for what it is, and nothing after it on this connection is believed.
    func violated(_ violation: HTTPViolation) {
        guard !isClosed, !isLingering else { return }
        if bodyPhase == .none { countRequest() }
        edge.meters.violation(violation)
        if let limit = violation.limit { edge.meters.limitExceeded(limit) }
        let hadStarted = responsePhase == .started
        let sink = sink
        self.sink = nil
        let refusal = Refusal(
            violation.status == 431 ? .tooLarge : .badRequest, message: violation.text)
        edge.accountHTTP(self, .unknown, edge.tick.now, 0, 0, refusal, violation: violation)
        sink?.aborted(.malformed)
        guard !isClosed else { return }
        // Half of a response cannot be taken back.
        if hadStarted || responsePhase == .ended { return close(.badRequest) }
        if let underWay {
            self.underWay = nil
            edge.abandonHTTP(underWay, self)
        }
        answer(.problem(refusal, status: violation.status), closing: true, reason: .badRequest)
        // Behind the answer: what waited has none of its own any more.
        waiting?.cancel()
    }
}
