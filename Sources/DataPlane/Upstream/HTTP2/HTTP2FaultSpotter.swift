package import NIOCore
import NIOHTTP2

/// Tells errors of a whole HTTP/2 connection from those of one stream, by what NIO's handler writes.
///
/// The handler reports both by the same call. Before the one it says GOAWAY with the reason, before the
/// other nothing of the kind. Every frame begins a buffer of its own; the bytes of a DATA frame follow
/// in another.
package struct HTTP2FaultSpotter {
    /// Bytes of a frame that are still to come.
    private var owed = 0
    /// Since `begin`.
    private var hasGivenUp = false

    package init() {}

    /// Something has come and is about to be read.
    package mutating func begin() { hasGivenUp = false }

    /// Takes one buffer as it is written.
    package mutating func wrote(_ buffer: ByteBuffer) {
        let (start, count) = (buffer.readerIndex, buffer.readableBytes)
        if owed > 0 {
            owed -= count
            return
        }
        // The preface of a client is no frame (RFC 9113 section 3.4).
        guard let head = buffer.getInteger(at: start, as: UInt32.self), count >= 9,
            head != 0x5052_4920
        else { return }
        owed = max(0, Int(head >> 8) + 9 - count)
        // GOAWAY: its reason stands behind the last stream. NO_ERROR is a drain.
        if head & 0xFF == 0x07, buffer.getInteger(at: start + 13, as: UInt32.self) ?? 0 != 0 {
            hasGivenUp = true
        }
    }

    /// Whether the connection is of no more use. What ends only a stream is told to that.
    package func isFatal(_ error: any Error) -> Bool {
        guard error is any NIOHTTP2Error else { return true }
        return hasGivenUp
            // Half of a head is in the table that both sides share.
            || error is NIOHTTP2Errors.UnableToSerializeFrame
            // It wanted to say GOAWAY and could not: a drain has said what cannot be taken back.
            || error is NIOHTTP2Errors.RaisedGoawayLastStreamID
    }
}
