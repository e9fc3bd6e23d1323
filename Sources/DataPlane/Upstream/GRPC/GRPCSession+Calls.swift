import NIOCore
import NIOHPACK
import NIOHTTP2
import SluiceFraming
import SluiceVocabulary

/// Calls: each a stream of its own.
extension GRPCSession {
    /// Sends what the link has written in this turn, and what waited for it.
    func send(_ frames: ByteBuffer) {
        openWaiting()
        var rest = frames
        // What the link wrote can be read.
        while let frame = try? LinkCodec.read(&rest, maxFrameBytes: .max) {
            switch frame.kind {
            case .call: call(frame.stream, frame.body)
            case .cancel: cancel(frame.stream)
            case .pushResult: answer(frame)
            case .ping: ping(frame.body)
            case .hello: hello = Array(buffer: frame.body)
            case .reply, .push, .goaway: break
            }
        }
        context?.flush()
    }

    private func call(_ call: UInt32, _ envelope: ByteBuffer) {
        if isDraining {
            link.refused(call, .serviceUnavailable, isUnsent: true, request: envelope)
        } else if !enter(call) {
            hold(call, envelope)
        } else if mayOpen, turns.isEmpty {
            open(call, envelope)
        } else {
            hold(call, envelope)
            turns.append(call)
        }
    }

    private func hold(_ call: UInt32, _ envelope: ByteBuffer) {
        waiting[call] = envelope
        queuedBytes &+= envelope.readableBytes
    }

    private func openWaiting() {
        if isAttachDue { attach() }
        while mayOpen, let call = turns.popFirst() {
            guard let envelope = waiting.removeValue(forKey: call) else { continue }
            queuedBytes &-= envelope.readableBytes
            open(call, envelope)
        }
        link.drainedSome()
    }

    /// A traceparent has 55 bytes. What else a client sends there stands in the message alone: NIO ends
    /// the connection over a head that does not fit a frame.
    private static let longestTrace = 256

    private func open(_ call: UInt32, _ envelope: ByteBuffer) {
        let bytes = envelope.readableBytesSpan
        guard let view = try? ProtobufEnvelope.scan(bytes) else {
            return link.refused(call, .badRequest)
        }
        var headers = requestHeaders(path: "/sluice.v1.Backend/Handle")
        headers.add(
            name: "grpc-timeout",
            value: GRPCStatus.timeout(milliseconds: view.deadlineMilliseconds),
            indexing: .nonIndexable)
        let trace = ProtobufEnvelope.text(view.trace, in: bytes)
        if !trace.isEmpty, trace.utf8.count <= Self.longestTrace {
            headers.add(
                name: "traceparent", value: HeaderText.escaped(trace), indexing: .nonIndexable)
        }
        var stream = GRPCStream(.call(call))
        if keptBytes &+ envelope.readableBytes <= limits.maxRetryBytes {
            stream.request = envelope
            keptBytes &+= envelope.readableBytes
        }
        var message = ByteBuffer()
        let name = link.commandName(view.cmd)
        message.reserveCapacity(envelope.readableBytes + name.utf8.count + 16)
        BackendMessage.write(call: bytes, command: name, to: &message)
        let id = open(stream, headers)
        streamOfCall[call] = id
        write(id, data: message, isLast: true)
        drainIfUsedUp()
    }

    /// Of a request to this instance.
    func requestHeaders(path: String) -> HPACKHeaders {
        var headers = HPACKHeaders()
        headers.reserveCapacity(10)
        headers.add(name: ":method", value: "POST")
        headers.add(name: ":scheme", value: link.pool.definition.tls == nil ? "http" : "https")
        headers.add(name: ":path", value: path)
        headers.add(name: ":authority", value: link.instance)
        headers.add(name: "te", value: "trailers")
        headers.add(name: "content-type", value: "application/grpc")
        headers.add(name: "user-agent", value: "sluice")
        return headers
    }

    /// Nobody waits for the answer any more: the stream ends, and nothing can come of it.
    private func cancel(_ call: UInt32) {
        if let envelope = waiting.removeValue(forKey: call) {
            queuedBytes &-= envelope.readableBytes
        } else if let id = streamOfCall[call], remove(id) != nil {
            reset(id)
        }
        leave(call)
        link.forgotten(call)
    }

    /// Calls that were never sent, by stream id; they are gone from here then.
    func takeWaiting() -> [UInt32: ByteBuffer] {
        defer {
            for envelope in waiting.values { queuedBytes &-= envelope.readableBytes }
            waiting = [:]
            turns.removeAll()
            lanes = [:]
            keyOfCall = [:]
        }
        return waiting
    }

    /// They will not be sent here.
    func refuseWaiting() {
        let calls = takeWaiting()
        for call in link.inOrder(Array(calls.keys)) {
            guard let envelope = calls[call] else { continue }
            link.refused(call, .serviceUnavailable, isUnsent: true, request: envelope)
        }
    }

    // MARK: Answers

    func received(_ bytes: ByteBuffer, on id: HTTP2StreamID, isLast: Bool) {
        guard let place = streams.index(forKey: id) else { return }
        if streams.values[place].body.readableBytes == 0 {
            streams.values[place].body = bytes
        } else {
            streams.values[place].body.writeImmutableBuffer(bytes)
        }
        partialBytes &+= bytes.readableBytes
        if id == attached {
            readPushes(id)
        } else if streams.values[place].body.readableBytes
            > limits.maxLinkFrameBytes + BackendMessage.prefixBytes
            || partialBytes > max(limits.maxLinkQueueBytes, limits.maxLinkFrameBytes)
        {
            return tooLarge(id)
        }
        if isLast { ended(id) }
    }

    private func tooLarge(_ id: HTTP2StreamID) {
        guard let stream = remove(id) else { return }
        reset(id)
        link.wantsFlush()
        link.answerTooLarge()
        guard case .call(let call) = stream.purpose else { return }
        leave(call)
        link.refused(call, .badUpstreamAnswer)
    }

    /// The peer has said all it has to say on this stream.
    func ended(_ id: HTTP2StreamID) {
        guard var stream = remove(id) else { return }
        if !stream.isSent {
            // It answered without reading on: the rest need not be sent.
            reset(id)
            link.wantsFlush()
        }
        let code = stream.endCode
        let message =
            code == GRPCStatus.ok
            ? try? BackendMessage.read(&stream.body, maxBytes: limits.maxLinkFrameBytes) : nil
        switch stream.purpose {
        case .call(let call):
            leave(call)
            answered()
            if let message, stream.body.readableBytes == 0 {
                link.received(
                    LinkFrame(kind: .reply, flags: 0, stream: call, body: message), on: connection)
            } else {
                link.refused(call, GRPCStatus.refusal(code))
            }
        case .check(let number):
            link.prober?.ended(number, ok: message.map { BackendMessage.isServing($0) } ?? false)
        case .attach: attachEnded(code)
        }
    }

    /// The stream has ended without an answer.
    func failed(_ id: HTTP2StreamID, _ reason: HTTP2ErrorCode) {
        guard let stream = remove(id) else { return }
        switch stream.purpose {
        case .call(let call):
            if reason == .refusedStream, let request = stream.request, holdBack(after: id) {
                hold(call, request)
                turns.prepend(call)
                return
            }
            leave(call)
            if reason == .refusedStream {
                link.refused(
                    call, .serviceUnavailable, isUnsent: true, request: stream.request)
            } else {
                link.refused(
                    call, reason == .enhanceYourCalm ? .overloaded : .badUpstreamAnswer)
            }
        case .check(let number): link.prober?.ended(number, ok: false)
        case .attach: attachEnded(2)
        }
    }
}
