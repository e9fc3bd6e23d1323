package import NIOCore

/// Messages of `sluice.v1.Backend` (Protos/backend.proto), as they stand in a gRPC stream.
///
/// The bodies are those of the native link, so that what is read and written there is read and
/// written here: a `CallRequest` is an envelope with the command's name behind it.
package enum BackendMessage {
    /// Before each message: a byte that says whether it is compressed, and 32 bits of length.
    package static let prefixBytes = 5

    /// Appends a `CallRequest`.
    /// - Parameter envelope: the body of a native call frame.
    package static func write(call envelope: RawSpan, command: String, to buffer: inout ByteBuffer)
    {
        let start = begin(&buffer)
        buffer.writeBytes(envelope)
        write(field: 36, count: command.utf8.count, to: &buffer)
        buffer.writeString(command)
        end(start, &buffer)
    }

    /// Appends the `ToBackend` that begins a stream.
    /// - Parameter hello: the body of a native hello.
    package static func write(hello: RawSpan, to buffer: inout ByteBuffer) {
        let start = begin(&buffer)
        write(field: 1, count: hello.byteCount, to: &buffer)
        buffer.writeBytes(hello)
        end(start, &buffer)
    }

    /// Appends the `ToBackend` with the result of a push.
    /// - Parameter result: the body of a native pushResult.
    package static func write(result: RawSpan, id: UInt32, to buffer: inout ByteBuffer) {
        let start = begin(&buffer)
        var number = FieldBytes()
        number.append(0x80)
        number.append(0x01)
        number.append(varint: UInt64(id))
        write(field: 2, count: result.byteCount &+ number.count, to: &buffer)
        buffer.writeBytes(result)
        number.write(to: &buffer)
        end(start, &buffer)
    }

    /// Appends a message without a field: the question of `grpc.health.v1.Health/Check`.
    package static func writeEmpty(to buffer: inout ByteBuffer) {
        end(begin(&buffer), &buffer)
    }

    /// Takes the next whole message out of `input`.
    ///
    /// - Returns: nil when more bytes are needed; `input` is then unchanged.
    /// - Throws: where it is compressed, which nobody asked for, or longer than `maxBytes`.
    package static func read(
        _ input: inout ByteBuffer, maxBytes: Int
    ) throws(LinkError) -> ByteBuffer? {
        guard input.readableBytes >= prefixBytes else { return nil }
        let isCompressed = input.readableBytesSpan.byte(at: 0) != 0
        let length = input.readableBytesSpan.bigEndian32(at: 1)
        guard !isCompressed else { throw .badBody(.reply) }
        guard Int(length) <= maxBytes else { throw .tooLarge(length: length) }
        guard input.readableBytes >= prefixBytes + Int(length) else { return nil }
        input.moveReaderIndex(forwardBy: prefixBytes)
        return input.readSlice(length: Int(length))
    }

    /// Reads a `ToGateway`: a push in the form of the native link's.
    package static func push(in message: ByteBuffer) throws(LinkError) -> (
        id: UInt32, body: ByteBuffer
    ) {
        var id: UInt32 = 0
        var range = ByteRange.none
        do throws(EnvelopeError) {
            let bytes = message.readableBytesSpan
            var reader = ProtobufReader()
            while let tag = try reader.nextTag(bytes) {
                switch tag {
                case 1 << 3: id = UInt32(truncatingIfNeeded: try reader.varint(bytes))
                case 2 << 3 | 2: range = try reader.lengthDelimited(bytes)
                default: try reader.skip(tag, bytes)
                }
            }
        } catch {
            throw .badBody(.push)
        }
        let start = message.readerIndex + Int(range.start)
        return (id, message.getSlice(at: start, length: Int(range.count)) ?? ByteBuffer())
    }

    /// Whether a `grpc.health.v1.HealthCheckResponse` says SERVING (1).
    package static func isServing(_ message: ByteBuffer) -> Bool {
        let bytes = message.readableBytesSpan
        var reader = ProtobufReader()
        var status: UInt64 = 0
        do throws(EnvelopeError) {
            while let tag = try reader.nextTag(bytes) {
                if tag == 1 << 3 {
                    status = try reader.varint(bytes)
                } else {
                    try reader.skip(tag, bytes)
                }
            }
        } catch {
            return false
        }
        return status == 1
    }

    private static func begin(_ buffer: inout ByteBuffer) -> Int {
        buffer.writeRepeatingByte(0, count: prefixBytes)
        return buffer.writerIndex
    }

    private static func end(_ start: Int, _ buffer: inout ByteBuffer) {
        buffer.setInteger(UInt32(truncatingIfNeeded: buffer.writerIndex - start), at: start - 4)
    }

    /// The tag and length of a field that the caller appends.
    private static func write(field: UInt32, count: Int, to buffer: inout ByteBuffer) {
        var head = FieldBytes()
        head.append(varint: UInt64(field << 3 | 2))
        head.append(varint: UInt64(count))
        head.write(to: &buffer)
    }
}
