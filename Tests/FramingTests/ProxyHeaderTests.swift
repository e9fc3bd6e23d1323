import NIOCore
import SluiceFraming
import SluiceVocabulary
import Testing

@Suite("PROXY headers")
struct ProxyHeaderTests {
    private func source(_ address: String, _ port: Int) -> ProxyHeader {
        ProxyHeader(
            source: IPAddress(address).map { ProxyHeader.Source(address: $0, port: port) })
    }

    /// The header must be found whole however its bytes come, and leave what follows.
    private func expect(_ bytes: [UInt8], _ expected: ProxyHeader) throws {
        let rest = Array("GET / HTTP/1.1\r\n".utf8)
        var whole = ByteBuffer(bytes: bytes + rest)
        #expect(try ProxyHeader.read(&whole, maxBytes: 16_384) == expected)
        #expect(Array(whole.readableBytesView) == rest)
        for count in 0..<bytes.count {
            var part = ByteBuffer(bytes: bytes.prefix(count))
            #expect(try ProxyHeader.read(&part, maxBytes: 16_384) == nil, "at \(count) bytes")
            #expect(part.readableBytes == count)
        }
    }

    @Test("version 1 names the client")
    func text() throws {
        func check(_ line: String, _ expected: ProxyHeader) throws {
            try expect(Array((line + "\r\n").utf8), expected)
        }
        try check("PROXY TCP4 192.0.2.7 10.0.0.1 12345 443", source("192.0.2.7", 12_345))
        try check(
            "PROXY TCP4 255.255.255.255 255.255.255.255 65535 0", source("255.255.255.255", 65_535))
        try check("PROXY TCP6 2001:db8::9 ::1 65535 80", source("2001:db8::9", 65_535))
        try check("PROXY TCP6 ::ffff:192.0.2.7 ::1 1 80", source("192.0.2.7", 1))
        try check("PROXY UNKNOWN", ProxyHeader(source: nil))
        try check("PROXY UNKNOWN ffff:: ffff:: 65535 65535", ProxyHeader(source: nil))
        try check(
            "PROXY UNKNOWN " + String(repeating: "f", count: 91), ProxyHeader(source: nil))
    }

    @Test("version 2 names the client, or speaks for the proxy")
    func binary() throws {
        try expect(ProxySamples.binary(0x21, 0x11, ProxySamples.v4), source("192.0.2.7", 12_345))
        try expect(ProxySamples.binary(0x21, 0x21, ProxySamples.v6), source("2001:db8::9", 65_535))
        try expect(ProxySamples.binary(0x21, 0x21, ProxySamples.mapped), source("192.0.2.7", 1))
        let none = ProxyHeader(source: nil)
        try expect(ProxySamples.binary(0x20, 0x00, []), none)
        try expect(ProxySamples.binary(0x20, 0x11, ProxySamples.v4), none)
        try expect(ProxySamples.binary(0x20, 0x11, [1, 2, 3]), none)
        try expect(ProxySamples.binary(0x21, 0x00, []), none)
        try expect(ProxySamples.binary(0x21, 0x31, Array(repeating: 0x2F, count: 216)), none)
    }

