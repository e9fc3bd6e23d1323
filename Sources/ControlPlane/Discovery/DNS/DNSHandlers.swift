import NIOCore

/// Waits for the datagram that answers; others are none of ours and are passed over.
final class DNSDatagramHandler: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private let expected: DNSExpectation
    private let answer: EventLoopPromise<DNSMessage>

    init(_ expected: DNSExpectation, _ answer: EventLoopPromise<DNSMessage>) {
        self.expected = expected
        self.answer = answer
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = Array(unwrapInboundIn(data).data.readableBytesView)
        // What cannot be read or answers another question may be forged: the true one may follow.
        guard let message = try? DNSReader.read(bytes), expected.isMet(by: message) else { return }
        answer.succeed(message)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { answer.fail(error) }

    func channelInactive(context: ChannelHandlerContext) { answer.fail(ChannelError.eof) }
}

/// Reads one answer behind its two bytes of length.
final class DNSStreamHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let expected: DNSExpectation
    private let answer: EventLoopPromise<DNSMessage>
    private var bytes = ByteBuffer()

    init(_ expected: DNSExpectation, _ answer: EventLoopPromise<DNSMessage>) {
        self.expected = expected
        self.answer = answer
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var part = unwrapInboundIn(data)
        bytes.writeBuffer(&part)
        // At most 65,537 bytes: the length has two.
        guard let length = bytes.getInteger(at: bytes.readerIndex, as: UInt16.self),
            let body = bytes.getBytes(at: bytes.readerIndex + 2, length: Int(length))
        else { return }
        do throws(DNSProblem) {
            let message = try DNSReader.read(body)
            guard expected.isMet(by: message) else { throw .notAnAnswer }
            answer.succeed(message)
        } catch {
            answer.fail(error)
        }
        context.close(promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        answer.fail(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { answer.fail(ChannelError.eof) }
}
