import NIOCore
import SluiceFraming
package import SluicePolicy
package import SluiceVocabulary

/// A call that the gateway makes for itself, waiting for its end.
struct OwnCall {
    let command: Command
    let completion: (Result<(status: UInt32, payload: [UInt8]), Refusal>) -> Void

    func finish(_ outcome: CallOutcome) {
        switch outcome {
        case .refused(let kind): completion(.failure(Refusal(kind)))
        case .reply(let view, let body):
            let bytes = body.getBytes(
                at: body.readerIndex + Int(view.payload.start), length: Int(view.payload.count))
            completion(.success((view.status, bytes ?? [])))
        }
    }
}

extension Upstream {
    /// Asks a service something on the gateway's own account (`user.login`, `user.presence`).
    ///
    /// - Parameters:
    ///   - permit: `Permit.own`.
    ///   - payload: JSON text.
    ///   - completion: called once, on the loop; before this returns when nothing could be sent.
    ///     The status is 0 or the service's own, 1000 and up.
    package func call(
        _ permit: Permit, command: Command, payload: [UInt8],
        completion: @escaping (Result<(status: UInt32, payload: [UInt8]), Refusal>) -> Void
    ) {
        tick.begin()
        let envelope = Self.envelope(command.id, payload: payload)
        let sent = send(
            command, context: nil, key: stableHash(command.name),
            milliseconds: Int64(command.timeoutMilliseconds), envelope: envelope.readableBytesSpan,
            stamp: [])
        switch sent.dispatch {
        case .sent: ownCalls[sent.stream] = OwnCall(command: command, completion: completion)
        case .refused(let kind): completion(.failure(Refusal(kind)))
        }
    }
    /// A request with a JSON payload in protobuf form (Framing/Protos/envelope.proto).
    ///
    /// `seq` is 1: an answer is wanted.
    private static func envelope(_ command: UInt32, payload: [UInt8]) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(payload.count + 24)
        let fields: [(tag: UInt8, value: UInt64)] = [
            (2 << 3, UInt64(command)), (3 << 3, 1), (6 << 3, UInt64(PayloadFormat.json.rawValue)),
            (15 << 3 | 2, UInt64(payload.count)),
        ]
        for (tag, value) in fields {
            buffer.writeInteger(tag)
            var rest = value
            while rest >= 0x80 {
                buffer.writeInteger(UInt8(truncatingIfNeeded: rest) | 0x80)
                rest >>= 7
            }
            buffer.writeInteger(UInt8(truncatingIfNeeded: rest))
        }
        buffer.writeBytes(payload)
        return buffer
    }
}
