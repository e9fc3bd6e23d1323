import SluiceDocuments
import SluicePolicy

extension PolicyReader {
    /// `when:` of a permission; nil after reporting what is wrong.
    func readCondition(_ value: DocumentValue) -> Condition? {
        var reader = ConditionReader(policy: self)
        return reader.read(value, depth: 1)
    }
}

/// Reads one `when:`. Every part of it that is wrong is reported.
struct ConditionReader {
    let policy: PolicyReader
    private var count = 0

    static let maxDepth = 16
    static let maxConditions = 256
    static let maxValues = 1_000

    init(policy: PolicyReader) { self.policy = policy }

    private var sink: DiagnosticSink { policy.sink }

    mutating func read(_ value: DocumentValue, depth: Int) -> Condition? {
        count += 1
        guard count <= Self.maxConditions else {
            if count == Self.maxConditions + 1 {
                sink.error(
                    "more than \(Self.maxConditions) conditions in one `when`", at: value.position,
                    hint: "use `in` with a list, or several rules")
            }
            return nil
        }
        guard depth <= Self.maxDepth else {
            sink.error(
                "conditions nested deeper than \(Self.maxDepth)", at: value.position,
                hint: "use several rules")
            return nil
        }
        guard let (word, operand) = word(value) else { return nil }
        switch word.key {
        case "all": return group(operand, depth).map { .all($0) }
        case "any": return group(operand, depth).map { .any($0) }
        case "not": return read(operand, depth: depth + 1).map { .not($0) }
        case "time_of_day": return timeOfDay(operand)
        case "exists": return policy.fact(operand).map { .exists($0) }
        case "eq", "ne", "in", "like", "lt", "le", "gt", "ge":
            guard let (fact, constant) = pair(operand, word.key) else { return nil }
            return comparison(word.key, fact, constant)
        default:
            sink.error(
                "there is no condition `\(word.key)`", at: word.keyPosition,
                hint: Self.meant[word.key.lowercased()]
                    ?? policy.hint(for: word.key, among: Self.words))
            return nil
        }
    }

    private static let words = [
        "all", "any", "not", "eq", "ne", "lt", "le", "gt", "ge", "in", "exists", "like",
        "time_of_day",
    ]

    /// What other languages call it.
    private static let meant = [
        "and": "write `all`", "or": "write `any`", "none": "write `{not: {any: [...]}}`",
        "equals": "write `eq`", "equal": "write `eq`", "==": "write `eq`", "=": "write `eq`",
        "!=": "write `ne`",
        "<": "write `lt`", "<=": "write `le`", ">": "write `gt`", ">=": "write `ge`",
        "regex": "there are no regular expressions; `like` takes `*`",
        "matches": "there are no regular expressions; `like` takes `*`",
        "cidr": "write `{in: [connection.address, 10.0.0.0/8]}`",
        "time": "write `time_of_day`", "hours": "write `time_of_day`",
    ]

    /// The one word of a condition and what follows it.
    private func word(_ value: DocumentValue) -> (DocumentEntry, DocumentValue)? {
        guard case .mapping(let entries) = value.kind else {
            var hint: String?
            if case .list = value.kind { hint = "join them: `{all: [...]}`" }
            return value.expected("a condition like `{eq: [token.plan, pro]}`", sink, hint: hint)
        }
        guard let entry = entries.first else {
            sink.error(
                "the condition is empty", at: value.position,
                hint: "as in `{eq: [token.plan, pro]}`")
            return nil
        }
        guard entries.count == 1 else {
            sink.error(
                "a condition has one word, this one has `\(entry.key)` and `\(entries[1].key)`",
                at: entries[1].keyPosition,
                hint: "join them: `{all: [{\(entry.key): ...}, {\(entries[1].key): ...}]}`")
            return nil
        }
        guard !entry.value.isNull else {
            sink.error("`\(entry.key)` has no value", at: entry.keyPosition)
            return nil
        }
        return (entry, entry.value)
    }

    private mutating func group(_ value: DocumentValue, _ depth: Int) -> [Condition]? {
        guard case .list(let items) = value.kind else {
            return value.expected("a list of conditions", sink)
        }
        var conditions: [Condition] = []
        for item in items {
            if count > Self.maxConditions { return nil }
            if let condition = read(item, depth: depth + 1) { conditions.append(condition) }
        }
        return conditions.count == items.count ? conditions : nil
    }

    /// `[source, constant]`.
    private func pair(
        _ value: DocumentValue, _ word: String
    ) -> (Condition.Fact, DocumentValue)? {
        guard case .list(let items) = value.kind, items.count == 2 else {
            var found = value.description
            if case .list(let items) = value.kind { found = "a list of \(items.count)" }
            sink.error(
                "expected `[source, value]`, found \(found)", at: value.position,
                hint: "as in `\(Self.examples[word] ?? "{eq: [token.plan, pro]}")`")
            return nil
        }
        return policy.fact(items[0]).map { ($0, items[1]) }
    }

    private static let examples = [
        "in": "{in: [token.plan, [free, pro]]}", "like": "{like: [message.topic, \"room.*\"]}",
        "lt": "{lt: [message.bytes, 16384]}", "le": "{le: [message.bytes, 16384]}",
        "gt": "{gt: [message.bytes, 16384]}", "ge": "{ge: [message.bytes, 16384]}",
    ]
}
