import SluiceVocabulary

extension Condition {
    /// Whether it is true of a call. docs/policy.md, "Conditions".
    func holds(_ facts: CallFacts) -> Bool {
        switch self {
        case .all(let parts): parts.allSatisfy { $0.holds(facts) }
        case .any(let parts): parts.contains { $0.holds(facts) }
        case .not(let part): !part.holds(facts)
        case .isIn(let fact, let values): facts.texts(fact).contains { values.contains($0) }
        case .differs(let fact, let value):
            facts.has(fact) && !facts.texts(fact).contains(value)
        case .compare(let fact, let comparison, let number):
            facts.number(fact).map { comparison.holds($0, number.value) } ?? false
        case .isInBlocks(let blocks):
            blocks.contains { $0.contains(facts.subject.address.ip) }
        case .exists(let fact): facts.has(fact)
        case .like(let fact, let pattern): facts.texts(fact).contains { pattern.matches($0) }
        case .timeOfDay(let time): time.contains(facts.call.wall.microseconds)
        }
    }

    /// The value it found in a call, for people; nil = none.
    func found(_ facts: CallFacts) -> String? {
        switch self {
        case .all, .any, .not: nil
        case .isIn(let fact, _), .differs(let fact, _), .compare(let fact, _, _), .exists(let fact),
            .like(let fact, _):
            facts.has(fact) ? facts.texts(fact).joined(separator: ", ") : nil
        case .isInBlocks: facts.subject.address.ip.text
        case .timeOfDay: Self.clockText(facts.call.wall.microseconds)
        }
    }

    /// `Sun 19:26` in UTC.
    private static func clockText(_ microseconds: Int64) -> String {
        let minutes = Calendar.floor(microseconds, by: 60_000_000)
        let days = Calendar.floor(minutes, by: 1_440)
        let minute = minutes - days * 1_440
        let names = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
        let digits = { (value: Int64) in value < 10 ? "0\(value)" : "\(value)" }
        return "\(names[Int((days % 7 + 10) % 7)]) \(digits(minute / 60)):\(digits(minute % 60))"
    }

    /// What the call must bring along for it.
    var needs: NeededFacts {
        switch self {
        case .all(let parts), .any(let parts):
            parts.reduce(into: []) { $0.formUnion($1.needs) }
        case .not(let part): part.needs
        case .isInBlocks, .timeOfDay: []
        case .isIn(let fact, _), .differs(let fact, _), .compare(let fact, _, _), .exists(let fact),
            .like(let fact, _):
            fact.source?.needs ?? []
        }
    }

    /// Every source it looks at.
    package var sources: [KeySource] {
        switch self {
        case .all(let parts), .any(let parts): parts.flatMap(\.sources)
        case .not(let part): part.sources
        case .isInBlocks, .timeOfDay: []
        case .isIn(let fact, _), .differs(let fact, _), .compare(let fact, _, _), .exists(let fact),
            .like(let fact, _):
            fact.source.map { [$0] } ?? []
        }
    }
}

extension Condition.Fact {
    fileprivate var source: KeySource? {
        if case .source(let source) = self { source } else { nil }
    }
}

extension Condition.Comparison {
    func holds(_ left: Double, _ right: Double) -> Bool {
        switch self {
        case .less: left < right
        case .atMost: left <= right
        case .greater: left > right
        case .atLeast: left >= right
        }
    }
}
