import NIOCore
import NIOHTTP1
import SluiceFraming
import SluiceVocabulary

/// A client for whom there is no place: it is told so and let go.
///
/// What it says meanwhile is read and dropped, since unread bytes would turn our FIN into a reset that
/// can overtake the words. Only a few linger so at a time; the others are closed without a word.
final class TurnedAway: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Such clients on one loop at a time.
    static let maxLingering = 64
    private static let lingerMilliseconds: Int64 = 1_000
    /// What is asked of those who come back.
    private static let retryAfterSeconds: UInt64 = 5

    private let edge: EdgeLoop
    private let kind: ListenerProtocol
    private var end: Scheduled<Void>?
    private var isOver = false

    init(edge: EdgeLoop, kind: ListenerProtocol) {
        self.edge = edge
        self.kind = kind
        edge.turnedAway += 1
    }

    func channelActive(context: ChannelHandlerContext) {
        var buffer = context.channel.allocator.buffer(capacity: 512)
        switch kind {
        case .http:
            let refusal = Refusal(
                .overloaded, message: "The gateway holds all the connections it may.",
                retryAfterMilliseconds: Self.retryAfterSeconds * 1_000)
            HTTPAnswer.problem(refusal).write(
                into: &buffer, keepAlive: false, isHead: false, version: .http1_1)
        case .tcp:
            edge.encoder.close(
                code: CloseReason.overload.code, reason: CloseReason.overload.text,
                wire: .lengthPrefixed, codec: .protobuf, into: &buffer)
        }
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
        context.close(mode: .output, promise: nil)
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        end = context.eventLoop.assumeIsolated().scheduleTask(
            in: .milliseconds(Self.lingerMilliseconds)
        ) { bound.value.close(promise: nil) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { context.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        guard !isOver else { return }
        isOver = true
        end?.cancel()
        edge.turnedAway -= 1
    }
}

@available(*, unavailable)
extension TurnedAway: Sendable {}
