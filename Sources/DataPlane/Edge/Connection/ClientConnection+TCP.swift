import NIOCore
import SluiceFraming
import SluiceVocabulary

/// What is different on plain TCP: messages behind a length, and an end without a close handshake.
///
/// The gateway says cmd 13 `close` and sends its FIN; what the client still sends is read and dropped,
/// since unread bytes would turn the FIN into a reset that can overtake the farewell (RFC 1122
/// section 4.2.2.13). A client that ends its sending first still gets every answer it waits for.
extension ClientConnection {
    /// Puts a TCP client on its channel.
    static func configureTCP(_ channel: any Channel, _ edge: EdgeLoop, _ peer: Peer) throws {
        edge.tick.begin()
        let client = ClientConnection(
            edge: edge, transport: .tcp, peer: peer, codec: nil, version: nil)
        do {
            try channel.pipeline.syncOperations.addHandler(client)
        } catch {
            // The channel has just closed: nobody is there to talk to.
            client.channelClosed()
            throw error
        }
    }

    /// Handles every whole message in `bytes`; stops at a pause or the end of the connection.
    func consumePrefixed(_ bytes: inout ByteBuffer) {
        do throws(LengthPrefix.TooLarge) {
            while pauses.isEmpty, phase == .open || phase == .authenticating,
                let message = try LengthPrefix.next(
                    &bytes, maxMessageBytes: edge.limits.maxFrameBytes)
            {
                if codec == nil { codec = LengthPrefix.codec(of: message) }
                edge.receive(message.readableBytesSpan, from: self)
            }
        } catch {
            edge.protocolViolated(self, .tooLarge)
        }
        if phase == .closing { bytes.clear() }
    }

    /// The client's FIN. An answer under way, or a message that waits unread, is finished first.
    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case ChannelEvent.inputClosed = event, wire == .lengthPrefixed else { return }
        edge.tick.begin()
        isInputEnded = true
        becomeDirty()
    }

    /// Ends a half-closed connection once nothing is owed to the client any more.
    func closeWhenAnswered() {
        guard phase == .open || phase == .authenticating, inFlight == 0, pauses.isEmpty else {
            return
        }
        guard hasSpoken else {
            // Whoever said nothing wants to hear nothing.
            leave(.clientClosed)
            return abandon()
        }
        close(.clientClosed)
    }

    /// Nothing the client says counts any more; it is read all the same, see above.
    func discardInput() {
        input = nil
        guard !pauses.isEmpty else { return }
        pauses = []
        setAutoRead(true)
    }

    /// Our FIN, behind everything written. The channel closes when the client's has come too.
    func endOutput(_ context: ChannelHandlerContext) {
        guard !isOutputEnded else { return }
        isOutputEnded = true
        context.close(mode: .output, promise: nil)
    }
}
