import NIOHTTP1

/// How the end of a response's body is found (RFC 9112 section 6.3).
enum HTTPFraming: Equatable {
    case noBody
    case length
    case chunked
    case untilClose

    /// Nil for a head that two readers could understand differently: several lengths, a length beside
    /// an encoding, an encoding other than `chunked`, or one in HTTP/1.0.
    init?(of head: HTTPResponseHead, to method: HTTPMethod) {
        let lengths = head.headers["content-length"]
        let encodings = head.headers["transfer-encoding"]
        guard lengths.count <= 1, encodings.count <= 1, lengths.isEmpty || encodings.isEmpty else {
            return nil
        }
        if let length = lengths.first {
            guard !length.isEmpty, length.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
                return nil
            }
        }
        if let encoding = encodings.first {
            guard encoding.lowercased() == "chunked", head.version == .http1_1 else { return nil }
        }
        if method == .HEAD || head.status == .noContent || head.status == .notModified {
            self = .noBody
        } else if !encodings.isEmpty {
            self = .chunked
        } else {
            self = lengths.isEmpty ? .untilClose : .length
        }
    }
}
