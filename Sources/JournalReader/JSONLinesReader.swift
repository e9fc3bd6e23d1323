import SluiceVocabulary

/// What `journalctl -o json` prints, and the gateway itself where there is no journald: one object a
/// line.
///
/// Values are strings; null where a value is too long, a list of byte values where it is no text, a
/// list of these where a field was given more than once: the first counts.
final class JSONLinesReader {
    private(set) var stream: ByteStream

    /// What journalctl prints where there is nothing to print.
    private static let noEntries = Array("-- No entries --".utf8)

    init(_ stream: ByteStream) { self.stream = stream }

    func next(
        _ names: FieldNames, into fields: inout [String?]
    ) throws(JournalFailure) -> JournalStep {
        while let line = try stream.line() {
            let bytes = stream.bytes
            let isNothing = bytes[line].elementsEqual(Self.noEntries)
            let isRead = Self.read(bytes.span.extracting(line), names, into: &fields)
            stream.skip(line.count + (line.upperBound < stream.bytes.count ? 1 : 0))
            if line.isEmpty || isNothing { continue }
            return isRead ? .entry : .unreadable
        }
        return .end
    }

    static func read(
        _ line: Span<UInt8>, _ names: FieldNames, into fields: inout [String?]
    ) -> Bool {
        var cursor = JSONCursor()
        guard cursor.take(UInt8(ascii: "{"), line) else { return false }
        if cursor.take(UInt8(ascii: "}"), line) { return cursor.isAtEnd(line) }
        repeat {
            guard let name = cursor.name(line), cursor.take(UInt8(ascii: ":"), line) else {
                return false
            }
            if let index = names.index(of: line.extracting(name)) {
                guard let value = cursor.value(line) else { return false }
                fields[index] = text(value)
            } else {
                guard cursor.skip(line) else { return false }
            }
        } while cursor.take(UInt8(ascii: ","), line)
        return cursor.take(UInt8(ascii: "}"), line) && cursor.isAtEnd(line)
    }

    private static func text(_ value: JSONCursor.Value) -> String? {
        switch value {
        case .string(let text): return text
        case .integer(let number): return String(number)
        case .array(let items):
            var bytes: [UInt8] = []
            for item in items {
                guard case .integer(let number) = item, let byte = UInt8(exactly: number) else {
                    return items.first.flatMap(text)
                }
                bytes.append(byte)
            }
            return bytes.span.text
        case .null, .bool, .number, .object: return nil
        }
    }
}
