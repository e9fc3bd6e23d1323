import SluicePolicy

/// One step of a walk, complete in itself, so that a walk can be played again without some of them.
enum Operation: CustomStringConvertible {
    /// A connection calls, on one of the loops.
    case call(connection: Int, evaluator: Int, CallSketch, now: Int64, limitsOnly: Bool)
    /// The call of that number (of the operation) is over.
    case release(Int)
    /// A connection is somebody else from now on.
    case identify(connection: Int, Caller)
    case reload(PolicyModel)
    case forget(now: Int64, wall: Int64)

    var description: String {
        switch self {
        case .call(let connection, let evaluator, let call, let now, let limitsOnly):
            "at \(now) connection \(connection) on loop \(evaluator)"
                + (limitsOnly ? " (limits only): " : ": ") + "\(call)"
        case .release(let call): "release \(call)"
        case .identify(let connection, let caller): "connection \(connection) is \(caller)"
        case .reload(let model): "reload " + model.lines.joined(separator: "\n      ")
        case .forget(let now, let wall): "at \(now) forget, wall \(wall)"
        }
    }
}

extension PolicyModel {
    /// A line for each rule.
    var lines: [String] {
        ["permits by default: \(permitsByDefault)"]
            + limits.map { "limit \($0)" } + permissions.map { "permission \($0)" }
    }
}

/// A walk: what there was at first, and all that happened.
struct Walk {
    var model: PolicyModel
    var callers: [Caller]
    /// With their numbers, which they keep when others are left out.
    var operations: [(number: Int, operation: Operation)] = []
}
