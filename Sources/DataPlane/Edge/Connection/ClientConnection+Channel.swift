import NIOCore
import SluiceFraming
import SluiceVocabulary

/// The channel's side: bytes in, turns of the loop, the socket's end.
extension ClientConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    func handlerAdded(context: ChannelHandlerContext) {
        context.eventLoop.assertInEventLoop()
        self.context = context
        isWritable = context.channel.isWritable
    }

    func handlerRemoved(context: ChannelHandlerContext) { channelClosed() }

    func channelInactive(context: ChannelHandlerContext) {
        edge.tick.begin()
        channelClosed()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A reset or a broken pipe: the journal tells of it as `connection_lost`.
        edge.tick.begin()
        abandon()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        edge.tick.begin()
        sawLife()
        hasSpoken = true
        guard phase == .open || phase == .authenticating || phase == .closing else { return }
        var bytes = unwrapInboundIn(data)
        if var earlier = input {
            earlier.writeBuffer(&bytes)
            input = nil
            bytes = earlier
        }
        if pauses.isEmpty { consume(&bytes) }
        keep(bytes)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        isWritable = context.channel.isWritable
        guard isWritable else { return }
        edge.tick.begin()
        flush()
        if pauses.contains(.outbox), outbox == nil { resume(.outbox) }
    }

    /// Handles every whole message in `bytes`; stops at a pause or the end of the connection.
    private func consume(_ bytes: inout ByteBuffer) {
        guard wire == .webSocket else { return consumePrefixed(&bytes) }
        do throws(WebSocketError) {
            while pauses.isEmpty, let event = try reader.next(&bytes, scratch: &edge.message) {
                handle(event)
                if phase == .closed { return }
            }
        } catch {
            edge.protocolViolated(self, error.closeReason)
            bytes.clear()
        }
    }

    private func handle(_ event: WebSocketEvent) {
        switch event {
        case .message(let isText):
            guard phase == .authenticating || phase == .open else { return }
            let shown: Codec = isText ? .json : .protobuf
            if codec == nil {
                codec = shown
                if owesAuthReply { edge.sendAuthReply(self, seq: 0) }
            }
            guard codec == shown else { return close(.wrongOpcode) }
            let message = edge.message
            edge.receive(message.readableBytesSpan, from: self)
        case .ping:
            guard phase != .closing else { return }
            write { edge, buffer in
                let message = edge.message
                edge.encoder.pong(message.readableBytesSpan, into: &buffer)
            }
        case .pong: break
        case .close:
            if phase == .closing { return abandonAfterFlush() }
            close(.clientClosed)
            abandonAfterFlush()
        }
    }

    /// Both close frames are exchanged: the server closes the TCP connection (RFC 6455 section 7.1.1).
    private func abandonAfterFlush() {
        flush()
        abandon()
    }

    func keep(_ bytes: ByteBuffer) {
        guard bytes.readableBytes > 0, phase != .closed else { return }
        // A copy of what is left, so that a few bytes do not hold a whole receive buffer.
        var rest = ByteBufferAllocator().buffer(capacity: bytes.readableBytes)
        rest.writeBytes(bytes.readableBytesSpan)
        input = rest
    }

    // MARK: Pausing

    /// Stops reading; what has been read already waits in `input`.
    func pause(_ reason: PauseReasons) {
        guard phase == .open || phase == .authenticating, !pauses.contains(reason) else { return }
        if pauses.isEmpty { setAutoRead(false) }
        pauses.insert(reason)
    }

    /// Takes one reason away; reads on when none is left, first what waits in `input`.
    func resume(_ reason: PauseReasons) {
        guard pauses.contains(reason) else { return }
        pauses.remove(reason)
        guard pauses.isEmpty, phase != .closed else { return }
        if var bytes = input {
            input = nil
            consume(&bytes)
            keep(bytes)
        }
        if pauses.isEmpty { setAutoRead(true) }
        if isInputEnded { becomeDirty() }
    }

    func setAutoRead(_ value: Bool) {
        guard let options = context?.channel.syncOptions else { return }
        do {
            try options.setOption(.autoRead, value: value)
        } catch {
            // Only a closed channel refuses; its end is on the way.
            abandon()
        }
    }
}
