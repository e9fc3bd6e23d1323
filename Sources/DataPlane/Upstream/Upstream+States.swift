import SluiceVocabulary

/// An instance as one loop sees it, for operators.
package struct InstanceStatus: Sendable, Equatable {
    package var service: String
    /// `host:port`.
    package var instance: String
    /// Where its link or connections stand.
    package var state: LinkState
    /// Whether it may get calls.
    package var health: InstanceState
    package var weight: Int
    /// Calls that wait for its answer.
    package var inFlight: Int
    /// Until it comes back; 0 where it is not ejected for a time.
    package var ejectedMilliseconds: Int64
}

extension Upstream {
    /// Every instance as this loop sees it, those that leave last.
    package var states: [InstanceStatus] {
        tick.begin()
        let configured = pools.flatMap(\.members)
        let leavingInstances = httpInstances.values.filter { instance in
            !configured.contains { $0 === instance }
        }
        return (configured + leaving + leavingInstances).map { member in
            let until = member.outlier.ejectedUntil ?? member.breaker?.reopensAt
            return InstanceStatus(
                service: member.pool.definition.name, instance: member.instance,
                state: member.linkState, health: member.state, weight: member.weight,
                inFlight: member.live,
                ejectedMilliseconds: max(0, until?.milliseconds(since: tick.now) ?? 0))
        }
    }
}
