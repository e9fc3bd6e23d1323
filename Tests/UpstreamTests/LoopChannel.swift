import NIOCore

/// A channel without a socket: what is written is kept, what is read is put in by the test.
///
/// Bound to its loop and used from the test's own thread only, hence unchecked.
final class LoopChannel: Channel, ChannelCore, @unchecked Sendable {
    let allocator = ByteBufferAllocator()
    let eventLoop: any EventLoop
    let localAddress: SocketAddress? = nil
    let remoteAddress: SocketAddress? = nil
    let parent: (any Channel)? = nil
    private let closing: EventLoopPromise<Void>
    private var pipelineStorage: ChannelPipeline?
    private var unflushed: [ByteBuffer] = []
    private var flushed: [ByteBuffer] = []
    private(set) var isActive = false
    private(set) var isWritable = true
    /// Hand-overs to the channel that were flushed.
    private(set) var flushes = 0
    private var isOpen = true

    init(loop: any EventLoop) {
        eventLoop = loop
        closing = loop.makePromise()
        pipelineStorage = ChannelPipeline(channel: self)
    }

    var closeFuture: EventLoopFuture<Void> { closing.futureResult }
    var _channelCore: any ChannelCore { self }
    var pipeline: ChannelPipeline {
        guard let pipelineStorage else { preconditionFailure("set by init") }
        return pipelineStorage
    }

    /// The connection stands.
    func activate() {
        isActive = true
        pipeline.fireChannelRegistered()
        pipeline.fireChannelActive()
    }

    /// Bytes come from the peer.
    func receive(_ bytes: ByteBuffer) {
        pipeline.fireChannelRead(bytes)
        pipeline.fireChannelReadComplete()
    }

    /// What was flushed since the last question.
    func takeWritten() -> [ByteBuffer] {
        defer { flushed = [] }
        return flushed
    }

    /// The peer's socket takes no more, or some again.
    func setWritable(_ isWritable: Bool) {
        self.isWritable = isWritable
        pipeline.fireChannelWritabilityChanged()
    }

    func setOption<Option: ChannelOption>(
        _ option: Option, value: Option.Value
    ) -> EventLoopFuture<Void> { eventLoop.makeSucceededVoidFuture() }

    func getOption<Option: ChannelOption>(_ option: Option) -> EventLoopFuture<Option.Value> {
        eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
    }

    // MARK: ChannelCore

    func localAddress0() throws -> SocketAddress { throw ChannelError.unknownLocalAddress }
    func remoteAddress0() throws -> SocketAddress { throw ChannelError.operationUnsupported }
    func register0(promise: EventLoopPromise<Void>?) { promise?.succeed(()) }
    func registerAlreadyConfigured0(promise: EventLoopPromise<Void>?) { promise?.succeed(()) }
    func bind0(to: SocketAddress, promise: EventLoopPromise<Void>?) { promise?.succeed(()) }
    func connect0(to: SocketAddress, promise: EventLoopPromise<Void>?) { promise?.succeed(()) }
    func read0() {}
    func channelRead0(_ data: NIOAny) {}
    func errorCaught0(error: any Error) {}
    func triggerUserOutboundEvent0(_ event: Any, promise: EventLoopPromise<Void>?) {
        promise?.succeed(())
    }

    func write0(_ data: NIOAny, promise: EventLoopPromise<Void>?) {
        unflushed.append(unwrapData(data, as: ByteBuffer.self))
        promise?.succeed(())
    }

    func flush0() {
        flushes += 1
        flushed.append(contentsOf: unflushed)
        unflushed = []
    }

    func close0(error: any Error, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard isOpen else {
            promise?.fail(ChannelError.alreadyClosed)
            return
        }
        isOpen = false
        isActive = false
        promise?.succeed(())
        pipeline.fireChannelInactive()
        pipeline.fireChannelUnregistered()
        eventLoop.assumeIsolated().execute {
            self.removeHandlers(pipeline: self.pipeline)
            self.pipelineStorage = nil
            self.closing.succeed(())
        }
    }
}
