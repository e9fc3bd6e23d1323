import SluicePolicy

extension Condition {
    /// Whether the condition is true of every call, or of none; nil when it depends on the call, or
    /// nobody has proved that it does not.
    var constantVerdict: Bool? {
        switch self {
        case .all(let conditions): Self.verdict(ofAll: conditions)
        case .any(let conditions): Self.verdict(ofAny: conditions)
        case .not(let condition): condition.constantVerdict.map { !$0 }
        case .exists(let fact): fact.isAlwaysThere ? true : nil
        case .compare(.bytes, .less, let number): number.value <= 0 ? false : nil
        case .compare(.bytes, .atLeast, let number): number.value <= 0 ? true : nil
        case .isIn(_, let values): values.isEmpty ? false : nil
        case .isInBlocks(let blocks): blocks.isEmpty ? false : nil
        case .timeOfDay(let time):
            time.fromMinute == 0 && time.toMinute == 1_440 && time.days.count == 7 ? true : nil
        case .differs, .compare, .like: nil
        }
    }

    private static func verdict(ofAll conditions: [Condition]) -> Bool? {
        let parts = conditions.flatMap { condition in
            if case .all(let inner) = condition { inner } else { [condition] }
        }
        let verdicts = parts.map(\.constantVerdict)
        if verdicts.contains(false) || hasOpposites(parts) || contradicts(parts) { return false }
        return verdicts.allSatisfy { $0 == true } ? true : nil
    }

    private static func verdict(ofAny conditions: [Condition]) -> Bool? {
        let verdicts = conditions.map(\.constantVerdict)
        if verdicts.contains(true) || hasOpposites(conditions) { return true }
        return verdicts.allSatisfy { $0 == false } ? false : nil
    }

    /// Whether a condition and its `not` are among them.
    private static func hasOpposites(_ conditions: [Condition]) -> Bool {
        let all = Set(conditions)
        return conditions.contains { condition in
            if case .not(let inner) = condition { all.contains(inner) } else { false }
        }
    }

    /// Whether what the parts ask of one fact cannot all hold.
    private static func contradicts(_ parts: [Condition]) -> Bool {
        var facts: [Fact: Demand] = [:]
        for part in parts {
            switch part {
            case .isIn(let fact, let values): facts[fact, default: Demand()].add(oneOf: values)
            case .differs(let fact, let value): facts[fact, default: Demand()].not.insert(value)
            case .compare(let fact, let comparison, let number):
                facts[fact, default: Demand()].add(comparison, number.value)
            case .not(.exists(let fact)): facts[fact, default: Demand()].isAbsent = true
            case .exists(let fact): facts[fact, default: Demand()].isPresent = true
            case .all, .any, .not, .isInBlocks, .like, .timeOfDay: break
            }
        }
        return facts.contains { fact, demand in demand.isImpossible(of: fact) }
    }
}

/// What the parts of an `all` ask of one fact together.
private struct Demand {
    var sets: [Set<String>] = []
    var not: Set<String> = []
    var isAbsent = false
    var isPresent = false
    private var low = -Double.infinity
    private var isLowIn = true
    private var high = Double.infinity
    private var isHighIn = true

    mutating func add(oneOf values: [String]) {
        sets.append(Set(values))
        isPresent = true
    }

    mutating func add(_ comparison: Condition.Comparison, _ value: Double) {
        isPresent = true
        switch comparison {
        case .less, .atMost:
            if value > high { break }
            isHighIn = comparison == .atMost && (value < high || isHighIn)
            high = value
        case .greater, .atLeast:
            if value < low { break }
            isLowIn = comparison == .atLeast && (value > low || isLowIn)
            low = value
        }
    }

    func isImpossible(of fact: Condition.Fact) -> Bool {
        if isAbsent, isPresent || !not.isEmpty { return true }
        if low > high || (low == high && !(isLowIn && isHighIn)) { return true }
        // A value that must be there, and is one of those it must not be.
        if sets.contains(where: { $0.isSubset(of: not) }) { return true }
        // A claim may be a list and have several values at once.
        guard !fact.mayBeList, let first = sets.first else { return false }
        return sets.dropFirst().reduce(first) { $0.intersection($1) }.subtracting(not).isEmpty
    }
}

extension Condition.Fact {
    fileprivate var isAlwaysThere: Bool {
        switch self {
        case .bytes, .source(.address), .source(.transport), .source(.action): true
        case .source: false
        }
    }

    fileprivate var mayBeList: Bool {
        if case .source(.claim) = self { true } else { false }
    }
}
