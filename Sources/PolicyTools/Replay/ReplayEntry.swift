import SluiceVocabulary

/// One request as its journal entry tells it: what the policy saw, and what came of it.
final class ReplayEntry {
    /// When it was decided, microseconds since 1970.
    let time: Int64
    let step: Step
    /// Counts the entries as they were read: the last resort of their order.
    let number: Int
    let process: Int
    var action = ""
    var transport = Transport.websocket
    /// Who it was, once that was proven.
    var user: String?
    /// As JSON, as it is in the entry.
    var claims = ""
    var client = ""
    var device = ""
    var platform = ""
    var app = ""
    /// 16 hexadecimal digits; empty where there is none.
    var connection = ""
    var requestID = ""
    var topic: String?
    var method: String?
    var bytes = 0
    /// Its entry says what the policy counts; else `bytes` is the whole message.
    var knowsBytes = true
    var durationMicroseconds: Int64 = 0
    var policy = ""
    /// How many requests it stands for.
    var weight: Int64 = 1
    /// What the journal says became of it.
    var decision = Decision.allowed

    /// What happened.
    enum Step { case start, request, close }

    /// What a policy said to a request.
    enum Decision: Hashable {
        case allowed
        case refused(rule: String)

        /// The rule that said no.
        var rule: String? {
            if case .refused(let rule) = self { rule } else { nil }
        }
    }

    init(time: Int64, step: Step, number: Int, process: Int) {
        self.time = time
        self.step = step
        self.number = number
        self.process = process
    }

    /// Whoever it was: the user, else the address.
    var who: String { user ?? client }
}

extension ReplayEntry: Comparable {
    /// In the order they were decided. Of one instant those that passed come first, since what they
    /// spent is why others did not; then a connection's requests as they came.
    static func < (left: ReplayEntry, right: ReplayEntry) -> Bool {
        if left.time != right.time { return left.time < right.time }
        if left.rank != right.rank { return left.rank < right.rank }
        if left.connection != right.connection { return left.connection < right.connection }
        let (first, second) = (left.requestNumber, right.requestNumber)
        return first != second ? first < second : left.number < right.number
    }

    static func == (left: ReplayEntry, right: ReplayEntry) -> Bool { left === right }

    private var rank: Int {
        switch step {
        case .start: 0
        case .close: 1
        case .request: decision == .allowed ? 2 : 3
        }
    }

    private var requestNumber: Int {
        requestID.lastIndex(of: "-").flatMap { Int(requestID[requestID.index(after: $0)...]) } ?? 0
    }
}

/// Why an entry with a request is not replayed.
enum ReplayExclusion: Int, CaseIterable {
    /// A push or a call of the operator: the entry does not say whose.
    case push, admin
    /// Stands for requests that were sampled out, and says nothing of each.
    case sampledOut
    /// Ended before the policy was asked: an unreadable message, a token that is not accepted.
    case beforePolicy
    /// The configuration has no such action.
    case unknownAction
    /// Its action has a permission rule that looks at what the journal does not hold.
    case unknownFacts

    /// `3 pushes, ...`: as the report tells it.
    func text(_ count: Int64) -> String {
        switch self {
        case .push:
            counted(count, "push was", "pushes were")
                + " not replayed: the entries do not say which service pushed"
        case .admin:
            counted(count, "call of an operator was", "calls of operators were")
                + " not replayed: limits on them are the operators' own"
        case .sampledOut:
            counted(count, "request was", "requests were")
                + " sampled out and told by a sum alone: nothing is known of each"
        case .beforePolicy:
            counted(count, "request", "requests")
                + " ended before the policy was asked (unreadable, not authenticated)"
        case .unknownAction:
            counted(count, "request has an action", "requests have actions")
                + " that the configuration does not know; name it by --config"
        case .unknownFacts:
            counted(count, "request was", "requests were")
                + " not judged: a permission for the action looks at what the journal does not hold"
        }
    }

    var name: String {
        switch self {
        case .push: "pushes"
        case .admin: "admin_calls"
        case .sampledOut: "sampled_out"
        case .beforePolicy: "before_policy"
        case .unknownAction: "unknown_action"
        case .unknownFacts: "unknown_facts"
        }
    }
}
