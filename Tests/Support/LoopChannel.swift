package import NIOCore

/// A channel without a socket: what is written is kept, what is read is put in by the test.
///
/// Its writability is in the hands of the test. Bound to its loop and used from the test's own
/// thread only, hence unchecked.
package final class LoopChannel: Channel, ChannelCore, @unchecked Sendable {
    package let allocator = ByteBufferAllocator()
    package let eventLoop: any EventLoop
    package let localAddress: SocketAddress? = nil
    package let remoteAddress: SocketAddress?
    package let parent: (any Channel)? = nil
    private let closing: EventLoopPromise<Void>
    private var pipelineStorage: ChannelPipeline?
    private var unflushed: [ByteBuffer] = []
    private var flushed: [ByteBuffer] = []
    package private(set) var isActive = false
    package private(set) var isWritable = true
    /// Hand-overs to the channel that were flushed.
    package private(set) var flushes = 0
    /// Runs once, within the next flush, as a socket's change of mind does.
    package var whileFlushing: (() -> Void)?
    private var isOpen = true
    private let allowsHalfClosure: Bool
    /// The handler has ended its sending (its FIN).
    package private(set) var isOutputClosed = false

    /// - Parameter allowsHalfClosure: the peer's FIN ends its sending alone.
    package init(
        loop: any EventLoop, remoteAddress: SocketAddress? = nil, allowsHalfClosure: Bool = false
    ) {
        self.allowsHalfClosure = allowsHalfClosure
        self.remoteAddress = remoteAddress
        eventLoop = loop
        closing = loop.makePromise()
        pipelineStorage = ChannelPipeline(channel: self)
    }

    package var closeFuture: EventLoopFuture<Void> { closing.futureResult }
    package var _channelCore: any ChannelCore { self }
    package var pipeline: ChannelPipeline {
        guard let pipelineStorage else { preconditionFailure("set by init") }
        return pipelineStorage
    }

    /// The connection stands.
    package func activate() {
        isActive = true
        pipeline.fireChannelRegistered()
        pipeline.fireChannelActive()
    }

    /// Bytes come from the peer.
    package func receive(_ bytes: ByteBuffer) {
        pipeline.fireChannelRead(bytes)
        pipeline.fireChannelReadComplete()
    }

    /// The peer ends its sending (its FIN); the channel lives on unless both sides have.
    package func endInput() {
        guard allowsHalfClosure, !isOutputClosed else { return close(mode: .all, promise: nil) }
        pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    }

    /// What was flushed since the last question.
    package func takeWritten() -> [ByteBuffer] {
        defer { flushed = [] }
        return flushed
    }

    /// The peer's socket takes no more, or some again.
    package func setWritable(_ isWritable: Bool) {
        self.isWritable = isWritable
        pipeline.fireChannelWritabilityChanged()
    }

    package func setOption<Option: ChannelOption>(
        _ option: Option, value: Option.Value
    ) -> EventLoopFuture<Void> { eventLoop.makeSucceededVoidFuture() }

    package func getOption<Option: ChannelOption>(_ option: Option) -> EventLoopFuture<Option.Value>
    {
        eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
    }

    // MARK: ChannelCore

    package func localAddress0() throws -> SocketAddress { throw ChannelError.unknownLocalAddress }
    package func remoteAddress0() throws -> SocketAddress {
        throw ChannelError.operationUnsupported
    }
    package func register0(promise: EventLoopPromise<Void>?) { promise?.succeed(()) }
    package func registerAlreadyConfigured0(promise: EventLoopPromise<Void>?) {
        promise?.succeed(())
    }
    package func bind0(to: SocketAddress, promise: EventLoopPromise<Void>?) { promise?.succeed(()) }
    package func connect0(to: SocketAddress, promise: EventLoopPromise<Void>?) {
        promise?.succeed(())
    }
    package func read0() {}
    package func channelRead0(_ data: NIOAny) {}
    package func errorCaught0(error: any Error) {}
    package func triggerUserOutboundEvent0(_ event: Any, promise: EventLoopPromise<Void>?) {
        promise?.succeed(())
    }

    package func write0(_ data: NIOAny, promise: EventLoopPromise<Void>?) {
        unflushed.append(unwrapData(data, as: ByteBuffer.self))
        promise?.succeed(())
    }

    package func flush0() {
        flushes += 1
        flushed.append(contentsOf: unflushed)
        unflushed = []
        let run = whileFlushing
        whileFlushing = nil
        run?()
    }

    package func close0(error: any Error, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard isOpen else {
            promise?.fail(ChannelError.alreadyClosed)
            return
        }
        if mode == .output {
            isOutputClosed = true
            promise?.succeed(())
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
