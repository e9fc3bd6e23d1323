import NIOCore
import SluiceFraming
import SluicePolicy
import SluiceUpstream
import SluiceVocabulary

/// Messages of a long connection that wait by the policy's word, and with them all that comes behind.
extension EdgeLoop {
    /// Keeps a message that was charged until its turn comes.
    ///
    /// The command's time runs meanwhile. Where it would run out, waiting is of no use.
    func delay(
        _ permit: Permit, _ nanoseconds: Int64, _ command: Command, _ request: ClientRequest,
        _ bytes: RawSpan, _ client: ClientConnection
    ) {
        let allowed = Int64(command.timeoutMilliseconds) + Int64(request.pausedMilliseconds)
        let elapsed = tick.now.nanoseconds(since: request.startedAt)
        guard nanoseconds < allowed * 1_000_000 - elapsed else {
            callIsOver(permit.lease)
            return refuse(client, request, .waitsTooLong, permit)
        }
        let kept = Self.copy(bytes)
        let policy = policyNumber
        wait(at: .connection(client), holding: permit.lease, nanoseconds: nanoseconds) {
            [self] end in
            guard end == .timeHasCome else { return refuse(client, request, .clientGone, permit) }
            var request = request
            var command = command
            if policy != policyNumber {
                do throws(Refusal) {
                    command = try stillPermitted(&request, kept.readableBytesSpan, client)
                } catch {
                    callIsOver(permit.lease)
                    return refuse(client, request, error)
                }
            }
            dispatch(permit, command, request, kept.readableBytesSpan, client)
        }
    }

    /// Another policy is in force, with other numbers for the same names: the command as it is now.
    private func stillPermitted(
        _ request: inout ClientRequest, _ bytes: RawSpan, _ client: ClientConnection
    ) throws(Refusal) -> Command {
        guard let command = snapshot.upstream.commands.find(request.view.cmd),
            command.from == .client
        else {
            request.action = .unknown
            throw Refusal(.commandNotFound)
        }
        request.action = command.action
        let call = policyCall(request, bytes, client)
        if let refusal = evaluator.permissionRefusal(call, for: client.subject) { throw refusal }
        return command
    }

    /// Keeps a message that was not charged; it is taken as if it came when the pause is over.
    func pauseReading(
        _ nanoseconds: Int64, _ request: ClientRequest, _ bytes: RawSpan, _ client: ClientConnection
    ) {
        let kept = Self.copy(bytes)
        let began = tick.now
        wait(at: .connection(client), nanoseconds: nanoseconds) { [self] end in
            guard end == .timeHasCome else { return refuse(client, request, .clientGone) }
            let paused = Int64(request.pausedMilliseconds) + tick.now.milliseconds(since: began)
            take(
                kept.readableBytesSpan, from: client, startedAt: request.startedAt,
                pausedMilliseconds: UInt32(clamping: paused))
        }
    }

    /// The buffer a message was read into is used again.
    private static func copy(_ bytes: RawSpan) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: bytes.byteCount)
        buffer.writeBytes(bytes)
        return buffer
    }
}
