import NIOCore
import SluiceFraming
import SluiceVocabulary

/// The outbox: what a connection has to say, bounded, and written once per turn of the loop.
extension ClientConnection {
    /// Appends bytes through `body` and asks for a flush at the end of this turn.
    func write(_ body: (EdgeLoop, inout ByteBuffer) -> Void) {
        guard phase != .closed else { return }
        if batch != nil { writeBatch() }
        var buffer = outbox.take() ?? edge.takeOutbox()
        body(edge, &buffer)
        store(buffer)
    }

    /// Appends one envelope in the client's codec.
    ///
    /// - Returns: false when the payload was called JSON and is not: the client got 502 instead.
    @discardableResult
    func send(_ head: EnvelopeHead, payload: RawSpan) -> Bool {
        guard phase != .closed, phase != .closing, let codec else { return true }
        if batch != nil { writeBatch() }
        var isWhole = true
        var buffer = outbox.take() ?? edge.takeOutbox()
        do throws(EnvelopeError) {
            try edge.encoder.envelope(
                head, payload: payload, codec: codec, wire: wire, into: &buffer)
        } catch {
            // The service called its payload JSON and it is not (protocol.md, Envelope).
            isWhole = false
            edge.encoder.refusal(
                Refusal(.badUpstreamAnswer), cmd: head.cmd, seq: head.seq, codec: codec,
                wire: wire, into: &buffer)
        }
        store(buffer)
        return isWhole
    }

    /// Appends one envelope with a payload of our own.
    func send(_ head: EnvelopeHead, payload: [UInt8]) {
        payload.withBytes { bytes in _ = send(head, payload: bytes) }
    }

    /// Appends a refusal in the client's codec.
    func send(_ refusal: Refusal, cmd: UInt32, seq: UInt64) {
        // Nothing follows our close frame (RFC 6455 section 5.5.1).
        guard phase != .closing else { return }
        let codec = codec ?? .protobuf
        let refusal = refusal.told(by: edge.snapshot.http)
        write { edge, buffer in
            edge.encoder.refusal(
                refusal, cmd: cmd, seq: seq, codec: codec, wire: wire, into: &buffer)
        }
    }

    /// Accounts for what waits because the socket is full.
    func setBacklog(_ bytes: Int) {
        guard backlogBytes != bytes else { return }
        edge.meters.outboundQueueBytes.add(Int64(bytes - backlogBytes))
        backlogBytes = bytes
    }

    func store(_ buffer: ByteBuffer) {
        let size = buffer.readableBytes
        outbox = buffer
        becomeDirty()
        if size > edge.limits.maxOutboxBytes, phase == .open || phase == .authenticating {
            edge.meters.limitExceeded("max_outbox_bytes")
            edge.meters.slowConsumers.add()
            close(.slowConsumer)
        }
    }

    /// Asks for a flush at the end of this turn.
    func becomeDirty() {
        guard !isDirty else { return }
        isDirty = true
        edge.dirty.append(self)
    }

    /// Gives the outbox to the channel unless the socket is full; then it waits here, where it is
    /// bounded, and the client is not read until it has read.
    func flush() {
        if batch != nil { writeBatch() }
        if isInputEnded { closeWhenAnswered() }
        isDirty = false
        guard let context, let buffer = outbox else { return }
        guard isWritable || phase == .closing else {
            setBacklog(buffer.readableBytes)
            return pause(.outbox)
        }
        outbox = nil
        setBacklog(0)
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
        edge.returnOutbox(buffer)
        if phase == .closing, wire == .lengthPrefixed { endOutput(context) }
    }
}
