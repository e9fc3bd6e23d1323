import NIOCore
import NIOHTTP1
import SluiceVocabulary

/// A command under way on an HTTP link.
final class HTTPCall {
    /// Its id in the table of pending calls.
    let stream: UInt32
    let instance: HTTPInstance
    let exchange: HTTPExchange
    let command: Command
    /// Ordered calls with one key go one after the other; nil = in no order.
    let key: UInt64?
    /// Of the request, as they count against the queue.
    let bytes: Int
    /// How often it was sent to others before.
    let attempts: UInt8
    /// The numbers of the instances that had it before.
    let asked: [Int32]
    /// When it was sent first.
    let startedAt: MonotonicTime
    var head: HTTPResponseHead?
    var body = ByteBuffer()
    var isEnded = false
    /// It is under way, or its turn has come: its lane goes on when it ends.
    var isStarting = false

    init(
        stream: UInt32, instance: HTTPInstance, exchange: HTTPExchange, command: Command,
        key: UInt64?, bytes: Int, attempts: UInt8 = 0, asked: [Int32] = [],
        startedAt: MonotonicTime
    ) {
        self.stream = stream
        self.instance = instance
        self.exchange = exchange
        self.command = command
        self.key = key
        self.bytes = bytes
        self.attempts = attempts
        self.asked = asked
        self.startedAt = startedAt
    }
}

@available(*, unavailable)
extension HTTPCall: Sendable {}

/// Ordered calls of one key: one is under way, the others wait for their turn.
struct HTTPLane {
    var waiting = CircularBuffer<HTTPCall>()
}

@available(*, unavailable)
extension HTTPLane: Sendable {}
