import SluiceVocabulary

/// What is left of a condition once everything that stays the same on a connection is known.
///
/// Objects in a tree rather than the enum of the model: evaluating them copies nothing.
class ConditionNode {
    func holds(_ facts: CallFacts) -> Bool { false }
}

private final class AllNode: ConditionNode {
    let parts: [ConditionNode]
    init(_ parts: [ConditionNode]) { self.parts = parts }
    override func holds(_ facts: CallFacts) -> Bool { parts.allSatisfy { $0.holds(facts) } }
}

private final class AnyNode: ConditionNode {
    let parts: [ConditionNode]
    init(_ parts: [ConditionNode]) { self.parts = parts }
    override func holds(_ facts: CallFacts) -> Bool { parts.contains { $0.holds(facts) } }
}

private final class NotNode: ConditionNode {
    let part: ConditionNode
    init(_ part: ConditionNode) { self.part = part }
    override func holds(_ facts: CallFacts) -> Bool { !part.holds(facts) }
}

/// A comparison.
private final class LeafNode: ConditionNode {
    let condition: Condition
    init(_ condition: Condition) { self.condition = condition }
    override func holds(_ facts: CallFacts) -> Bool { condition.holds(facts) }
}

/// The commonest of those that look at every message, without the detour over the model.
private final class BytesNode: ConditionNode {
    let comparison: Condition.Comparison
    let bound: Double
    init(_ comparison: Condition.Comparison, _ bound: Double) {
        self.comparison = comparison
        self.bound = bound
    }
    override func holds(_ facts: CallFacts) -> Bool {
        comparison.holds(Double(facts.call.bytes), bound)
    }
}

@available(*, unavailable)
extension ConditionNode: Sendable {}

/// A condition as a plan sees it.
enum ResolvedCondition {
    case known(Bool)
    case depends(ConditionNode)
}

extension Condition {
    /// Decides what can be decided once for a connection and an action.
    func resolved(_ facts: CallFacts) -> ResolvedCondition {
        switch self {
        case .all(let parts):
            return Self.joined(parts, facts, absorbing: false) { AllNode($0) }
        case .any(let parts):
            return Self.joined(parts, facts, absorbing: true) { AnyNode($0) }
        case .not(let part):
            switch part.resolved(facts) {
            case .known(let value): return .known(!value)
            case .depends(let node): return .depends(NotNode(node))
            }
        case .compare(.bytes, let comparison, let number):
            return .depends(BytesNode(comparison, number.value))
        default:
            return isConstantPerConnection ? .known(holds(facts)) : .depends(LeafNode(self))
        }
    }

    /// `all` and `any`: one part that is `absorbing` settles it, parts that are not fall away.
    private static func joined(
        _ parts: [Condition], _ facts: CallFacts, absorbing: Bool,
        _ make: ([ConditionNode]) -> ConditionNode
    ) -> ResolvedCondition {
        var nodes: [ConditionNode] = []
        for part in parts {
            switch part.resolved(facts) {
            case .known(let value): if value == absorbing { return .known(absorbing) }
            case .depends(let node): nodes.append(node)
            }
        }
        return nodes.isEmpty ? .known(!absorbing) : .depends(make(nodes))
    }

    /// Whether a comparison (not `all`, `any`, `not`) looks at nothing that changes.
    private var isConstantPerConnection: Bool {
        switch self {
        case .all, .any, .not, .timeOfDay: false
        case .isInBlocks: true
        case .isIn(let fact, _), .differs(let fact, _), .compare(let fact, _, _), .exists(let fact),
            .like(let fact, _):
            fact.isConstantPerConnection
        }
    }
}

extension Condition.Fact {
    var isConstantPerConnection: Bool {
        switch self {
        case .bytes: false
        case .source(let source): source.isConstantPerConnection
        }
    }
}
