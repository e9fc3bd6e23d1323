import NIOCore
package import SluiceFraming
package import SluicePolicy
package import SluiceSessions
import SluiceTelemetry
package import SluiceVocabulary

/// What an operator is shown of a client's connection. Holds no token and no claim.
package struct ConnectionSummary: Sendable, Equatable {
    package var session: SessionID
    /// Empty: a device of its own.
    package var device: String
    package var transport: Transport
    /// Nil until the client has shown it.
    package var codec: Codec?
    /// Of the client's protocol.
    package var version: UInt32
    /// The client's address.
    package var client: String
    /// When the connection opened.
    package var since: WallTime
    /// Requests without an answer.
    package var inFlight: Int
    /// Bytes waiting to be written.
    package var queuedBytes: Int
}

/// What an operator may ask of one connection. Called on the connection's loop.
extension EdgeLoop {
    /// A connection of somebody; nil when it has gone or is going.
    package func describe(_ id: ConnectionID) -> ConnectionSummary? {
        loop.preconditionInEventLoop()
        tick.begin()
        guard let client = table.find(id), client.phase == .open, let session = client.session
        else { return nil }
        let age = tick.now.nanoseconds(since: client.openedAt) / 1_000
        return ConnectionSummary(
            session: session, device: client.label.device, transport: client.transport,
            codec: client.codec, version: UInt32(client.version.rawValue),
            client: client.label.client,
            since: WallTime(microseconds: tick.wall.microseconds - age),
            inFlight: Int(client.inFlight), queuedBytes: client.outbox?.readableBytes ?? 0)
    }

    /// Tells a client that it has to go, and closes its connection.
    ///
    /// - Returns: false when the connection has gone or is going already.
    package func kick(_ id: ConnectionID, _ notice: Kicked, _ reason: CloseReason) -> Bool {
        loop.preconditionInEventLoop()
        tick.begin()
        guard let client = table.find(id), client.phase == .open else { return false }
        client.tell(.kicked, protobuf: notice.encoded(codec: .protobuf)) {
            notice.encoded(codec: .json)
        }
        client.close(reason)
        return true
    }

    /// Sends a push of an operator; `completion` runs on this loop, once.
    package func push(
        _ message: PushMessage, to targets: PushTargets,
        completion: @escaping (PushResult) -> Void
    ) {
        loop.preconditionInEventLoop()
        tick.begin()
        send(
            message, to: targets, action: .adminCall, for: operatorSubject, over: .http,
            completion)
    }

    /// Whether limits let a call of the operator through; who may is decided elsewhere.
    ///
    /// - Returns: what the call holds until `operatorCallIsOver`.
    package func limitOperatorCall(bytes: Int) -> Result<Lease, Refusal> {
        loop.preconditionInEventLoop()
        tick.begin()
        return limit(.adminCall, bytes: bytes, for: operatorSubject, over: .http)
    }

    package func operatorCallIsOver(_ lease: Lease) {
        loop.preconditionInEventLoop()
        callIsOver(lease)
    }
}
