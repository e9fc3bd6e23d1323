import SluiceDocuments
import SluicePolicy

extension ConditionReader {
    /// `{from: "22:00", to: "06:00", days: [mon, tue]}`.
    func timeOfDay(_ value: DocumentValue) -> Condition? {
        let sink = policy.sink
        guard let mapping = value.mapping(sink) else { return nil }
        let from = mapping.required("from").flatMap { minute($0, last: 1_439) }
        let to = mapping.required("to").flatMap { minute($0, last: 1_440) }
        let days = mapping.optional("days").map { self.days($0) } ?? Set(0...6)
        mapping.finish()
        guard let from, let to, let days else { return nil }
        guard from != to else {
            sink.error(
                "`from` and `to` are the same time", at: mapping.keyPosition("to"),
                hint: "the whole day is `from: \"00:00\", to: \"24:00\"`")
            return nil
        }
        return .timeOfDay(.init(fromMinute: from, toMinute: to, days: days))
    }

    /// `HH:MM`, as minutes since midnight.
    private func minute(_ value: DocumentValue, last: Int) -> Int? {
        let bytes = Array(value.text.utf8)
        let digits = bytes.map { Int($0) - 0x30 }
        guard bytes.count == 5, bytes[2] == UInt8(ascii: ":"),
            [0, 1, 3, 4].allSatisfy({ (0...9).contains(digits[$0]) }), digits[3] < 6
        else {
            return value.expected("a time of day like \"22:00\"", policy.sink)
        }
        let minute = (digits[0] * 10 + digits[1]) * 60 + digits[3] * 10 + digits[4]
        guard minute <= last else {
            return value.expected(
                "a time of day from \"00:00\" to \(last == 1_440 ? "\"24:00\"" : "\"23:59\"")",
                policy.sink)
        }
        return minute
    }

    /// Days on which it begins, 0 for Monday.
    private func days(_ value: DocumentValue) -> Set<Int>? {
        let sink = policy.sink
        guard let items = value.list(sink) else { return nil }
        if items.isEmpty {
            sink.error(
                "the list is empty", at: value.position, hint: "leave it out to mean all days")
            return nil
        }
        let words = Condition.TimeOfDay.dayWords
        let days = items.map { item -> Int? in
            if let day = words.firstIndex(of: item.text) { return day }
            let near = words.first { item.text.lowercased().hasPrefix($0) }
            return item.expected(
                "one of \(words.map { "`\($0)`" }.joined(separator: ", "))", sink,
                hint: near.map { "write `\($0)`" })
        }
        return days.contains(nil) ? nil : Set(days.compactMap(\.self))
    }
}
