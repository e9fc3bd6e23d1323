import NIOCore
import SluiceFraming
import SluiceVocabulary

/// One TCP connection of a link: bytes in, bytes out, nothing decided.
///
/// A single handler fused to the channel: frames are read in place from the receive buffer, and all
/// frames of a turn leave in one write. What the socket does not take at once stays in `output`,
/// so that at most one hand-over waits in the channel. Frames: `docs/native-link.md`.
final class LinkConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Above this the channel counts as not writable; the rest waits in `output`.
    static let channelHighWaterBytes = 65_536
    /// An output buffer grown beyond this is not kept after it has been written.
    private static let keptOutputBytes = 262_144

    private let link: Link
    private let maxFrameBytes: Int
    private var context: ChannelHandlerContext?
    /// Speaks gRPC in the place of link frames, where the service wants that.
    private(set) var session: GRPCSession?
    /// A frame of which only the beginning has come.
    private var partial: ByteBuffer
    private var output: ByteBuffer
    private var isWritable = true
    /// The size of the last hand-over: what may wait in the channel while it is not writable.
    private var handedBytes = 0
    private var isClosing = false
    /// `output` is being handed to the channel, which may say meanwhile that it takes more.
    private var isHandingOver = false
    /// Bytes came in since `takeActivity` was asked.
    private var isActive = false

    init(link: Link, maxFrameBytes: Int) {
        self.link = link
        self.maxFrameBytes = maxFrameBytes
        partial = ByteBuffer()
        output = ByteBufferAllocator().buffer(capacity: 4_096)
    }

    /// Bytes that the peer's socket has not taken yet.
    var queuedBytes: Int {
        let own = output.readableBytes &+ (isWritable ? 0 : handedBytes)
        guard let session else { return own }
        return own &+ session.queuedBytes
    }

    /// Who is at the other end.
    private(set) lazy var peer = LinkPeer(
        instance: link.instance,
        address: context?.channel.remoteAddress?.ipAddress.flatMap { IPAddress($0) })

    /// TCP is up.
    var isOpen: Bool { context?.channel.isActive ?? false }

    // MARK: Output

    /// Appends a call: the client's envelope, the stamp, the time left, in one frame.
    func appendCall(stream: UInt32, envelope: RawSpan, stamp: [UInt8], milliseconds: UInt32) {
        Self.write(
            stream: stream, envelope: envelope, stamp: stamp, milliseconds: milliseconds,
            into: &output)
    }

    private static func write(
        stream: UInt32, envelope: RawSpan, stamp: [UInt8], milliseconds: UInt32,
        into output: inout ByteBuffer
    ) {
        let start = LinkCodec.beginFrame(.call, stream: stream, into: &output)
        output.writeBytes(envelope)
        stamp.withBytes { _ = output.writeBytes($0) }
        EnvelopeStamp.appendDeadline(milliseconds: milliseconds, to: &output)
        LinkCodec.endFrame(at: start, in: &output)
    }

    /// Appends a frame that is not a call.
    func append(_ kind: LinkFrameKind, flags: UInt8 = 0, stream: UInt32, body: [UInt8] = []) {
        body.withBytes {
            LinkCodec.write(kind, flags: flags, stream: stream, body: $0, into: &output)
        }
    }

    /// Hands everything appended to the channel, unless it still has enough.
    func flush() {
        if let session { return flush(session) }
        guard isWritable, !isHandingOver, output.readableBytes > 0, let context else { return }
        handedBytes = output.readableBytes
        isHandingOver = true
        context.writeAndFlush(wrapOutboundOut(output), promise: nil)
        isHandingOver = false
        // Usually the socket took all and the storage is ours alone again: nothing is allocated.
        if output.capacity > Self.keptOutputBytes {
            output = ByteBufferAllocator().buffer(capacity: 4_096)
        } else {
            output.clear()
        }
        // The channel tells of a change only where it was full.
        link.drainedSome()
    }

    /// The frames become HTTP/2 frames; what is written meanwhile is for the next turn.
    private func flush(_ session: GRPCSession) {
        guard isWritable, !isHandingOver else { return }
        let frames = output
        // The calls' slices keep the old storage.
        if frames.readableBytes > 0 { output = ByteBufferAllocator().buffer(capacity: 4_096) }
        isHandingOver = true
        session.send(frames)
        isHandingOver = false
    }

    /// Calls that have not been handed to the channel, by stream: envelope and what was added to it.
    /// They are gone from here then.
    func takeUnsent() -> [UInt32: ByteBuffer] {
        var calls = session?.takeWaiting() ?? [:]
        guard output.readableBytes > 0, !isHandingOver || session != nil else { return calls }
        var rest = output
        output = ByteBuffer()
        // What was written here can be read here.
        while let frame = try? LinkCodec.read(&rest, maxFrameBytes: .max) {
            if frame.kind == .call { calls[frame.stream] = frame.body }
            if frame.kind == .cancel { calls[frame.stream] = nil }
        }
        return calls
    }

    /// What comes is still wanted.
    var isHeard: Bool { !isClosing }

    /// The session has read something.
    func heard() { isActive = true }

    /// Bytes came in since the last question.
    func takeActivity() -> Bool {
        defer { isActive = false }
        return isActive
    }

    /// Closes the connection. The link hears nothing more from it.
    func close() {
        isClosing = true
        context?.close(promise: nil)
    }

    // MARK: Input

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        guard link.pool.definition.isGRPC else { return }
        let session = GRPCSession(self, link: link, limits: link.limits)
        do {
            try context.pipeline.syncOperations.addHandlers(
                [session.makeHTTP2Handler(), session], position: .before(self))
            self.session = session
        } catch {
            // The channel has closed already: the connect fails too.
            context.close(promise: nil)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        session = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isClosing else { return }
        isActive = true
        link.beginTurn()
        var input = unwrapInboundIn(data)
        if partial.readableBytes > 0 {
            partial.writeBuffer(&input)
            swap(&partial, &input)
        }
        do {
            while !isClosing, let frame = try LinkCodec.read(&input, maxFrameBytes: maxFrameBytes) {
                link.received(frame, on: self)
            }
        } catch {
            lose(.protocolError)
            return
        }
        // Nothing left over: give the receive buffer back to the channel, which uses it again.
        guard input.readableBytes > 0, !isClosing else {
            partial = ByteBuffer()
            return
        }
        // Without this a stream that never pauses between frames would grow the buffer for ever.
        input.discardReadBytes()
        partial = input
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        isWritable = context.channel.isWritable
        guard isWritable, !isClosing else { return }
        handedBytes = 0
        // Full and empty again before the hand-over has returned: `output` still holds what is out.
        guard !isHandingOver else { return }
        link.beginTurn()
        flush()
        link.drainedSome()
    }

    func channelInactive(context: ChannelHandlerContext) { lose(.connectionLost) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard TLSFailure.isTLS(error) else { return lose(.connectionLost) }
        let failure = TLSFailure(error)
        // A peer that ends TCP without TLS's goodbye breaks nothing that frames do not notice.
        lose(failure.kind == .truncated ? .connectionLost : .tlsFailed, failure.text)
    }

    func lose(_ reason: LinkDownReason, _ cause: String = "") {
        guard !isClosing else { return }
        close()
        link.connectionEnded(reason, cause, of: self)
    }
}

@available(*, unavailable)
extension LinkConnection: Sendable {}
