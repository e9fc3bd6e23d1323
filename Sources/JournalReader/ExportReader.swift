/// What `journalctl -o export` prints (systemd.io/JOURNAL_EXPORT_FORMATS).
///
/// `NAME=value` lines; a value with control characters has its name alone, then 8 bytes of length,
/// the value and a line feed. An empty line ends the entry.
final class ExportReader {
    private(set) var stream: ByteStream

    init(_ stream: ByteStream) { self.stream = stream }

    func next(
        _ names: FieldNames, into fields: inout [String?]
    ) throws(JournalFailure) -> JournalStep {
        var isBegun = false
        var isBroken = false
        while let line = try stream.line() {
            let isLast = line.upperBound == stream.bytes.count
            if line.isEmpty {
                stream.skip(isLast ? 0 : 1)
                if isBegun { return isBroken ? .unreadable : .entry }
                if isLast { break }
                continue
            }
            isBegun = true
            if isLast {
                // Cut off in the middle: an entry ends with an empty line.
                stream.skip(line.count)
                return .unreadable
            }
            let bytes = stream.bytes
            if Self.take(bytes.span.extracting(line), names, into: &fields) {
                stream.skip(line.count + 1)
            } else if try !binary(names, nameBytes: line.count, into: &fields) {
                isBroken = true
            }
        }
        return isBegun ? (isBroken ? .unreadable : .entry) : .end
    }

    /// Takes `NAME=value`; false when there is a name alone.
    private static func take(
        _ line: Span<UInt8>, _ names: FieldNames, into fields: inout [String?]
    ) -> Bool {
        let mark = line.first(UInt8(ascii: "="))
        guard mark < line.count else { return false }
        if let index = names.index(of: line.extracting(..<mark)) {
            fields[index] = line.extracting((mark + 1)...).text
        }
        return true
    }

    /// A value given by its length; false when that cannot be.
    private func binary(
        _ names: FieldNames, nameBytes: Int, into fields: inout [String?]
    ) throws(JournalFailure) -> Bool {
        let name = stream.position..<(stream.position + nameBytes)
        let head = stream.bytes
        let index = names.index(of: head.span.extracting(name))
        stream.skip(nameBytes + 1)
        guard try stream.fill(8) else { return false }
        var length: UInt64 = 0
        for place in (0..<8).reversed() {
            length = length << 8 | UInt64(stream.bytes[stream.position + place])
        }
        guard length <= UInt64(ByteStream.longestLine) else { return false }
        stream.skip(8)
        guard try stream.fill(Int(length) + 1) else {
            stream.skip(stream.bytes.count - stream.position)
            return false
        }
        if let index {
            let start = stream.position
            let bytes = stream.bytes
            fields[index] = bytes.span.extracting(start..<(start + Int(length))).text
        }
        stream.skip(Int(length) + 1)
        return true
    }
}
