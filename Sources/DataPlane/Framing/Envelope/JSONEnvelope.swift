/// Reads envelopes in JSON form in place, and turns them into protobuf for services.
///
/// An object whose members are named as in Protos/envelope.proto, numbers as numbers. `data` is any
/// JSON and travels as its raw bytes with format 1; `payload` is base64. Unknown members are ignored.
package enum JSONEnvelope {
    /// The greatest `seq`: what a double holds exactly.
    package static let maxSequence: UInt64 = (1 << 53) - 1

    /// Reads an envelope's members in place. Allocates nothing unless a member's name has escapes.
    ///
    /// - Throws: when the text is not strict JSON, a known member is there twice or of another type.
    package static func scan(_ bytes: RawSpan) throws(EnvelopeError) -> EnvelopeView {
        var view = EnvelopeView()
        var seen = JSONMembers()
        var position = 0
        JSONScanner.skipWhitespace(bytes, &position)
        guard JSONScanner.peek(bytes, position) == 0x7B else {
            // Tell "no JSON at all" from "JSON of another kind".
            try JSONScanner.value(bytes, &position)
            throw .notAnObject
        }
        position += 1
        JSONScanner.skipWhitespace(bytes, &position)
        if JSONScanner.peek(bytes, position) == 0x7D {
            position += 1
        } else {
            try members(bytes, &position, &seen, &view)
        }
        JSONScanner.skipWhitespace(bytes, &position)
        guard position == bytes.byteCount else { throw .malformedJSON(offset: position) }
        if seen.contains(.data) {
            if seen.contains(.payload) { throw .twoPayloads }
            view.format = PayloadFormat.json.rawValue
        }
        return view
    }

    private static func members(
        _ bytes: RawSpan, _ position: inout Int, _ seen: inout JSONMembers,
        _ view: inout EnvelopeView
    ) throws(EnvelopeError) {
        while true {
            let (name, hasEscapes) = try JSONScanner.string(bytes, &position)
            let member = JSONMember(named: name, hasEscapes: hasEscapes, in: bytes)
            JSONScanner.skipWhitespace(bytes, &position)
            try JSONScanner.expect(0x3A, bytes, &position)
            JSONScanner.skipWhitespace(bytes, &position)
            if let member {
                guard seen.insert(member) else { throw .duplicateMember(member.word) }
                try read(member, bytes, &position, &view)
            } else {
                try JSONScanner.value(bytes, &position)
            }
            JSONScanner.skipWhitespace(bytes, &position)
            if JSONScanner.peek(bytes, position) == 0x2C {
                position += 1
                JSONScanner.skipWhitespace(bytes, &position)
                continue
            }
            return try JSONScanner.expect(0x7D, bytes, &position)
        }
    }

    private static func read(
        _ member: JSONMember, _ bytes: RawSpan, _ position: inout Int, _ view: inout EnvelopeView
    ) throws(EnvelopeError) {
        switch member {
        case .version: view.version = try number32(member, bytes, &position)
        case .cmd: view.cmd = try number32(member, bytes, &position)
        case .seq: view.seq = try number(member, upTo: maxSequence, bytes, &position)
        case .status: view.status = try number32(member, bytes, &position)
        case .kind: view.kind = try number32(member, bytes, &position)
        case .format: view.format = try number32(member, bytes, &position)
        case .deadline: view.deadlineMilliseconds = try number32(member, bytes, &position)
        case .deliveryClass: view.deliveryClass = try deliveryClass(bytes, &position)
        case .topic: view.topic = try text(member, bytes, &position, &view)
        case .trace: view.trace = try text(member, bytes, &position, &view)
        case .key: view.key = try text(member, bytes, &position, &view)
        case .payload:
            view.payload = try string(member, bytes, &position).range
            view.isPayloadBase64 = true
            guard Base64.decode(view.payload, in: bytes, sink: { _ in }) else { throw .badBase64 }
        case .data:
            let start = position
            try JSONScanner.value(bytes, &position)
            view.payload = ByteRange(start, position)
        }
    }

    @inline(__always)
    private static func number32(
        _ member: JSONMember, _ bytes: RawSpan, _ position: inout Int
    ) throws(EnvelopeError) -> UInt32 {
        UInt32(truncatingIfNeeded: try number(member, upTo: UInt64(UInt32.max), bytes, &position))
    }

    /// A whole number without sign, fraction or exponent.
    private static func number(
        _ member: JSONMember, upTo limit: UInt64, _ bytes: RawSpan, _ position: inout Int
    ) throws(EnvelopeError) -> UInt64 {
        let start = position
        var value: UInt64 = 0
        while true {
            let digit = JSONScanner.peek(bytes, position) &- 0x30
            guard digit < 10 else { break }
            // `limit` is at most 2^53, so this cannot overflow before it is over the limit.
            value = value &* 10 &+ UInt64(digit)
            guard value <= limit else { throw .badMember(member.word) }
            position &+= 1
        }
        guard position > start else { throw .badMember(member.word) }
        if position &- start > 1, bytes.byte(at: start) == 0x30 {
            throw .malformedJSON(offset: start)
        }
        let next = JSONScanner.peek(bytes, position)
        if next == 0x2E || next | 0x20 == 0x65 { throw .badMember(member.word) }
        return value
    }

    @inline(__always)
    private static func string(
        _ member: JSONMember, _ bytes: RawSpan, _ position: inout Int
    ) throws(EnvelopeError) -> (range: ByteRange, hasEscapes: Bool) {
        guard JSONScanner.peek(bytes, position) == 0x22 else { throw .badMember(member.word) }
        return try JSONScanner.string(bytes, &position)
    }

    private static func text(
        _ member: JSONMember, _ bytes: RawSpan, _ position: inout Int, _ view: inout EnvelopeView
    ) throws(EnvelopeError) -> ByteRange {
        let (range, hasEscapes) = try string(member, bytes, &position)
        if hasEscapes {
            // Half a surrogate pair has no UTF-8, which services must get.
            guard JSONString.decoded(range, in: bytes) != nil else { throw .invalidUTF8 }
            view.hasEscapes = true
        }
        return range
    }

    /// The word of a delivery class, or its number.
    private static func deliveryClass(
        _ bytes: RawSpan, _ position: inout Int
    ) throws(EnvelopeError) -> UInt32 {
        guard JSONScanner.peek(bytes, position) == 0x22 else {
            return try number32(.deliveryClass, bytes, &position)
        }
        let range = try JSONScanner.string(bytes, &position).range.range
        if bytes.matches(range, "must") { return 0 }
        if bytes.matches(range, "latest") { return 1 }
        if bytes.matches(range, "droppable") { return 2 }
        throw .badMember(JSONMember.deliveryClass.word)
    }

    /// The text at `range`, escapes resolved.
    package static func text(_ range: ByteRange, in bytes: RawSpan) -> String {
        JSONString.decoded(range, in: bytes) ?? bytes.text(range.range)
    }

    /// Whether the bytes are one JSON value, with nothing but whitespace around it.
    package static func isWellFormed(_ bytes: RawSpan) -> Bool {
        var position = 0
        JSONScanner.skipWhitespace(bytes, &position)
        do throws(EnvelopeError) {
            try JSONScanner.value(bytes, &position)
        } catch {
            return false
        }
        JSONScanner.skipWhitespace(bytes, &position)
        return position == bytes.byteCount
    }
}
