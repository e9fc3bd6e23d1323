package import SluiceVocabulary

/// How a limit fares: for metrics and the operator.
package struct LimitFigures: Sendable {
    package let rule: LimitRule
    /// Keys that have a bucket of their own.
    package let liveKeys: Int
    /// How often a key had to share a bucket since the limit exists.
    package let overflows: UInt64
}

/// The bans of one limit that are in force.
package struct LimitBans: Sendable, Equatable {
    /// Banned keys; those that share a bucket count as one.
    package internal(set) var keys = 0
    /// What is left of the ban that ends last; 0 without one.
    package internal(set) var longestNanoseconds: Int64 = 0
}

extension PolicySnapshot {
    /// The bans in force, by the name of each limit that bans. Looks at every key of a limit that has
    /// banned one: call it off the loops.
    package func bans(now: MonotonicTime) -> [String: LimitBans] {
        var bans: [String: LimitBans] = [:]
        for limit in limits where limit.rule.ban != nil {
            bans[limit.rule.name] = limit.state.bans(at: now.nanoseconds)
        }
        return bans
    }

    /// Every limit in the order of the model, in one pass over them.
    package var limitFigures: [LimitFigures] {
        limits.map { limit in
            LimitFigures(
                rule: limit.rule, liveKeys: limit.state.table.liveKeys,
                overflows: limit.state.table.overflowCount)
        }
    }
}
