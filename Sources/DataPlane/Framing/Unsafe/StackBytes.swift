import NIOCore

/// A few bytes on the stack: the head of an envelope, or of a field, before it goes into a buffer in
/// one piece.
///
/// Everything written this way has a fixed greatest length, so running over is a bug and traps.
struct StackBytes<let capacity: Int> {
    private(set) var count = 0
    private var storage: [capacity of UInt8] = InlineArray(repeating: 0)

    @inline(__always)
    mutating func append(_ byte: UInt8) {
        storage[count] = byte
        count &+= 1
    }

    @inline(__always)
    mutating func append(_ text: StaticString) {
        let length = text.utf8CodeUnitCount
        precondition(count &+ length <= capacity)
        // In bounds on both sides: the literal's own count, and the line above.
        unsafe storage.withBytes { bytes in
            unsafe (bytes + count).update(from: text.utf8Start, count: length)
        }
        count &+= length
    }

    /// Appends a protobuf varint.
    @inline(__always)
    mutating func append(varint value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(truncatingIfNeeded: rest))
    }

    /// Appends a protobuf varint field unless it is zero, as proto3 writes it.
    @inline(__always)
    mutating func append(field: UInt8, varint value: UInt64) {
        if value == 0 { return }
        append(field << 3)
        append(varint: value)
    }

    /// Appends decimal digits.
    @inline(__always)
    mutating func append(decimal value: UInt64) {
        if value < 10 { return append(UInt8(truncatingIfNeeded: value) &+ 0x30) }
        var digits = 0
        var rest = value
        while rest > 0 {
            digits &+= 1
            rest /= 10
        }
        rest = value
        var position = count &+ digits
        count = position
        while rest > 0 {
            position &-= 1
            storage[position] = UInt8(truncatingIfNeeded: rest % 10) &+ 0x30
            rest /= 10
        }
    }

    /// Appends these bytes to a buffer.
    @inline(__always)
    func write(to buffer: inout ByteBuffer) {
        let span = storage.span
        buffer.writeBytes(unsafe span.bytes.extracting(0..<count))
    }
}

/// The head of an envelope: the longest, in JSON, takes 125 bytes, and what follows it at most 31.
typealias HeadBytes = StackBytes<160>

/// A field's tag and a varint: at most 2 and 10 bytes.
typealias FieldBytes = StackBytes<16>

extension InlineArray where Element == UInt8 {
    /// The bytes in place. The pointer must not leave `body`.
    @inline(__always)
    fileprivate mutating func withBytes(_ body: (UnsafeMutablePointer<UInt8>) -> Void) {
        var span = self.mutableSpan
        unsafe span.withUnsafeMutableBufferPointer { buffer in
            if let base = buffer.baseAddress { unsafe body(base) }
        }
    }
}