    @Test("extensions are skipped when whole, and a checksum counts")
    func extensions() throws {
        let tlvs: [UInt8] = [0x01, 0, 2, 0x68, 0x32, 0x04, 0, 3, 0, 0, 0, 0x20, 0, 0]
        try expect(
            ProxySamples.binary(0x21, 0x11, ProxySamples.v4 + tlvs), source("192.0.2.7", 12_345))
        // Computed elsewhere, by a program that has the check value E3069283 for `123456789`.
        let sum = ProxySamples.binary(0x21, 0x11, ProxySamples.v4 + [0x03, 0, 4] + Self.checksum)
        try expect(sum, source("192.0.2.7", 12_345))
        for broken in [[0x01], [0x01, 0], [0x01, 0, 1], [0x03, 0, 3, 1, 2, 3]] as [[UInt8]] {
            #expect(throws: ProxyHeader.Malformed.self) {
                var bytes = ByteBuffer(
                    bytes: ProxySamples.binary(0x21, 0x11, ProxySamples.v4 + broken))
                _ = try ProxyHeader.read(&bytes, maxBytes: 16_384)
            }
        }
        // Byte 28 says that this extension is a checksum.
        for index in sum.indices where index >= 16 && index != 28 {
            var flipped = sum
            flipped[index] ^= 1
            #expect(throws: ProxyHeader.Malformed.self, "byte \(index)") {
                var bytes = ByteBuffer(bytes: flipped)
                _ = try ProxyHeader.read(&bytes, maxBytes: 16_384)
            }
        }
    }

    static let checksum: [UInt8] = [0x6B, 0x84, 0x86, 0x4E]

    @Test(
        "text that is no header is refused",
        arguments: [
            "GET / HTTP/1.1\r\n", "P ", "PROXYTCP4", "proxy TCP4",
            "PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
            "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
            "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n",
            "PROXY TCP4 ::1 ::1 1 2\r\n", "PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n",
            "PROXY TCP4 1.2.3.256 1.2.3.4 1 2\r\n", "PROXY TCP4 01.2.3.4 1.2.3.4 1 2\r\n",
            "PROXY TCP4 1.2.3.4 nobody 1 2\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n",
            "PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n",
            "PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n", "PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n",
            "PROXY \r\n",
            "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\r\n", "\r\n\r\nX",
            "PROXY UNKNOWN " + String(repeating: "f", count: 92) + "\r\n",
        ])
    func notText(_ text: String) {
        #expect(throws: ProxyHeader.Malformed.self) {
            var bytes = ByteBuffer(string: text)
            _ = try ProxyHeader.read(&bytes, maxBytes: 16_384)
        }
    }

    @Test(
        "bytes that are no binary header are refused",
        arguments: [
            ProxySamples.binary(0x11, 0x11, ProxySamples.v4),
            ProxySamples.binary(0x22, 0x11, ProxySamples.v4),
            ProxySamples.binary(0x31, 0x11, ProxySamples.v4),
            ProxySamples.binary(0x21, 0x12, ProxySamples.v4),
            ProxySamples.binary(0x21, 0x41, ProxySamples.v4),
            ProxySamples.binary(0x21, 0x10, ProxySamples.v4),
            ProxySamples.binary(0x21, 0x11, Array(ProxySamples.v4.dropLast())),
            ProxySamples.binary(0x21, 0x21, ProxySamples.v4),
            ProxySamples.binary(0x21, 0x31, ProxySamples.v4),
            ProxySamples.binary(0x21, 0x11, [], length: 65_535),
            ProxySamples.binary(0x20, 0x00, [], length: 16_369),
        ])
    func notBinary(_ header: [UInt8]) {
        #expect(throws: ProxyHeader.Malformed.self) {
            var bytes = ByteBuffer(bytes: header)
            _ = try ProxyHeader.read(&bytes, maxBytes: 16_384)
        }
    }

    @Test("random bytes never crash the reader, whatever they begin with", arguments: 0..<200)
    func random(_ seed: Int) {
        var random = Seeded(UInt64(seed))
        let starts = [
            [], ProxySamples.signature, ProxySamples.signature + [0x21, 0x11],
            Array("PROXY TCP4 ".utf8),
        ]
        for start in starts {
            var bytes = ByteBuffer(
                bytes: start + random.bytes(Int.random(in: 0...300, using: &random)))
            let before = bytes.readableBytes
            let header = try? ProxyHeader.read(&bytes, maxBytes: 16_384)
            if header != nil { #expect(bytes.readableBytes < before) }
        }
    }
}

/// Parts that headers of version 2 are made of.
enum ProxySamples {
    static let signature: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10]

    static func binary(
        _ command: UInt8, _ family: UInt8, _ body: [UInt8], length: Int? = nil
    ) -> [UInt8] {
        let count = length ?? body.count
        return signature + [command, family, UInt8(count >> 8), UInt8(count & 255)] + body
    }

    static let v4: [UInt8] = [192, 0, 2, 7, 10, 0, 0, 1, 0x30, 0x39, 0x01, 0xBB]
    static let v6: [UInt8] =
        [0x20, 1, 0x0D, 0xB8] + Array(repeating: 0, count: 11) + [9]
        + Array(repeating: 0, count: 15) + [1] + [0xFF, 0xFF, 0, 80]
    static let mapped: [UInt8] =
        Array(repeating: 0, count: 10) + [0xFF, 0xFF, 192, 0, 2, 7] + Array(repeating: 0, count: 16)
        + [0, 1, 0, 2]
}
