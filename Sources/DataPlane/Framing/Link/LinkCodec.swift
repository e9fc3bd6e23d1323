package import NIOCore

/// What a frame on a native link is for.
package enum LinkFrameKind: UInt8, Sendable, CaseIterable {
    /// First frame of both sides, on stream 0: `LinkHello`.
    case hello = 1
    /// Gateway to service, a new stream: an Envelope of kind request.
    case call = 2
    /// Service to gateway, the call's stream: an Envelope of kind reply.
    case reply = 3
    /// Service to gateway, a stream of the service's choice: `LinkPush`.
    case push = 4
    /// Gateway to service, the push's stream: `LinkPushResult`.
    case pushResult = 5
    /// Gateway to service, the call's stream: nobody waits for the answer any more. No body.
    case cancel = 6
    /// Either way, on stream 0: is anybody there? The answer repeats the body (at most 125 bytes).
    case ping = 7
    /// Either way, on stream 0: no new calls, those under way are answered. `LinkGoaway`.
    case goaway = 8
}

/// Flag bits of link frames.
package enum LinkFlags {
    /// On a ping: this is the answer to one.
    package static let answer: UInt8 = 1
}

/// One frame read from a native link. The body is a slice of the buffer it came in.
package struct LinkFrame: Sendable, Equatable {
    package var kind: LinkFrameKind
    package var flags: UInt8
    package var stream: UInt32
    package var body: ByteBuffer

    @inlinable
    package init(kind: LinkFrameKind, flags: UInt8, stream: UInt32, body: ByteBuffer) {
        self.kind = kind
        self.flags = flags
        self.stream = stream
        self.body = body
    }
}

/// Why a link's bytes cannot be read on: framing is lost, the link must close.
package enum LinkError: Error, Equatable, Sendable {
    /// The length field is below the 8 bytes that every frame has after it.
    case tooShort(length: UInt32)
    /// The frame is larger than the limit.
    case tooLarge(length: UInt32)
    /// No such frame kind.
    case unknownKind(UInt8)
    /// The reserved bytes are not zero.
    case reservedNotZero
    /// The body of a frame of this kind is not the message it should be.
    case badBody(LinkFrameKind)

    /// What is wrong, without any payload.
    package var text: String {
        switch self {
        case .tooShort(let length): "link frame of length \(length) is shorter than its header"
        case .tooLarge(let length): "link frame of length \(length) is over the limit"
        case .unknownKind(let kind): "link frame of unknown kind \(kind)"
        case .reservedNotZero: "reserved bytes of a link frame are not zero"
        case .badBody(let kind): "body of a link frame of kind \(kind.rawValue) cannot be read"
        }
    }
}

/// Frames of the native link, both sides of it (docs/native-link.md).
///
/// `u32 length, u8 kind, u8 flags, u16 zero, u32 stream, body`, big-endian. `length` counts
/// everything after the length field: 8 + the body.
package enum LinkCodec {
    /// Bytes before the body, the length field included.
    package static let headerBytes = 12

    /// Takes the next whole frame out of `input`.
    ///
    /// - Parameter maxFrameBytes: greatest value of the length field.
    /// - Returns: nil when more bytes are needed; `input` is then unchanged.
    /// - Throws: when framing is lost. As soon as the bytes show it, not only when the frame is whole.
    package static func read(
        _ input: inout ByteBuffer, maxFrameBytes: Int
    ) throws(LinkError) -> LinkFrame? {
        let available = input.readableBytes
        guard available >= 4 else { return nil }
        let length = input.readableBytesSpan.bigEndian32(at: 0)
        guard length >= 8 else { throw .tooShort(length: length) }
        guard Int(length) <= maxFrameBytes else { throw .tooLarge(length: length) }
        guard available >= headerBytes else { return nil }
        let word = input.readableBytesSpan.bigEndian64(at: 4)
        guard let kind = LinkFrameKind(rawValue: UInt8(truncatingIfNeeded: word >> 56)) else {
            throw .unknownKind(UInt8(truncatingIfNeeded: word >> 56))
        }
        guard UInt16(truncatingIfNeeded: word >> 32) == 0 else { throw .reservedNotZero }
        guard available >= 4 + Int(length) else { return nil }
        input.moveReaderIndex(forwardBy: headerBytes)
        guard let body = input.readSlice(length: Int(length) - 8) else { return nil }
        return LinkFrame(
            kind: kind, flags: UInt8(truncatingIfNeeded: word >> 48),
            stream: UInt32(truncatingIfNeeded: word), body: body)
    }

    /// Begins a frame whose body the caller appends; `endFrame` finishes it.
    ///
    /// - Returns: where the frame begins, for `endFrame`. Valid until bytes before it are discarded.
    package static func beginFrame(
        _ kind: LinkFrameKind, flags: UInt8 = 0, stream: UInt32, into buffer: inout ByteBuffer
    ) -> Int {
        let start = buffer.writerIndex
        writeHeader(kind, flags, stream, length: 0, into: &buffer)
        return start
    }

    /// Writes the length of the frame that `beginFrame` began at `start`.
    package static func endFrame(at start: Int, in buffer: inout ByteBuffer) {
        buffer.setInteger(UInt32(truncatingIfNeeded: buffer.writerIndex - start - 4), at: start)
    }

    /// Appends a whole frame.
    package static func write(
        _ kind: LinkFrameKind, flags: UInt8 = 0, stream: UInt32, body: RawSpan,
        into buffer: inout ByteBuffer
    ) {
        writeHeader(kind, flags, stream, length: 8 + body.byteCount, into: &buffer)
        buffer.writeBytes(body)
    }

    /// Appends a whole frame without a body.
    package static func write(
        _ kind: LinkFrameKind, flags: UInt8 = 0, stream: UInt32, into buffer: inout ByteBuffer
    ) {
        endFrame(at: beginFrame(kind, flags: flags, stream: stream, into: &buffer), in: &buffer)
    }

    @inline(__always)
    private static func writeHeader(
        _ kind: LinkFrameKind, _ flags: UInt8, _ stream: UInt32, length: Int,
        into buffer: inout ByteBuffer
    ) {
        buffer.writeInteger(UInt32(truncatingIfNeeded: length))
        buffer.writeInteger(UInt64(kind.rawValue) << 56 | UInt64(flags) << 48 | UInt64(stream))
    }
}
