import NIOCore
import SluiceFraming
import SluiceVocabulary

/// The service's side of one native link.
///
/// Wrongs: the gateway's fault (a frame before its hello, a second hello, an answer kind, lost
/// framing) closes the link. Ignored on purpose: cancel, for every call is answered before the next
/// is read; push results, for nobody waits for them; goaway, for answers go on until the gateway
/// closes.
final class LinkServer: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private static let maxFrameBytes = Limits().maxLinkFrameBytes

    private let responder: Responder
    private var input = ByteBuffer()
    /// Answers to all frames of one read, written at its end.
    private var output = ByteBuffer()
    private var isGreeted = false
    private var isClosing = false
    /// A read that waits until the gateway has taken what was written.
    private var isReadHeld = false

    init(world: World) { responder = Responder(world: world) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isClosing else { return }
        var bytes = unwrapInboundIn(data)
        if input.readableBytes == 0 {
            input = bytes
        } else {
            input.writeBuffer(&bytes)
        }
        do throws(LinkError) {
            while let frame = try LinkCodec.read(&input, maxFrameBytes: Self.maxFrameBytes) {
                try answer(frame)
            }
        } catch {
            fail(context: context)
        }
        if input.readableBytes == 0 {
            // Lets go of the receive buffer.
            input = ByteBuffer()
        } else if input.readerIndex > 65_536 {
            input.discardReadBytes()
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        flushAnswers(context: context)
        context.fireChannelReadComplete()
    }

    /// A gateway that does not read its answers is not read from either, so that they cannot pile up.
    func read(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            context.read()
        } else {
            isReadHeld = true
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable, isReadHeld {
            isReadHeld = false
            context.read()
        }
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Reset by the peer and the like: the link is over, and closing says so.
        context.close(promise: nil)
    }

    private func answer(_ frame: LinkFrame) throws(LinkError) {
        switch frame.kind {
        case .hello where !isGreeted:
            let hello = try LinkHello(from: frame.body.readableBytesSpan)
            guard hello.version == LinkHello.currentVersion else { throw .badBody(.hello) }
            isGreeted = true
            LinkHello(node: "demo").encoded().withBytes {
                LinkCodec.write(.hello, stream: 0, body: $0, into: &output)
            }
        case .call where isGreeted:
            responder.answer(frame, into: &output)
        case .ping where isGreeted:
            guard frame.flags & LinkFlags.answer == 0 else { return }
            guard frame.body.readableBytes <= 125 else { throw .badBody(.ping) }
            LinkCodec.write(
                .ping, flags: LinkFlags.answer, stream: frame.stream,
                body: frame.body.readableBytesSpan, into: &output)
        case .cancel where isGreeted, .pushResult where isGreeted, .goaway where isGreeted:
            break
        case .hello, .call, .reply, .push, .pushResult, .cancel, .ping, .goaway:
            throw .badBody(frame.kind)
        }
    }

    private func flushAnswers(context: ChannelHandlerContext) {
        guard output.readableBytes > 0 else { return }
        context.writeAndFlush(wrapOutboundOut(output), promise: nil)
        // Keeps the storage where the socket took everything at once, else begins a new one.
        output.clear(minimumCapacity: 4_096)
    }

    /// Framing is lost or the gateway does not follow the protocol: what was answered goes out first.
    private func fail(context: ChannelHandlerContext) {
        isClosing = true
        flushAnswers(context: context)
        context.close(promise: nil)
    }
}

@available(*, unavailable)
extension LinkServer: Sendable {}
