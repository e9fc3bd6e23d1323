/// The members of an envelope in JSON form.
enum JSONMember: UInt8 {
    case version, cmd, seq, status, kind, format, topic, deadline, trace, key, deliveryClass,
        payload, data

    /// Its name, for errors.
    var word: EnvelopeError.StaticMember {
        switch self {
        case .version: .init("version")
        case .cmd: .init("cmd")
        case .seq: .init("seq")
        case .status: .init("status")
        case .kind: .init("kind")
        case .format: .init("format")
        case .topic: .init("topic")
        case .deadline: .init("deadline_ms")
        case .trace: .init("trace")
        case .key: .init("key")
        case .deliveryClass: .init("class")
        case .payload: .init("payload")
        case .data: .init("data")
        }
    }

    /// - Parameter range: the name as written; an escaped spelling names the same member.
    @inline(__always)
    init?(named range: ByteRange, hasEscapes: Bool, in bytes: RawSpan) {
        if hasEscapes {
            guard let text = JSONString.decoded(range, in: bytes) else { return nil }
            let plain = Array(text.utf8)
            let member = plain.withBytes { Self(plain: 0..<$0.byteCount, in: $0) }
            guard let member else { return nil }
            self = member
        } else {
            self.init(plain: range.range, in: bytes)
        }
    }

    private init?(plain range: Range<Int>, in bytes: RawSpan) {
        switch range.count {
        case 3:
            if bytes.matches(range, "cmd") {
                self = .cmd
            } else if bytes.matches(range, "seq") {
                self = .seq
            } else if bytes.matches(range, "key") {
                self = .key
            } else {
                return nil
            }
        case 4:
            if bytes.matches(range, "data") {
                self = .data
            } else if bytes.matches(range, "kind") {
                self = .kind
            } else {
                return nil
            }
        case 5:
            if bytes.matches(range, "topic") {
                self = .topic
            } else if bytes.matches(range, "trace") {
                self = .trace
            } else if bytes.matches(range, "class") {
                self = .deliveryClass
            } else {
                return nil
            }
        default: self.init(long: range, in: bytes)
        }
    }

    private init?(long range: Range<Int>, in bytes: RawSpan) {
        if bytes.matches(range, "payload") {
            self = .payload
        } else if bytes.matches(range, "version") {
            self = .version
        } else if bytes.matches(range, "format") {
            self = .format
        } else if bytes.matches(range, "status") {
            self = .status
        } else if bytes.matches(range, "deadline_ms") {
            self = .deadline
        } else {
            return nil
        }
    }
}

/// The members seen so far, to refuse a second of one name.
struct JSONMembers {
    private var bits: UInt16 = 0

    @inline(__always)
    mutating func insert(_ member: JSONMember) -> Bool {
        let bit: UInt16 = 1 << UInt16(member.rawValue)
        defer { bits |= bit }
        return bits & bit == 0
    }

    @inline(__always)
    func contains(_ member: JSONMember) -> Bool { bits & 1 << UInt16(member.rawValue) != 0 }
}
