/// Types of records (RFC 1035 section 3.2.2, RFC 3596, RFC 2782) that are asked for or followed.
package enum DNSType: UInt16, Sendable {
    case a = 1
    case cname = 5
    case aaaa = 28
    case srv = 33
}

/// One record of an answer, as far as it is understood.
package struct DNSRecord: Sendable, Equatable {
    /// What it says.
    package enum Content: Sendable, Equatable {
        /// Four or sixteen bytes.
        case address([UInt8])
        case alias(String)
        case service(priority: UInt16, weight: UInt16, port: UInt16, target: String)
    }

    package let name: String
    package let ttlSeconds: UInt32
    package let content: Content

    package init(name: String, ttlSeconds: UInt32, content: Content) {
        self.name = name
        self.ttlSeconds = ttlSeconds
        self.content = content
    }
}

/// An answer of a name server.
package struct DNSMessage: Sendable, Equatable {
    package var id: UInt16
    /// It did not fit: ask again over TCP.
    package var isTruncated: Bool
    /// RFC 1035 section 4.1.1: 0 = no error, 2 = server failure, 3 = no such name.
    package var code: UInt8
    /// Lower case, without the dot at the end.
    package var questionName: String
    package var questionType: UInt16
    package var answers: [DNSRecord]
    /// Of use when it spares a question: addresses of SRV targets.
    package var additional: [DNSRecord]

    package static let noError: UInt8 = 0
    package static let noSuchName: UInt8 = 3

    /// A question with recursion desired, or nil when the name cannot be one.
    package static func question(_ name: String, _ type: DNSType, id: UInt16) -> [UInt8]? {
        guard let encoded = DNSName.encode(name) else { return nil }
        var bytes: [UInt8] = []
        for word in [id, 0x0100, 1, 0, 0, 0] { bytes += big(word) }
        return bytes + encoded + big(type.rawValue) + big(1)
    }

    private static func big(_ word: UInt16) -> [UInt8] { [UInt8(word >> 8), UInt8(word & 0xFF)] }
}

/// Names as the wire holds them.
package enum DNSName {
    static let maxBytes = 255
    static let maxLabelBytes = 63

    /// Labels with their lengths; nil when one is empty or too long, or the whole is.
    package static func encode(_ name: String) -> [UInt8]? {
        let text = name.hasSuffix(".") ? name.dropLast() : name[...]
        guard !text.isEmpty else { return nil }
        var bytes: [UInt8] = []
        for label in text.split(separator: ".", omittingEmptySubsequences: false) {
            let count = label.utf8.count
            guard (1...maxLabelBytes).contains(count) else { return nil }
            bytes.append(UInt8(count))
            bytes += label.utf8
        }
        bytes.append(0)
        return bytes.count <= maxBytes ? bytes : nil
    }
}
