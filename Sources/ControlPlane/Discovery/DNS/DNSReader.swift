/// Why bytes are no answer.
package enum DNSProblem: Error, Sendable, Equatable {
    /// A length or a pointer leads out of the message.
    case cutShort
    /// Pointers that do not lead back, a label of a kind that does not exist, or bytes that no host
    /// name has.
    case badName
    /// A question instead of an answer, or not exactly one question in it.
    case notAnAnswer
    /// An address of another length than its type has, or a record that does not end where it says.
    case badRecord
}

/// Reads an answer. Every position is checked; names may point back only, each time further.
package struct DNSReader {
    /// Records looked at; an answer with more is read up to here.
    static let maxRecords = 4_096

    private let bytes: [UInt8]
    private var position = 0

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The message in these bytes.
    package static func read(_ bytes: [UInt8]) throws(DNSProblem) -> DNSMessage {
        var reader = DNSReader(bytes)
        return try reader.message()
    }

    private mutating func message() throws(DNSProblem) -> DNSMessage {
        let id = try word()
        let flags = try word()
        let counts = (try word(), try word(), try word(), try word())
        // QR = answer, OPCODE = a plain query.
        guard flags & 0x8000 != 0, flags & 0x7800 == 0, counts.0 == 1 else { throw .notAnAnswer }
        let name = try name()
        let type = try word()
        guard try word() == 1 else { throw .notAnAnswer }
        var message = DNSMessage(
            id: id, isTruncated: flags & 0x0200 != 0, code: UInt8(flags & 0x000F),
            questionName: name, questionType: type, answers: [], additional: [])
        // The rest of a truncated answer may be cut anywhere, and is asked for again.
        if message.isTruncated { return message }
        message.answers = try records(counts.1)
        _ = try records(counts.2)
        message.additional = try records(counts.3)
        return message
    }

    private mutating func records(_ count: UInt16) throws(DNSProblem) -> [DNSRecord] {
        var found: [DNSRecord] = []
        for _ in 0..<min(Int(count), Self.maxRecords) {
            if let record = try record() { found.append(record) }
        }
        return found
    }

    /// The next record; nil when it is of a type or class that does not matter here.
    private mutating func record() throws(DNSProblem) -> DNSRecord? {
        let name = try name(isHost: false)
        let type = try word()
        let kind = try word()
        let ttl = UInt32(try word()) << 16 | UInt32(try word())
        let end = Int(try word()) + position
        guard end <= bytes.count else { throw .cutShort }
        guard kind == 1, let known = DNSType(rawValue: type) else {
            position = end
            return nil
        }
        let content = try content(known, until: end)
        guard position == end else { throw .badRecord }
        // RFC 2181 section 8: with the first bit set it counts as zero.
        return DNSRecord(name: name, ttlSeconds: ttl & 0x8000_0000 == 0 ? ttl : 0, content: content)
    }

    private mutating func content(
        _ type: DNSType, until end: Int
    ) throws(DNSProblem) -> DNSRecord.Content {
        switch type {
        case .a, .aaaa:
            guard end - position == (type == .a ? 4 : 16) else { throw .badRecord }
            defer { position = end }
            return .address(Array(bytes[position..<end]))
        case .cname: return .alias(try name())
        case .srv:
            let (priority, weight, port) = (try word(), try word(), try word())
            return .service(priority: priority, weight: weight, port: port, target: try name())
        }
    }

    private mutating func word() throws(DNSProblem) -> UInt16 {
        guard position + 2 <= bytes.count else { throw .cutShort }
        defer { position += 2 }
        return UInt16(bytes[position]) << 8 | UInt16(bytes[position + 1])
    }

    /// A name, in lower case, without the dot at its end; the root is empty.
    ///
    /// - Parameter isHost: whether bytes that no host name has are an error; they become `?` else.
    private mutating func name(isHost: Bool = true) throws(DNSProblem) -> String {
        var labels: [String] = []
        var total = 1
        var place = position
        var lowest = position
        var hasJumped = false
        while true {
            guard place < bytes.count else { throw .cutShort }
            let length = Int(bytes[place])
            switch length & 0xC0 {
            case 0x00:
                guard place + 1 + length <= bytes.count else { throw .cutShort }
                if !hasJumped { position = place + 1 + length }
                if length == 0 { return labels.joined(separator: ".") }
                total += length + 1
                guard total <= DNSName.maxBytes else { throw .badName }
                labels.append(try label(place + 1..<place + 1 + length, isHost))
                place += 1 + length
            case 0xC0:
                guard place + 1 < bytes.count else { throw .cutShort }
                let target = (length & 0x3F) << 8 | Int(bytes[place + 1])
                if !hasJumped { position = place + 2 }
                hasJumped = true
                // Each jump leads before the last one: no name goes round in circles.
                guard target < lowest else { throw .badName }
                lowest = target
                place = target
            default: throw .badName
            }
        }
    }

    private func label(_ range: Range<Int>, _ isHost: Bool) throws(DNSProblem) -> String {
        var text = ""
        for byte in bytes[range] {
            let lower = (0x41...0x5A).contains(byte) ? byte | 0x20 : byte
            let isPlain =
                (0x30...0x39).contains(lower) || (0x61...0x7A).contains(lower)
                || lower == 0x2D || lower == 0x5F
            guard isPlain || !isHost else { throw .badName }
            text.unicodeScalars.append(isPlain ? Unicode.Scalar(lower) : "?")
        }
        return text
    }
}
