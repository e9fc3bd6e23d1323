import NIOCore
import SluiceVocabulary

/// What a gRPC connection tells its link beyond what a native one does.
extension Link {
    /// The service has ended a call with a status, or its stream has ended before an answer.
    func refused(
        _ stream: UInt32, _ kind: RefusalKind, isUnsent: Bool = false, request: ByteBuffer? = nil
    ) {
        upstream.refused(stream, by: self, kind, isUnsent: isUnsent, request: request)
    }

    /// What ordered calls have in common that go one after the other; nil = in no order.
    func orderKey(_ stream: UInt32) -> UInt64? { upstream.orderKey(stream) }

    /// Streams in the order in which their calls were opened.
    func inOrder(_ streams: [UInt32]) -> [UInt32] { upstream.pending.inOrder(streams) }

    /// Nothing can come any more of a call that was given up.
    func forgotten(_ stream: UInt32) { upstream.forgotten(stream, on: self) }

    /// An answer was longer than is allowed.
    func answerTooLarge() { upstream.answerBytesExceeded.add() }

    /// The connection has something to send at the end of the turn.
    func wantsFlush() { upstream.markDirty(self) }

    /// The name of a command, for the service.
    func commandName(_ id: UInt32) -> String { upstream.commandName(id) }
}
