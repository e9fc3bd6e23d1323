package import NIOCore
package import SluiceVocabulary

/// What a proxy in front says of a connection before its first byte: the PROXY protocol, versions 1
/// and 2 (haproxy.org, proxy-protocol.txt).
package struct ProxyHeader: Sendable, Equatable {
    /// Where the client comes from; nil = the proxy speaks for itself (LOCAL) or cannot say (UNKNOWN,
    /// a Unix socket): the connection's own address counts.
    package var source: Source?

    /// An address and port.
    package struct Source: Sendable, Equatable {
        package var address: IPAddress
        package var port: Int

        package init(address: IPAddress, port: Int) {
            self.address = address
            self.port = port
        }
    }

    package init(source: Source?) { self.source = source }

    /// The bytes are no PROXY header, or a broken one; nothing after them can be trusted.
    package struct Malformed: Error, Equatable {
        /// What is wrong, in words of ours.
        package let text: String
    }

    /// What a binary header (version 2) begins with, section 2.2.
    static let signature: [UInt8] = [
        0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,
    ]
    private static let textStart = Array("PROXY ".utf8)
    /// The longest text header with its line end, section 2.1.
    private static let maxTextBytes = 107

    /// Takes a header from the start of `input`.
    ///
    /// - Parameter maxBytes: the longest header taken; extensions (TLVs) count.
    /// - Returns: nil when more bytes are needed; then nothing is taken.
    /// - Throws: as soon as the bytes at hand show that this is no header.
    package static func read(
        _ input: inout ByteBuffer, maxBytes: Int
    ) throws(Malformed) -> ProxyHeader? {
        let bytes = input.readableBytesView
        let isBinary = bytes.first == signature[0]
        let start = isBinary ? signature : textStart
        guard bytes.prefix(start.count).elementsEqual(start.prefix(bytes.count)) else {
            throw Malformed(text: "it does not begin with a PROXY header")
        }
        guard bytes.count >= start.count else { return nil }
        return isBinary
            ? try binary(&input, maxBytes: maxBytes) : try text(&input)
    }

    // MARK: Version 1

    private static func text(_ input: inout ByteBuffer) throws(Malformed) -> ProxyHeader? {
        let line = input.readableBytesView.prefix(maxTextBytes)
        guard let end = line.firstIndex(of: 0x0A) else {
            if line.count == maxTextBytes { throw Malformed(text: "the line has no end") }
            return nil
        }
        guard end > line.startIndex, line[end - 1] == 0x0D else {
            throw Malformed(text: "the line does not end with CR LF")
        }
        let words = line[..<(end - 1)].split(separator: 0x20, omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        input.moveReaderIndex(to: end + 1)
        // Whatever follows UNKNOWN must be ignored.
        if words.count > 1, words[1] == "UNKNOWN" { return ProxyHeader(source: nil) }
        guard words.count == 6, words[1] == "TCP4" || words[1] == "TCP6" else {
            throw Malformed(text: "it is neither TCP4 nor TCP6 with four fields, nor UNKNOWN")
        }
        let isV6 = words[1] == "TCP6"
        guard let source = address(words[2], isV6: isV6), address(words[3], isV6: isV6) != nil,
            let sourcePort = port(words[4]), port(words[5]) != nil
        else { throw Malformed(text: "an address or port is wrong") }
        return ProxyHeader(source: Source(address: source, port: sourcePort))
    }

    private static func address(_ text: String, isV6: Bool) -> IPAddress? {
        guard text.contains(":") == isV6, !text.contains("%") else { return nil }
        return IPAddress(text)
    }

    private static func port(_ text: String) -> Int? {
        guard (1...5).contains(text.utf8.count),
            text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            text.count == 1 || text.first != "0", let port = Int(text), port <= 65_535
        else { return nil }
        return port
    }

    // MARK: Version 2

    /// The signature, version and command, family, and the length of the rest.
    private static let fixedBytes = 16

    private static func binary(
        _ input: inout ByteBuffer, maxBytes: Int
    ) throws(Malformed) -> ProxyHeader? {
        let start = input.readerIndex
        guard let command = input.getInteger(at: start + 12, as: UInt8.self),
            let family = input.getInteger(at: start + 13, as: UInt8.self),
            let length = input.getInteger(at: start + 14, as: UInt16.self)
        else { return nil }
        guard command == 0x20 || command == 0x21 else {
            throw Malformed(text: "neither LOCAL nor PROXY of version 2")
        }
        let total = fixedBytes + Int(length)
        guard total <= maxBytes else {
            throw Malformed(text: "it is longer than \(maxBytes) bytes")
        }
        guard input.readableBytes >= total else { return nil }
        guard let header = input.readSlice(length: total) else { return nil }
        let addressBytes: Int
        switch family {
        case 0x00: addressBytes = 0
        case 0x11: addressBytes = 12
        case 0x21: addressBytes = 36
        case 0x31: addressBytes = 216
        default: throw Malformed(text: "the family or transport is not one of a stream")
        }
        // A proxy that speaks for itself may leave anything in the addresses, section 2.2.
        guard command == 0x21 else { return ProxyHeader(source: nil) }
        guard Int(length) >= addressBytes else {
            throw Malformed(text: "the addresses are cut off")
        }
        try checkExtensions(header, from: fixedBytes + addressBytes)
        guard family == 0x11 || family == 0x21 else { return ProxyHeader(source: nil) }
        let count = family == 0x11 ? 4 : 16
        let view = header.readableBytesView
        let first = view.startIndex + fixedBytes
        let ports = first + 2 * count
        guard let address = IPAddress(bytes: view[first..<(first + count)]) else { return nil }
        return ProxyHeader(
            source: Source(address: address, port: Int(view[ports]) << 8 | Int(view[ports + 1])))
    }

    /// Extensions (TLVs, section 2.2.2) are skipped, but must be whole; a checksum must be right.
    private static func checkExtensions(_ header: ByteBuffer, from offset: Int) throws(Malformed) {
        let bytes = Array(header.readableBytesView)
        var position = offset
        while position < bytes.count {
            guard position + 3 <= bytes.count else {
                throw Malformed(text: "an extension is cut off")
            }
            let length = Int(bytes[position + 1]) << 8 | Int(bytes[position + 2])
            let value = position + 3
            guard value + length <= bytes.count else {
                throw Malformed(text: "an extension is cut off")
            }
            if bytes[position] == 0x03 {
                try checkSum(bytes, at: value, length: length)
            }
            position = value + length
        }
    }

    /// PP2_TYPE_CRC32C: over the whole header with the sum's own bytes as zeros.
    private static func checkSum(_ bytes: [UInt8], at place: Int, length: Int) throws(Malformed) {
        guard length == 4 else { throw Malformed(text: "the checksum has no four bytes") }
        var zeroed = bytes
        for index in place..<(place + 4) { zeroed[index] = 0 }
        let told = bytes[place..<(place + 4)].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        guard CRC32C.checksum(zeroed) == told else {
            throw Malformed(text: "the checksum is wrong")
        }
    }
}

/// The Castagnoli checksum (RFC 3720 appendix B.4), bit by bit: once per connection, of few bytes.
enum CRC32C {
    static func checksum(_ bytes: [UInt8]) -> UInt32 {
        var sum = ~UInt32(0)
        for byte in bytes {
            sum ^= UInt32(byte)
            for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0x82F6_3B78 : sum >> 1 }
        }
        return ~sum
    }
}
