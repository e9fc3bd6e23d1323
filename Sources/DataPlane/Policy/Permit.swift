package import SluiceVocabulary

/// Leave to hand a call to a service. Only a policy decision makes one, so that skipping the
/// decision does not compile: the initialiser is this module's alone.
package struct Permit: Sendable {
    /// The permission rule that permitted; `default` when no rule spoke of it, empty where
    /// permissions do not apply.
    package let rule: String
    /// Requests left under the tightest limit that counts requests; -1 when none applies.
    package let remaining: Int64
    /// The shadow rule that would have refused, if one would.
    package let shadowRule: String?
    /// Places the call holds until it is over; give them back with `PolicyEvaluator.release`.
    package let lease: Lease
    /// The limit that `remaining` speaks of.
    let tightest: Tightest

    /// Names a limit within one snapshot, without holding anything.
    struct Tightest: Sendable {
        var limit: Int32 = -1
        var variant: Int32 = 0
        /// Nanoseconds until all of it is there again.
        var reset: Int64 = 0
        /// Serial of the snapshot.
        var serial: UInt64 = 0
    }

    /// Calls the gateway makes on its own behalf.
    package enum Own: Sendable { case login, userCheck, introspection, presence }

    /// Leave for a call of the gateway's own, which no client can ask for.
    package static func own(_: Own) -> Self {
        Self(rule: "own", remaining: -1, shadowRule: nil, lease: .none, tightest: Tightest())
    }
}

/// Places under `concurrency` that a call holds. Belongs to the evaluator that gave it.
package struct Lease: Sendable, Equatable {
    /// Generation in the high half, place in the table plus 1 in the low one.
    let rawValue: UInt64

    package static let none = Self(rawValue: 0)

    package var isNone: Bool { rawValue == 0 }
}

/// What policy says to a call.
package enum PolicyVerdict: Sendable {
    case go(Permit)
    /// Charged; goes on after so many nanoseconds.
    ///
    /// Before it does, look whether the connection still stands and, where the snapshot changed
    /// meanwhile, whether the call is still permitted. If it does not go on, release its lease.
    case wait(Permit, nanoseconds: Int64)
    /// Nothing was charged. Read no more from the connection and decide again after so many
    /// nanoseconds.
    case pause(rule: String, nanoseconds: Int64)
    /// `permissionDenied` with the rule's name (`default` for the default verdict), `rateLimited`
    /// with the rule and the time of the limit that decides, or `tooLarge` with the limit whose
    /// whole burst is smaller than the call.
    case refuse(Refusal)
    /// Throw it away; the refusal is for clients that wait for an answer.
    case drop(Refusal)
    /// Refuse, and close the connection.
    case close(Refusal)

    /// The refusal, where it is one of the last three.
    package var refusal: Refusal? {
        switch self {
        case .go, .wait, .pause: nil
        case .refuse(let refusal), .drop(let refusal), .close(let refusal): refusal
        }
    }
}
