import NIOCore
import SluiceFraming
import SluiceSessions
import SluiceVocabulary

/// Pushes to one connection: single ones in version 1, those of a turn together in version 2.
extension ClientConnection {
    /// Writes a push; false when this connection cannot take it now.
    func push(_ message: PushMessage) -> Bool {
        guard phase == .open, let codec else { return false }
        let waiting = (outbox?.readableBytes ?? 0) + (batch?.byteCount ?? 0)
        if message.deliveryClass == .droppable, waiting > edge.limits.maxOutboxBytes / 2 {
            return false
        }
        if message.deliveryClass == .must { pushNumber += 1 }
        let isJSON = codec == .json && message.payloadForJSON != nil
        let head = EnvelopeHead(
            version: 0, cmd: message.command,
            seq: message.deliveryClass == .must ? pushNumber : 0, status: 0, kind: .push,
            format: isJSON ? PayloadFormat.json.rawValue : message.format,
            deliveryClass: message.deliveryClass)
        let payload = isJSON ? message.payloadForJSON ?? [] : message.payload
        if version == .v1 {
            send(head, payload: payload)
        } else {
            gather(head, payload: payload, codec)
        }
        return phase == .open
    }

    /// Keeps a push for the end of the turn, or for the next message that is none.
    private func gather(_ head: EnvelopeHead, payload: [UInt8], _ codec: Codec) {
        // A client need not read more at once than it may send.
        if let batch, batch.byteCount + payload.count > edge.limits.maxFrameBytes { writeBatch() }
        var gathered = batch.take() ?? PushBatch(in: edge.takeOutbox())
        do throws(EnvelopeError) {
            try payload.withBytes { bytes throws(EnvelopeError) in
                try edge.encoder.add(head, payload: bytes, codec: codec, to: &gathered)
            }
        } catch {
            // The service called its payload JSON and it is not (protocol.md, Envelope).
            if gathered.count > 0 { batch = gathered }
            return send(Refusal(.badUpstreamAnswer), cmd: head.cmd, seq: head.seq)
        }
        batch = gathered
        becomeDirty()
    }

    /// Puts the gathered pushes into the outbox, before anything that comes after them.
    func writeBatch() {
        guard let gathered = batch.take(), let codec, phase != .closed else { return }
        var buffer = outbox.take() ?? edge.takeOutbox()
        edge.encoder.pushes(gathered, codec: codec, wire: wire, into: &buffer)
        edge.returnOutbox(gathered.storage)
        store(buffer)
    }

    /// Writes a push of the gateway's own, outside any class: `goaway` and the like.
    func tell(_ command: GatewayCommand, protobuf: [UInt8], json: () -> [UInt8]) {
        guard phase == .open, let codec else { return }
        let head = EnvelopeHead(
            version: 0, cmd: command.rawValue, seq: 0, status: 0, kind: .push,
            format: codec == .json ? PayloadFormat.json.rawValue : 0, deliveryClass: nil)
        send(head, payload: codec == .json ? json() : protobuf)
    }
}

/// The protocol version of one connection.
extension ClientConnection {
    /// Settles the version by the first envelope, or holds a later one against it.
    ///
    /// - Parameter wanted: the envelope's `version`; 0 = it says none.
    /// - Returns: false when that version is not spoken, or is above the one settled.
    func agree(on wanted: UInt32) -> Bool {
        if isVersionSettled { return wanted <= version.rawValue }
        guard let wanted = UInt8(exactly: max(1, wanted)),
            let version = ProtocolVersion(rawValue: wanted)
        else { return false }
        settle(version)
        return true
    }

    private func settle(_ version: ProtocolVersion) {
        isVersionSettled = true
        guard version != self.version else { return }
        edge.meters.clientSpeaks(self.version, -1)
        edge.meters.clientSpeaks(version, 1)
        self.version = version
    }
}
