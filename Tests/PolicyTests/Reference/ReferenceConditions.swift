import SluicePolicy
import SluiceVocabulary

extension ReferenceFacts {
    func holds(_ condition: Condition) -> Bool {
        switch condition {
        case .all(let parts): parts.allSatisfy { holds($0) }
        case .any(let parts): parts.contains { holds($0) }
        case .not(let part): !holds(part)
        case .isIn(let fact, let set): (texts(fact) ?? []).contains { set.contains($0) }
        case .differs(let fact, let text): texts(fact).map { !$0.contains(text) } ?? false
        case .compare(let fact, let comparison, let number):
            self.number(fact).map { Self.compare($0, comparison, number.value) } ?? false
        case .isInBlocks(let blocks):
            blocks.contains { block in
                IPAddress(bytes: caller.address).map { block.contains($0) } ?? false
            }
        case .exists(let fact): texts(fact) != nil
        case .like(let fact, let pattern):
            (texts(fact) ?? []).contains { Self.fits($0, pattern.text) }
        case .timeOfDay(let span): isWithin(span)
        }
    }

    private func texts(_ fact: Condition.Fact) -> [String]? {
        switch fact {
        case .source(let source): texts(source)
        case .bytes: [String(call.bytes)]
        }
    }

    private func number(_ fact: Condition.Fact) -> Double? {
        switch fact {
        case .source(let source): text(source).flatMap { Double($0) }
        case .bytes: Double(call.bytes)
        }
    }

    private static func compare(
        _ left: Double, _ comparison: Condition.Comparison, _ right: Double
    ) -> Bool {
        switch comparison {
        case .less: left < right
        case .atMost: left <= right
        case .greater: left > right
        case .atLeast: left >= right
        }
    }

    /// Whether a text fits a pattern; a star is tried with every length.
    static func fits(_ text: String, _ pattern: String) -> Bool {
        fits(text.utf8[...], pattern.utf8[...])
    }

    private static func fits(
        _ text: Substring.UTF8View, _ pattern: Substring.UTF8View
    ) -> Bool {
        guard let first = pattern.first else { return text.isEmpty }
        if first == UInt8(ascii: "*") {
            return (0...text.count).contains { fits(text.dropFirst($0), pattern.dropFirst()) }
        }
        return text.first == first && fits(text.dropFirst(), pattern.dropFirst())
    }

    /// Walks back to every day on which the span may have begun.
    private func isWithin(_ span: Condition.TimeOfDay) -> Bool {
        let minute: Int64 = 60_000_000
        let today = ReferenceCalendar.period(.day, around: call.wall).lowerBound
        let wraps = span.toMinute <= span.fromMinute
        let length = Int64(span.toMinute - span.fromMinute + (wraps ? 1_440 : 0)) * minute
        return [today - ReferenceCalendar.day, today].contains { day in
            let start = day + Int64(span.fromMinute) * minute
            let monday = ReferenceCalendar.period(.week, around: max(0, day)).lowerBound
            let number = Int((max(0, day) - monday) / ReferenceCalendar.day)
            return span.days.contains(number) && (start..<(start + length)).contains(call.wall)
        }
    }
}
