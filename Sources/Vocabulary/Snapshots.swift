/// A change of a user's presence on this node, numbered in the order the owning loop saw it.
package struct PresenceTransition: Sendable, Equatable {
    package var user: String
    package var isOnline: Bool
    /// Grows with every transition of any user of the owning loop; never repeats for one user.
    package var number: UInt64

    package init(user: String, isOnline: Bool, number: UInt64) {
        self.user = user
        self.isOnline = isOnline
        self.number = number
    }
}

/// How urgently a push must arrive (envelope field `class`).
package enum DeliveryClass: UInt8, Sendable, CaseIterable {
    case must, latest, droppable

    /// The metric label and JSON word.
    package var name: String {
        switch self {
        case .must: "must"
        case .latest: "latest"
        case .droppable: "droppable"
        }
    }
}

/// To whom a push goes.
package enum PushTargets: Sendable, Equatable {
    case users([String])
    case sessions([SessionID])
    case all
}

/// How the targets of a push fared, counted per user (per session where sessions are named).
package struct PushResult: Sendable, Equatable {
    /// Written to at least one connection's outbox.
    package var delivered: UInt32 = 0
    /// Kept for a client that is away (with resume).
    package var queued: UInt32 = 0
    /// Nobody there.
    package var offline: UInt32 = 0
    /// Why it went to nobody, where the policy refused it.
    package var refusal: Refusal?

    package init() {}

    /// Nobody got it.
    package init(refusal: Refusal) { self.refusal = refusal }

    package static func + (left: Self, right: Self) -> Self {
        var sum = left
        sum.delivered += right.delivered
        sum.queued += right.queued
        sum.offline += right.offline
        return sum
    }
}
