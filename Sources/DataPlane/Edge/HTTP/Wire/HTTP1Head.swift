import NIOCore
import NIOHTTP1
import SluiceFraming

/// The head of an HTTP/1 request, read strictly (RFC 9112 sections 3, 5 and 6).
enum HTTP1Head {
    /// How the end of the body is found.
    enum Framing {
        /// After so many bytes; 0 without a body.
        case length(Int)
        case chunked
    }

    struct RequestLine {
        var method: HTTPMethod
        var target: String
        var version: HTTPVersion
    }

    /// - Parameter bytes: the head with its last empty line, free of control characters; `input`'s first.
    static func parse(
        _ bytes: RawSpan, in input: ByteBuffer, maxFields: Int
    ) throws(HTTPViolation) -> (HTTPRequestHead, Framing) {
        var lineEnd = 0
        while bytes.byte(at: lineEnd) != 0x0D { lineEnd += 1 }
        let line = try requestLine(bytes.extracting(0..<lineEnd), in: input)
        var headers = try fields(
            bytes.extracting(0..<bytes.byteCount - 2), from: lineEnd + 2, in: input,
            maxFields: maxFields)
        let framing = try framing(headers, line.version)
        let uri = try HTTPTarget.check(line.target, method: line.method, &headers, line.version)
        return (
            HTTPRequestHead(
                version: line.version, method: line.method, uri: uri, headers: headers), framing
        )
    }

    static func requestLine(
        _ bytes: RawSpan, in input: ByteBuffer
    ) throws(HTTPViolation) -> RequestLine {
        let count = bytes.byteCount
        var first = 0
        while first < count, HTTPCharacters.isToken(bytes.byte(at: first)) { first += 1 }
        guard first > 0, first < count, bytes.byte(at: first) == 0x20 else { throw .requestLine }
        guard first <= 32 else { throw .method }
        var second = first + 1
        while second < count, bytes.byte(at: second) > 0x20, bytes.byte(at: second) < 0x7F {
            second += 1
        }
        // `SP HTTP/1.x`, and nothing behind it.
        guard second > first + 1, second < count, bytes.byte(at: second) == 0x20 else {
            throw second < count && bytes.byte(at: second) >= 0x7F ? .target : .requestLine
        }
        let version = try version(text(input, second + 1, count - second - 1))
        return RequestLine(
            method: HTTPMethod(rawValue: text(input, 0, first)),
            target: text(input, first + 1, second - first - 1), version: version)
    }

    private static func version(_ text: String) throws(HTTPViolation) -> HTTPVersion {
        switch text {
        case "HTTP/1.1": return .http1_1
        case "HTTP/1.0": return .http1_0
        default:
            let bytes = Array(text.utf8)
            let isOther =
                text.hasPrefix("HTTP/") && bytes.count == 8 && HTTPCharacters.isDigit(bytes[5])
                && bytes[6] == UInt8(ascii: ".") && HTTPCharacters.isDigit(bytes[7])
            throw isOther ? .version : .requestLine
        }
    }

    /// The fields from byte `from` on; `bytes` ends with a line's CRLF, or holds no field.
    static func fields(
        _ bytes: RawSpan, from: Int, in input: ByteBuffer, maxFields: Int
    ) throws(HTTPViolation) -> HTTPHeaders {
        var headers = HTTPHeaders()
        headers.reserveCapacity(12)
        var index = from
        var count = 0
        while index < bytes.byteCount {
            let start = index
            let first = bytes.byte(at: start)
            if first == 0x20 || first == 0x09 { throw .foldedLine }
            while HTTPCharacters.isToken(bytes.byte(at: index)) { index += 1 }
            guard index > start, bytes.byte(at: index) == UInt8(ascii: ":") else {
                throw .fieldName
            }
            let name = text(input, start, index - start)
            var valueStart = index + 1
            while isBlank(bytes.byte(at: valueStart)) { valueStart += 1 }
            index = valueStart
            while bytes.byte(at: index) != 0x0D { index += 1 }
            var valueEnd = index
            while valueEnd > valueStart, isBlank(bytes.byte(at: valueEnd - 1)) { valueEnd -= 1 }
            count += 1
            guard count <= maxFields else { throw .tooManyFields }
            headers.add(name: name, value: try value(input, valueStart, valueEnd - valueStart))
            index += 2
        }
        return headers
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    private static func text(_ input: ByteBuffer, _ offset: Int, _ count: Int) -> String {
        input.getString(at: input.readerIndex + offset, length: count) ?? ""
    }

    private static func value(
        _ input: ByteBuffer, _ offset: Int, _ count: Int
    ) throws(HTTPViolation) -> String {
        do {
            return try input.getUTF8ValidatedString(at: input.readerIndex + offset, length: count)
                ?? ""
        } catch {
            throw .fieldValue
        }
    }

    // MARK: Where the body ends (RFC 9112 section 6)

    private static func framing(
        _ headers: HTTPHeaders, _ version: HTTPVersion
    ) throws(HTTPViolation) -> Framing {
        // Some backends take an underscore for a hyphen.
        if headers.contains(name: "content_length") { throw .contentLength }
        if headers.contains(name: "transfer_encoding") { throw .transferEncoding }
        let lengths = headers["content-length"]
        let codings = headers["transfer-encoding"]
        if !codings.isEmpty {
            guard lengths.isEmpty else { throw .bothLengths }
            guard version == .http1_1, codings.count == 1, codings[0].lowercased() == "chunked"
            else { throw .transferEncoding }
            return .chunked
        }
        guard let length = lengths.first else { return .length(0) }
        guard lengths.count == 1, !length.isEmpty, length.utf8.count <= 18,
            length.utf8.allSatisfy(HTTPCharacters.isDigit), let number = Int(length)
        else { throw .contentLength }
        return .length(number)
    }
}
