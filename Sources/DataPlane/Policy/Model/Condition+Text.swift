import SluiceVocabulary

extension Condition {
    /// The condition as a policy writes it, on one line: `{lt: [message.bytes, 16384]}`.
    ///
    /// Reading the text gives the same condition again. A set of one value is written `eq`, so that
    /// equal conditions have equal texts.
    package var text: String {
        switch self {
        case .all(let conditions): Self.group("all", conditions)
        case .any(let conditions): Self.group("any", conditions)
        case .not(let condition): "{not: \(condition.text)}"
        case .isIn(let fact, let values) where values.count == 1:
            "{eq: [\(fact.text), \(Self.constant(values[0]))]}"
        case .isIn(let fact, let values):
            "{in: [\(fact.text), [\(values.map(Self.constant).joined(separator: ", "))]]}"
        case .differs(let fact, let value): "{ne: [\(fact.text), \(Self.constant(value))]}"
        case .compare(let fact, let comparison, let number):
            "{\(comparison.rawValue): [\(fact.text), \(number.text)]}"
        case .isInBlocks(let blocks): "{in: [connection.address, \(Self.list(blocks))]}"
        case .exists(let fact): "{exists: \(fact.text)}"
        case .like(let fact, let pattern):
            "{like: [\(fact.text), \(Self.constant(pattern.text))]}"
        case .timeOfDay(let time): "{time_of_day: \(time.text)}"
        }
    }

    private static func group(_ word: String, _ conditions: [Condition]) -> String {
        "{\(word): [\(conditions.map(\.text).joined(separator: ", "))]}"
    }

    private static func list(_ blocks: [AddressBlock]) -> String {
        // IPv6 needs quotes: its colons end a key in YAML.
        let texts = blocks.map { constant($0.text) }
        return texts.count == 1 ? texts[0] : "[\(texts.joined(separator: ", "))]"
    }

    /// A text as YAML: plain where nobody could take it for anything else, otherwise in quotes.
    package static func constant(_ text: String) -> String {
        let isWord =
            text.utf8.first.map(isLetter) == true
            && text.utf8.allSatisfy { isLetter($0) || isDigit($0) || plainMarks.contains($0) }
            && !["null", "true", "false"].contains(text.lowercased())
        let isBlock =
            text.utf8.first.map(isDigit) == true
            && text.utf8.allSatisfy { isDigit($0) || $0 == UInt8(ascii: ".") || $0 == slash }
            && text.utf8.contains(slash)
        if isWord || isBlock || Int64(text).map(String.init) == text { return text }
        let escaped = text.unicodeScalars.map { scalar in
            switch scalar {
            case "\"": "\\\""
            case "\\": "\\\\"
            case _ where scalar.properties.generalCategory == .control || scalar.value == 0xFEFF:
                escape(scalar.value)
            // Line breaks of YAML beside the control characters, and what is not printable there.
            case "\u{2028}", "\u{2029}", "\u{FFFE}", "\u{FFFF}": escape(scalar.value)
            default: String(scalar)
            }
        }
        return "\"\(escaped.joined())\""
    }

    private static func escape(_ value: UInt32) -> String {
        let digits = String(value, radix: 16)
        return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    }

    private static let slash = UInt8(ascii: "/")
    private static let plainMarks = Set("-_./".utf8)

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}

extension Condition.Fact {
    /// The fact as a policy writes it.
    package var text: String {
        switch self {
        case .source(let source): source.text
        case .bytes: "message.bytes"
        }
    }
}

extension Condition.TimeOfDay {
    /// Words for the days, Monday first.
    package static let dayWords = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

    /// As a policy writes it: `{from: "22:00", to: "06:00", days: [mon, tue]}`.
    package var text: String {
        let days = days.sorted().map { Self.dayWords[$0] }.joined(separator: ", ")
        let all = self.days.count == 7 ? "" : ", days: [\(days)]"
        return "{from: \"\(Self.clock(fromMinute))\", to: \"\(Self.clock(toMinute))\"\(all)}"
    }

    private static func clock(_ minute: Int) -> String {
        let (hours, minutes) = (minute / 60, minute % 60)
        return (hours < 10 ? "0" : "") + "\(hours):" + (minutes < 10 ? "0" : "") + "\(minutes)"
    }
}
