import NIOCore
import NIOHTTP1
import SluiceFraming
import SluicePolicy
import SluiceTelemetry
import SluiceVocabulary

/// One way in for HTTP requests: an HTTP/1 connection with its requests one after the other, or one
/// stream of an HTTP/2 connection with a single one.
///
/// On HTTP/1 it is the only handler of its channel: bytes are read by `HTTP1Reader` as far as the
/// request under way wants them, so that pipelined requests wait unread and are answered in order.
/// After an upgrade it leaves the pipeline. On HTTP/2 an `HTTP2StreamHandler` stands in front.
///
/// The peer's fault: `HTTPViolation`, and time running out. Ignored on purpose: answers to requests
/// whose client has gone.
final class HTTPEntry: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// How far the body of the request under way has come.
    enum BodyPhase {
        /// There is no request under way.
        case none
        /// Nobody has asked for it yet.
        case undecided
        /// Kept whole for `whenWhole`.
        case collecting
        /// Handed on part by part.
        case streaming
        /// Nobody wants it: read to get to the next request.
        case discarding
        case ended
    }

    /// How far the response has come.
    enum ResponsePhase { case none, started, ended }

    let edge: EdgeLoop
    /// nil for HTTP/1.
    let http2: HTTP2Connection?
    /// The client: the connection's other end, or whom a trusted proxy names.
    private(set) var peer: Peer
    /// The connection's other end.
    let socketPeer: Peer
    /// From the client over the proxies to us, as far as it is believed.
    var way: [IPAddress] = []
    /// Names this connection in the journal.
    let id: ConnectionID
    /// Number of the request under way on its connection.
    private(set) var requestNumber: UInt64 = 0
    var context: ChannelHandlerContext?

    var reader: HTTP1Reader
    /// Bytes not yet read: an incomplete head, or what the request under way does not want yet.
    var input = ByteBuffer()
    var isAdvancing = false
    var isReadingStopped = false
    /// True while `advance` hands its output on; it looks itself whether the client takes more then.
    var isFlushingOwn = false
    /// Output of this turn that is not yet handed to the channel.
    var isFlushDue = false

    var head: HTTPRequestHead?
    var bodyPhase = BodyPhase.none
    var isBodyPaused = false
    /// Called once with `body` when it is whole.
    var whenWhole: ((HTTPRequestHead) -> Void)?
    var sink: (any HTTPRequestBodySink)?
    var body: [UInt8] = []
    /// Bytes of this body read to be thrown away.
    var discarded = 0
    /// `Expect: 100-continue` is not yet answered.
    var owesContinue = false

    var responsePhase = ResponsePhase.none
    var responseIsChunked = false
    var responseKeepsAlive = false
    var responseHasBody = true

    var deadline = HTTPDeadline.none
    var deadlineAt = MonotonicTime(nanoseconds: .max)
    var timer: Scheduled<Void>?
    var timerAt = MonotonicTime(nanoseconds: .max)
    /// The call that waits for a service.
    var underWay: ConnectionID?
    /// The call that waits by the policy's word.
    var waiting: PolicyWait?
    var isUpgraded = false
    /// The last response is out; what still comes is thrown away until the peer closes.
    var isLingering = false
    /// What the end of a lingering connection is counted as.
    var closeReason = CloseReason.clientClosed
    private(set) var isClosed = false
    /// What the policy was asked about this request last; nil = it was not.
    var asked: Asked?
    private var knownSubject: PolicySubject?

    init(edge: EdgeLoop, peer: Peer, http2: HTTP2Connection? = nil) {
        self.edge = edge
        self.http2 = http2
        self.peer = peer
        socketPeer = peer
        id = http2?.id ?? edge.nextHTTPID()
        reader = HTTP1Reader(
            maxHeadBytes: edge.limits.maxHeaderBytes, maxFields: edge.limits.maxHeaders)
    }

    /// Buckets and permissions of the client's address, made when the first request asks for them.
    var subject: PolicySubject {
        if let knownSubject { return knownSubject }
        let subject = PolicySubject(address: peer.bytes)
        knownSubject = subject
        return subject
    }

    /// The request is another client's than the one before.
    func become(_ client: Peer) {
        if client.address != peer.address { knownSubject = nil }
        peer = client
    }

    /// A head that is none counts as a request too.
    func countRequest() { requestNumber = http2?.nextRequestNumber() ?? requestNumber + 1 }

    /// A request begins.
    func begin(_ head: HTTPRequestHead) {
        self.head = head
        settleClient(head)
        countRequest()
        asked = nil
        bodyPhase = .undecided
        responsePhase = .none
        discarded = 0
        isBodyPaused = false
    }

    /// The request is over, its response out.
    func clear() {
        head = nil
        sink = nil
        whenWhole = nil
        bodyPhase = .none
        responsePhase = .none
        body.removeAll()
    }

    // MARK: The channel

    func handlerAdded(context: ChannelHandlerContext) {
        edge.tick.begin()
        self.context = context
        guard http2 == nil else { return }
        edge.meters.connectionOpened(.http)
        edge.httpConnections[id.generation] = .http1(self)
        expect(.head)
    }

    func handlerRemoved(context: ChannelHandlerContext) { gone() }

    func channelInactive(context: ChannelHandlerContext) { gone() }

    /// The channel is: after our last response that is how it should be.
    func gone() { ended(isLingering ? closeReason : .connectionLost) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A reset or a broken pipe: the journal tells of it as `connection_lost`.
        close(isLingering ? closeReason : .connectionLost)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        edge.tick.begin()
        var bytes = unwrapInboundIn(data)
        guard !isClosed, !isLingering else { return }
        if input.readableBytes == 0 { input = bytes } else { input.writeBuffer(&bytes) }
        advance()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        edge.tick.begin()
        let isWritable = context.channel.isWritable
        if responsePhase == .started {
            let takesBody = bodyPhase == .streaming && !isBodyPaused
            expect(isWritable ? (takesBody ? .body : .none) : .write)
        } else if bodyPhase == .none, http2 == nil, !isLingering {
            answersTaken(isWritable)
        }
        sink?.responseWritable(isWritable)
    }

    /// Between requests: the next is read once the client has taken the answers before it.
    private func answersTaken(_ isTaken: Bool) {
        guard isTaken else { return expect(.write) }
        if deadline == .write { expect(.idle) }
        if !isFlushingOwn { advance() }
    }

    // MARK: The end

    /// The gateway drains: between two requests nothing is lost by closing.
    func drain(sparingNew: Bool) {
        if sparingNew, requestNumber == 0 { return }
        guard bodyPhase == .none, input.readableBytes == 0, !isLingering else { return }
        // A client that is still taking its last answer gets all of it.
        if deadline == .write { linger(.drain) } else { close(.drain) }
    }

    /// Closes without a further word.
    func close(_ reason: CloseReason) {
        edge.tick.begin()
        let context = context
        ended(reason)
        context?.close(promise: nil)
    }

    /// Leaves the counts, once.
    func ended(_ reason: CloseReason) {
        guard !isClosed else { return }
        isClosed = true
        edge.tick.begin()
        timer?.cancel()
        timer = nil
        context = nil
        waiting?.cancel()
        if let underWay { edge.abandonHTTP(underWay, self) }
        let sink = sink
        clear()
        sink?.aborted(reason == .bodyTimeout ? .tooSlow : .clientGone)
        if let http2 { return http2.streamEnded() }
        edge.httpConnections[id.generation] = nil
        edge.meters.connectionClosed(.http, isUpgraded ? .upgraded : reason)
    }

    // MARK: Leaving for a long connection

    /// Hands the channel over to `handler`: this handler goes, bytes that have come already go on.
    ///
    /// - Parameter greeting: what is said before those bytes are heard.
    /// - Returns: false when the channel has just closed, and nobody is there to talk to.
    func hand(
        over context: ChannelHandlerContext, to handler: some ChannelInboundHandler,
        greeting: () -> Void = {}
    ) -> Bool {
        invariant(http2 == nil, "an HTTP/2 stream is not handed over")
        isUpgraded = true
        let rest = input
        input = ByteBuffer()
        do {
            try context.pipeline.syncOperations.addHandler(handler)
        } catch {
            close(.connectionLost)
            return false
        }
        setReading(true)
        greeting()
        if rest.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(rest)) }
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
        return true
    }
}

@available(*, unavailable)
extension HTTPEntry: Sendable {}
