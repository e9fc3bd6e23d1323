package import NIOCore
package import SluiceVocabulary

/// Messages on a TCP connection: four bytes of length, big-endian, then an envelope.
///
/// Keeps nothing between calls: what is not whole stays in the caller's buffer.
package enum LengthPrefix {
    /// Bytes before each message.
    package static let headerBytes = 4

    /// A length over the limit. The connection closes with `tooLarge`: nothing after it can be read.
    package struct TooLarge: Error, Equatable {}

    /// Takes the next message out of `input`; it shares the input's bytes.
    ///
    /// - Parameter maxMessageBytes: greatest length, the four bytes not counted.
    /// - Returns: nil when more bytes are needed; those of an incomplete message stay in `input`.
    /// - Throws: as soon as the length is there, so that nothing is kept of what is too large.
    package static func next(
        _ input: inout ByteBuffer, maxMessageBytes: Int
    ) throws(TooLarge) -> ByteBuffer? {
        guard
            let length = input.getInteger(at: input.readerIndex, as: UInt32.self).map(Int.init)
        else { return nil }
        guard length <= maxMessageBytes else { throw TooLarge() }
        guard input.readableBytes >= headerBytes + length else { return nil }
        input.moveReaderIndex(forwardBy: headerBytes)
        return input.readSlice(length: length)
    }

    /// The codec that a connection's first message shows.
    ///
    /// `{` begins a JSON object. In protobuf it would begin a group, which proto3 does not write.
    package static func codec(of message: ByteBuffer) -> Codec {
        message.getInteger(at: message.readerIndex, as: UInt8.self) == UInt8(ascii: "{")
            ? .json : .protobuf
    }
}
