package import NIOCore
package import NIOHTTP1
import SluiceFraming

/// What `HTTP1Reader` found.
package enum HTTP1Event {
    /// A request begins. Its body follows, if only as an `end`.
    case head(HTTPRequestHead)
    /// Some of the body, not empty.
    case body(ByteBuffer)
    /// The request is whole. Trailer fields have been checked and dropped.
    case end
}

/// Reads HTTP/1.1 and 1.0 requests (RFC 9112) and takes nothing that another reader could read
/// otherwise: see `HTTPViolation` for what is refused.
///
/// One per connection; keeps no bytes. After it has thrown nothing more may be read.
package struct HTTP1Reader {
    private enum State {
        case head
        case body(left: Int)
        case chunkSize
        case chunk(left: Int)
        case chunkEnd
        case trailer
    }

    private var state = State.head
    /// Bytes of an incomplete head, chunk line or trailer that have been looked at.
    private var scanned = 0
    private var isLineChecked = false
    /// Empty lines in front of a request, of which one is forgiven (RFC 9112 section 2.2).
    private var emptyLines = 0
    /// Bytes of chunk extensions of this body.
    private var extensionBytes = 0
    private let maxHeadBytes: Int
    private let maxFields: Int

    /// Longest line with a chunk's size.
    private static let maxChunkLine = 256

    /// - Parameters:
    ///   - maxHeadBytes: greatest size of a head, and of a trailer.
    ///   - maxFields: greatest number of header fields, and of trailer fields.
    package init(maxHeadBytes: Int, maxFields: Int) {
        self.maxHeadBytes = maxHeadBytes
        self.maxFields = maxFields
    }

    /// Whether the next byte begins a request.
    package var isBetweenRequests: Bool {
        if case .head = state { scanned == 0 } else { false }
    }

    /// Whether the request whose head was read last has a body, and not all of it has been taken.
    package var expectsBody: Bool {
        switch state {
        case .head: false
        case .body(let left): left > 0
        case .chunkSize, .chunk, .chunkEnd, .trailer: true
        }
    }

    /// Takes the next event out of `input`; nil when more bytes are needed.
    package mutating func next(_ input: inout ByteBuffer) throws(HTTPViolation) -> HTTP1Event? {
        while true {
            switch state {
            case .head: return try head(&input)
            case .body(let left):
                guard left > 0 else { return finish() }
                guard let part = part(&input, left) else { return nil }
                state = .body(left: left - part.readableBytes)
                return .body(part)
            case .chunkSize:
                guard let size = try chunkSize(&input) else { return nil }
                state = size == 0 ? .trailer : .chunk(left: size)
            case .chunk(let left):
                guard let part = part(&input, left) else { return nil }
                let rest = left - part.readableBytes
                state = rest == 0 ? .chunkEnd : .chunk(left: rest)
                return .body(part)
            case .chunkEnd:
                guard try lineBreak(&input) else { return nil }
                state = .chunkSize
            case .trailer: return try trailer(&input)
            }
        }
    }

    private mutating func finish() -> HTTP1Event {
        state = .head
        scanned = 0
        isLineChecked = false
        emptyLines = 0
        extensionBytes = 0
        return .end
    }

    private func part(_ input: inout ByteBuffer, _ left: Int) -> ByteBuffer? {
        let count = min(left, input.readableBytes)
        return count > 0 ? input.readSlice(length: count) : nil
    }

    // MARK: Head

    private mutating func head(_ input: inout ByteBuffer) throws(HTTPViolation) -> HTTP1Event? {
        if scanned == 0 {
            while input.readableBytes > 0, input.readableBytesSpan.byte(at: 0) == 0x0D {
                guard input.readableBytes > 1 else { return nil }
                guard try lineBreak(&input) else { return nil }
                emptyLines += 1
                if emptyLines > 1 { throw .requestLine }
            }
        }
        guard let end = try endOfFields(input) else { return nil }
        let (head, framing) = try HTTP1Head.parse(
            input.readableBytesSpan.extracting(0..<end), in: input, maxFields: maxFields)
        input.moveReaderIndex(forwardBy: end)
        scanned = 0
        switch framing {
        case .length(let length): state = .body(left: length)
        case .chunked: state = .chunkSize
        }
        return .head(head)
    }

    /// Looks for the empty line that ends a head; the count of bytes up to it, itself included.
    private mutating func endOfFields(_ input: ByteBuffer) throws(HTTPViolation) -> Int? {
        let bytes = input.readableBytesSpan
        var index = scanned
        while index < bytes.byteCount {
            let byte = bytes.byte(at: index)
            if byte > 0x1F, byte != 0x7F {
                index += 1
                continue
            }
            if byte == 0x09 {
                index += 1
                continue
            }
            guard byte == 0x0D else { throw byte == 0x0A ? .lineEnd : .controlCharacter }
            guard index + 1 < bytes.byteCount else { break }
            guard bytes.byte(at: index + 1) == 0x0A else { throw .lineEnd }
            if !isLineChecked {
                // At once: a request without version, or another protocol, never ends with an empty line.
                _ = try HTTP1Head.requestLine(bytes.extracting(0..<index), in: input)
                isLineChecked = true
            }
            if index >= 2, bytes.byte(at: index - 1) == 0x0A {
                guard index + 2 <= maxHeadBytes else { throw .headTooLarge }
                return index + 2
            }
            index += 2
        }
        scanned = index
        if index > maxHeadBytes { throw .headTooLarge }
        return nil
    }

    // MARK: Chunks (RFC 9112 section 7.1)

    private mutating func chunkSize(_ input: inout ByteBuffer) throws(HTTPViolation) -> Int? {
        let whole = input
        let bytes = whole.readableBytesSpan
        var size = 0
        var index = 0
        while index < bytes.byteCount, let digit = HTTPCharacters.hexDigit(bytes.byte(at: index)) {
            // 15 digits: far from overflow, and no chunk is that large.
            guard index < 15 else { throw .chunk }
            size = size << 4 | digit
            index += 1
        }
        if index < bytes.byteCount, index == 0 { throw .chunk }
        let digits = index
        if index < bytes.byteCount, bytes.byte(at: index) != 0x0D {
            guard bytes.byte(at: index) == UInt8(ascii: ";") else { throw .chunk }
            while index < bytes.byteCount, bytes.byte(at: index) != 0x0D {
                guard bytes.byte(at: index) > 0x20, bytes.byte(at: index) < 0x7F else {
                    throw .chunk
                }
                index += 1
            }
        }
        guard index < Self.maxChunkLine else { throw .chunk }
        guard index + 1 < bytes.byteCount else { return nil }
        guard bytes.byte(at: index + 1) == 0x0A else { throw .chunk }
        extensionBytes += index - digits
        guard extensionBytes <= maxHeadBytes else { throw .chunk }
        input.moveReaderIndex(forwardBy: index + 2)
        return size
    }

    /// A CRLF and nothing else; false when it is not there yet.
    private func lineBreak(_ input: inout ByteBuffer) throws(HTTPViolation) -> Bool {
        let whole = input
        let bytes = whole.readableBytesSpan
        if bytes.byteCount > 0, bytes.byte(at: 0) != 0x0D { throw .chunk }
        guard bytes.byteCount > 1 else { return false }
        guard bytes.byte(at: 1) == 0x0A else { throw .lineEnd }
        input.moveReaderIndex(forwardBy: 2)
        return true
    }

    /// The fields behind the last chunk: checked like those of a head, and dropped.
    private mutating func trailer(_ input: inout ByteBuffer) throws(HTTPViolation) -> HTTP1Event? {
        let whole = input
        let bytes = whole.readableBytesSpan
        if bytes.byteCount >= 2, bytes.byte(at: 0) == 0x0D, bytes.byte(at: 1) == 0x0A {
            input.moveReaderIndex(forwardBy: 2)
            return finish()
        }
        isLineChecked = true
        guard bytes.byteCount > 0, let end = try endOfFields(input) else { return nil }
        let fields = try HTTP1Head.fields(
            bytes.extracting(0..<end - 2), from: 0, in: input, maxFields: maxFields)
        for name in ["content-length", "transfer-encoding", "host"]
        where fields.contains(name: name) {
            throw .trailer
        }
        input.moveReaderIndex(forwardBy: end)
        return finish()
    }
}
