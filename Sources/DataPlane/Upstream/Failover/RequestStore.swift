import NIOCore
import SluiceVocabulary

/// Requests that may be sent again, kept until their answer comes: of `retry_safe` commands of
/// services with more than one instance.
///
/// Buffers are used again: keeping a request copies it and allocates nothing once enough are there.
struct RequestStore {
    /// A buffer that one request has made larger is not kept for the next.
    private static let keptCapacity = 4_096

    private struct Entry {
        var buffer = ByteBuffer()
        var sequence: UInt64 = 0
        var sentAt = MonotonicTime(nanoseconds: 0)
        var nextFree: Int32 = -1
    }

    private let maxBytes: Int
    private var entries: [Entry] = []
    private var firstFree: Int32 = -1
    private var nextSequence: UInt64 = 0
    /// Bytes of all kept requests.
    private(set) var bytes = 0

    init(maxBytes: Int) { self.maxBytes = maxBytes }

    /// Keeps a request.
    /// - Returns: where it is; -1 when there is no room for it.
    mutating func keep(_ envelope: RawSpan, stamp: [UInt8], now: MonotonicTime) -> Int32 {
        let count = envelope.byteCount &+ stamp.count
        guard bytes &+ count <= maxBytes else { return -1 }
        if firstFree < 0 {
            firstFree = Int32(truncatingIfNeeded: entries.count)
            entries.append(Entry())
        }
        let index = firstFree
        let place = Int(index)
        firstFree = entries[place].nextFree
        entries[place].buffer.clear()
        entries[place].buffer.reserveCapacity(count)
        entries[place].buffer.writeBytes(envelope)
        entries[place].buffer.writeBytes(stamp)
        entries[place].sequence = nextSequence
        entries[place].sentAt = now
        nextSequence &+= 1
        bytes &+= count
        return index
    }

    /// Envelope and stamp.
    func request(_ index: Int32) -> ByteBuffer { entries[Int(index)].buffer }

    /// The order in which requests were kept.
    func sequence(_ index: Int32) -> UInt64 { entries[Int(index)].sequence }

    /// When it was sent for the first time.
    func sentAt(_ index: Int32) -> MonotonicTime { entries[Int(index)].sentAt }

    mutating func release(_ index: Int32) {
        let place = Int(index)
        bytes &-= entries[place].buffer.readableBytes
        if entries[place].buffer.capacity > Self.keptCapacity {
            entries[place].buffer = ByteBuffer()
        }
        entries[place].nextFree = firstFree
        firstFree = index
    }
}
