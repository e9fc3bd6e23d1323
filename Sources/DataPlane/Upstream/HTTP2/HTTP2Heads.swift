import NIOCore
import NIOHPACK
package import NIOHTTP1

/// Heads between the form the makers of requests use and that of HTTP/2 (RFC 9113 section 8.3).
package enum HTTP2Heads {
    /// What says nothing about a client. Only such values enter the table that all requests of a
    /// connection share: whoever can send requests and see their size could guess the others
    /// (RFC 7541 section 7.1).
    private static let shared: Set<String> = [
        "accept", "accept-encoding", "content-type", "sluice-route", "user-agent",
        "x-forwarded-host", "x-forwarded-proto",
    ]
    /// Belongs to one HTTP/1 connection (RFC 9113 section 8.2.2), or stands in a pseudo-header.
    private static let dropped: Set<String> = [
        "connection", "host", "http2-settings", "keep-alive", "proxy-connection",
        "transfer-encoding", "upgrade",
    ]

    static func request(_ head: HTTPRequestHead, isSecure: Bool, instance: String) -> HPACKHeaders {
        var headers = HPACKHeaders()
        headers.reserveCapacity(head.headers.count + 4)
        let method = head.method.rawValue
        headers.add(
            name: ":method", value: method,
            indexing: method == "GET" || method == "POST" ? .indexable : .nonIndexable)
        headers.add(name: ":scheme", value: isSecure ? "https" : "http")
        let host = head.headers.first(name: "host") ?? instance
        headers.add(
            name: ":authority", value: host, indexing: host == instance ? .indexable : .nonIndexable
        )
        headers.add(name: ":path", value: head.uri, indexing: .nonIndexable)
        for (field, value) in head.headers {
            let name = field.lowercased()
            if dropped.contains(name) || (name == "te" && value.lowercased() != "trailers") {
                continue
            }
            headers.add(name: name, value: value, indexing: indexing(of: name))
        }
        return headers
    }

    private static func indexing(of name: String) -> HPACKIndexing {
        if shared.contains(name) { return .indexable }
        return name == "authorization" || name == "cookie" ? .neverIndexed : .nonIndexable
    }

    /// A single field may be so long, written out; many servers end the connection at a longer one.
    private static let longestField = 8_192

    /// Whether a head can be sent to a service without it, or NIO, ending the connection.
    ///
    /// - Parameters:
    ///   - frameBytes: the longest frame the peer takes; NIO writes a head as one.
    ///   - listBytes: the longest head (RFC 9113 section 6.5.2).
    ///   - fieldBytes: the longest field.
    static func fits(
        _ headers: HPACKHeaders, frameBytes: Int = 16_384, listBytes: Int = .max,
        fieldBytes: Int = longestField
    ) -> Bool {
        var list = 0
        for (name, value, _) in headers { list += name.utf8.count + value.utf8.count + 32 }
        guard list <= listBytes else { return false }
        // A byte takes at most 30 bits (RFC 7541 appendix B), and NIO shortens nothing.
        if list <= min(frameBytes, fieldBytes) / 4 { return true }
        // As long as it is where the service keeps no table; changes of its size stand before the head.
        var encoder = HPACKEncoder(allocator: ByteBufferAllocator(), maxDynamicTableSize: 0)
        var bytes = ByteBuffer()
        do {
            try encoder.encode(headers: headers, to: &bytes)
            guard bytes.readableBytes + 16 <= frameBytes else { return false }
            for (name, value, _) in headers where value.utf8.count > fieldBytes / 4 {
                bytes.clear()
                try encoder.encode(headers: [name: value], to: &bytes)
                guard bytes.readableBytes <= fieldBytes else { return false }
            }
        } catch {
            return false
        }
        return true
    }

    /// Whether a client can be sent these fields over HTTP/2; any takes frames of 16,384 bytes.
    package static func fits(_ headers: HTTPHeaders) -> Bool {
        let list = headers.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count + 32 }
        return list <= 16_384 / 4 || fits(HPACKHeaders(httpHeaders: headers), fieldBytes: .max)
    }

    /// - Returns: nil for a head without a status that means something, longer than allowed, or with a
    ///   length that two readers could understand differently. NIO has looked at the rest (RFC 9113
    ///   section 8.1.1).
    static func response(_ headers: HPACKHeaders, maxBytes: Int) -> HTTPResponseHead? {
        guard let text = headers.first(name: ":status"), let status = Int(text),
            (100...999).contains(status)
        else { return nil }
        let lengths = headers["content-length"]
        guard lengths.count <= 1,
            lengths.allSatisfy({
                !$0.isEmpty && $0.utf8.allSatisfy { (0x30...0x39).contains($0) }
            })
        else { return nil }
        var fields = HTTPHeaders()
        fields.reserveCapacity(headers.count)
        var size = 0
        for (name, value, _) in headers where !name.hasPrefix(":") {
            size += name.utf8.count + value.utf8.count
            fields.add(name: name, value: value)
        }
        guard size <= maxBytes else { return nil }
        return HTTPResponseHead(
            version: .http1_1, status: HTTPResponseStatus(statusCode: status), headers: fields)
    }
}
