package import NIOCore
package import SluiceVocabulary

/// What `WebSocketReader` found.
package enum WebSocketEvent: Sendable, Equatable {
    /// A whole data message, in `scratch`.
    case message(isText: Bool)
    /// Answer with a pong of the same body, which is in `scratch`.
    case ping
    case pong
    /// The peer closes; nil where it gave no code. Answer with a close frame of the same code.
    case close(code: UInt16?)
}

/// A peer that breaks RFC 6455, or a limit. The connection closes with this reason.
package struct WebSocketError: Error, Sendable, Equatable {
    package var closeReason: CloseReason

    @inlinable
    package init(closeReason: CloseReason) { self.closeReason = closeReason }
}

/// Reads a client's WebSocket frames (RFC 6455, server side).
///
/// One per connection; small when idle, and no bytes are kept here but those of a fragmented message
/// under way. After it has thrown or given `close`, nothing more may be read from the connection.
package struct WebSocketReader {
    private let maxMessageBytes: Int32
    /// Opcode of the fragmented message under way; nil between messages.
    private var fragmentedOpcode: WebSocketOpcode?
    /// How much of `fragments` is known to be UTF-8.
    private var checkedUTF8Count: Int32 = 0
    /// The unmasked fragments so far. Given back at the message's end, so that idle connections hold none.
    private var fragments: ByteBuffer?

    /// - Parameter maxMessageBytes: greatest size of a message, all its fragments together. A frame
    ///   that would go over it is refused as soon as its header is read.
    package init(maxMessageBytes: Int) {
        self.maxMessageBytes = Int32(clamping: maxMessageBytes)
    }

    /// Whether a fragmented message is under way.
    package var isInsideMessage: Bool { fragmentedOpcode != nil }

    /// A frame's header, read.
    private struct Header {
        var isFinal: Bool
        var opcode: WebSocketOpcode
        var bytes: Int
        var payloadBytes: Int
        var key: UInt32
    }

    /// Takes the next event out of `input`.
    ///
    /// - Parameter scratch: cleared first; then holds the unmasked message, or a ping's body.
    /// - Returns: nil when more bytes are needed; bytes of an incomplete frame stay in `input`.
    /// - Throws: `protocolError`, `tooLarge` or `invalidUTF8`, as soon as the bytes at hand show it.
    package mutating func next(
        _ input: inout ByteBuffer, scratch: inout ByteBuffer
    ) throws(WebSocketError) -> WebSocketEvent? {
        while let header = try readHeader(input) {
            let total = header.bytes &+ header.payloadBytes
            guard input.readableBytes >= total else { return nil }
            scratch.clear()
            if header.opcode.isControl || (header.isFinal && header.opcode != .continuation) {
                scratch.writeUnmasked(
                    input.readableBytesSpan, from: header.bytes, count: header.payloadBytes,
                    key: header.key)
                input.moveReaderIndex(forwardBy: total)
                return try whole(header, scratch)
            }
            if let event = try fragment(header, input, total: total, scratch: &scratch) {
                input.moveReaderIndex(forwardBy: total)
                return event
            }
            input.moveReaderIndex(forwardBy: total)
        }
        return nil
    }

    /// An unfragmented message or a control frame.
    @inline(__always)
    private func whole(_ header: Header, _ body: ByteBuffer) throws(WebSocketError)
        -> WebSocketEvent
    {
        switch header.opcode {
        case .binary: return .message(isText: false)
        case .ping: return .ping
        case .pong: return .pong
        case .close: return .close(code: try Self.closeCode(body))
        case .text, .continuation:
            let bytes = body.readableBytesSpan
            guard UTF8Check.isValid(bytes, in: 0..<bytes.byteCount) else {
                throw WebSocketError(closeReason: .invalidUTF8)
            }
            return .message(isText: true)
        }
    }

    /// A frame of a fragmented message (section 5.4). Gives the event when it was the last.
    private mutating func fragment(
        _ header: Header, _ input: ByteBuffer, total: Int, scratch: inout ByteBuffer
    ) throws(WebSocketError) -> WebSocketEvent? {
        let opcode = fragmentedOpcode ?? header.opcode
        var assembled = fragments ?? ByteBuffer()
        fragments = nil
        assembled.writeUnmasked(
            input.readableBytesSpan, from: header.bytes, count: header.payloadBytes, key: header.key
        )
        if opcode == .text {
            checkedUTF8Count = try Self.checkText(
                assembled, from: checkedUTF8Count, isFinal: header.isFinal)
        }
        guard header.isFinal else {
            fragmentedOpcode = opcode
            fragments = assembled
            return nil
        }
        fragmentedOpcode = nil
        checkedUTF8Count = 0
        scratch.writeImmutableBuffer(assembled)
        return .message(isText: opcode == .text)
    }

    /// Checks what has come of a text, so that a bad one ends at the fragment that makes it bad
    /// (section 8.1); a character may be split between fragments.
    private static func checkText(
        _ assembled: ByteBuffer, from checked: Int32, isFinal: Bool
    ) throws(WebSocketError) -> Int32 {
        let bytes = assembled.readableBytesSpan
        switch UTF8Check.check(bytes, in: Int(checked)..<bytes.byteCount) {
        case .valid: return Int32(truncatingIfNeeded: bytes.byteCount)
        case .incomplete(let validEnd) where !isFinal: return Int32(truncatingIfNeeded: validEnd)
        case .incomplete, .invalid: throw WebSocketError(closeReason: .invalidUTF8)
        }
    }

    /// Reads a header (section 5.2) and checks all it says. Nil when it is not whole yet and what is
    /// there is not wrong.
    @inline(__always)
    private func readHeader(_ input: ByteBuffer) throws(WebSocketError) -> Header? {
        let bytes = input.readableBytesSpan
        let available = bytes.byteCount
        guard available >= 1 else { return nil }
        let first = bytes.byte(at: 0)
        // Reserved bits: no extension was negotiated. Opcodes 3-7 and 11-15 are reserved too.
        guard first & 0x70 == 0, let opcode = WebSocketOpcode(rawValue: first & 0x0F) else {
            throw WebSocketError(closeReason: .protocolError)
        }
        let isFinal = first & 0x80 != 0
        try checkOrder(opcode, isFinal: isFinal)
        guard available >= 2 else { return nil }
        let second = bytes.byte(at: 1)
        // Clients must mask (section 5.1).
        guard second & 0x80 != 0 else { throw WebSocketError(closeReason: .protocolError) }
        var headerBytes = 6
        var count = Int(second & 0x7F)
        if count > 125 {
            guard !opcode.isControl else { throw WebSocketError(closeReason: .protocolError) }
            let isLong = count == 127
            headerBytes = isLong ? 14 : 8
            guard available >= headerBytes &- 4 else { return nil }
            count = try Self.longCount(bytes, isLong: isLong)
        }
        try checkSize(count, opcode)
        guard available >= headerBytes else { return nil }
        let key = UInt32(bigEndian: bytes.bigEndian32(at: headerBytes &- 4))
        return Header(
            isFinal: isFinal, opcode: opcode, bytes: headerBytes, payloadBytes: count, key: key)
    }

    /// Control frames are not fragmented (section 5.5); a continuation continues something and nothing
    /// else comes between (section 5.4).
    @inline(__always)
    private func checkOrder(_ opcode: WebSocketOpcode, isFinal: Bool) throws(WebSocketError) {
        let isGood =
            if opcode.isControl { isFinal } else {
                (opcode == .continuation) == (fragmentedOpcode != nil)
            }
        guard isGood else { throw WebSocketError(closeReason: .protocolError) }
    }

    /// A length of 16 or 64 bits. The shortest form must be used and the highest bit must be 0
    /// (section 5.2).
    private static func longCount(_ bytes: RawSpan, isLong: Bool) throws(WebSocketError) -> Int {
        guard isLong else {
            let count = Int(bytes.bigEndian16(at: 2))
            guard count > 125 else { throw WebSocketError(closeReason: .protocolError) }
            return count
        }
        let count = bytes.bigEndian64(at: 2)
        guard count > 0xFFFF, count <= UInt64(Int64.max) else {
            throw WebSocketError(closeReason: .protocolError)
        }
        return Int(count)
    }

    @inline(__always)
    private func checkSize(_ count: Int, _ opcode: WebSocketOpcode) throws(WebSocketError) {
        if opcode.isControl { return }
        let before = fragments?.readableBytes ?? 0
        guard count <= Int(maxMessageBytes) &- before else {
            throw WebSocketError(closeReason: .tooLarge)
        }
    }

    /// The code of a close frame's body (sections 5.5.1 and 7.4).
    private static func closeCode(_ body: ByteBuffer) throws(WebSocketError) -> UInt16? {
        let bytes = body.readableBytesSpan
        if bytes.byteCount == 0 { return nil }
        guard bytes.byteCount >= 2 else { throw WebSocketError(closeReason: .protocolError) }
        let code = bytes.bigEndian16(at: 0)
        switch code {
        // 1004-1006 and 1015 must not be sent; 1016-2999 belong to nobody yet.
        case 1000...1003, 1007...1014, 3000...4999: break
        default: throw WebSocketError(closeReason: .protocolError)
        }
        guard UTF8Check.isValid(bytes, in: 2..<bytes.byteCount) else {
            throw WebSocketError(closeReason: .invalidUTF8)
        }
        return code
    }
}
