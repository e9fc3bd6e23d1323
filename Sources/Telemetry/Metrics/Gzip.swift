import CZlib

/// Compression as HTTP's `gzip` coding wants it (RFC 1952), by zlib.
package enum Gzip {
    /// The fastest level: a metrics page shrinks to a twentieth with it, and no further with more.
    private static let level: Int32 = 1
    /// The largest window (2^15), and 16 for gzip's head and check sum (`zlib.h`, deflateInit2).
    private static let windowBits: Int32 = 15 + 16
    private static let memoryLevel: Int32 = 8

    /// The bytes compressed; nil when zlib has no memory, so that they are sent as they are.
    package static func compress(_ bytes: [UInt8]) -> [UInt8]? {
        guard bytes.count < Int(UInt32.max) else { return nil }
        var stream = unsafe z_stream()
        let size = unsafe Int32(MemoryLayout<z_stream>.size)
        guard
            unsafe deflateInit2_(
                &stream, level, Z_DEFLATED, windowBits, memoryLevel, Z_DEFAULT_STRATEGY,
                ZLIB_VERSION, size) == Z_OK
        else { return nil }
        defer { unsafe deflateEnd(&stream) }
        let bound = Int(unsafe deflateBound(&stream, UInt(bytes.count)))
        var input = bytes
        let output = unsafe [UInt8](unsafeUninitializedCapacity: bound) { room, count in
            unsafe input.withUnsafeMutableBufferPointer { source in
                unsafe stream.next_in = source.baseAddress
                unsafe stream.avail_in = UInt32(source.count)
                unsafe stream.next_out = room.baseAddress
                unsafe stream.avail_out = UInt32(bound)
                let isWhole = unsafe deflate(&stream, Z_FINISH) == Z_STREAM_END
                count = isWhole ? Int(unsafe stream.total_out) : 0
            }
        }
        return output.isEmpty ? nil : output
    }
}
