package import NIOCore
package import SluiceVocabulary

/// The balance and the health bookkeeping of one service without links: for tests of how calls
/// spread, and for benchmarks.
package final class BalanceSimulation {
    private let upstream: Upstream
    private let pool: ServicePool
    private let all: [SimulatedMember]
    private let tick: LoopTick

    /// - Parameters:
    ///   - loop: nothing runs there but the pool's timers.
    ///   - definition: its instances are members that always take calls.
    package init(
        loop: any EventLoop, tick: LoopTick, definition: ServiceDefinition, seed: UInt64
    ) throws {
        self.tick = tick
        upstream = Upstream(
            loop: loop, tick: tick,
            snapshot: UpstreamSnapshot(
                services: [],
                commands: try CommandTable(
                    [], services: [], catalog: ActionCatalog(commands: []))),
            limits: Limits(), node: "simulation", meters: .unread, random: SeededRandom(seed: seed))
        let pool = ServicePool(
            definition: definition, meters: ServiceMeters(service: "s", of: .unread),
            upstream: upstream)
        self.pool = pool
        all = definition.instances.enumerated().map { index, instance in
            let member = SimulatedMember(
                address: instance.address, number: Int32(truncatingIfNeeded: index), pool: pool)
            pool.prepare(member, weight: instance.weight)
            return member
        }
        pool.simulated = all
        pool.refresh()
    }

    /// Chooses an instance for a call and starts it.
    /// - Returns: its place among the definition's instances; -1 when none takes it.
    @inline(never)
    package func begin(key: UInt64, isOrdered: Bool = false) -> Int {
        let place = pool.choose(isOrdered: isOrdered, key: key, bytes: 128)
        guard place >= 0 else { return -1 }
        let member = pool.balancer.members[place]
        pool.began(member)
        if pool.breaker != nil { pool.breakersStart(member, now: tick.now) }
        pool.retry.budget.called(now: tick.now)
        return Int(member.number)
    }

    /// Ends a call.
    @inline(never)
    package func end(_ instance: Int, ok: Bool = true, nanoseconds: Int64 = 1_000_000) {
        let (member, now) = (all[instance], tick.now)
        let began = MonotonicTime(nanoseconds: now.nanoseconds &- nanoseconds)
        if ok {
            pool.succeeded(member, began: began, now: now)
        } else {
            pool.failed(member, began: began, now: now)
        }
        pool.ended(member)
    }

    /// An instance cannot be reached any more, or can again.
    package func setReachable(_ instance: Int, _ isReachable: Bool) {
        all[instance].isUp = isReachable
        pool.refresh()
    }
}

@available(*, unavailable)
extension BalanceSimulation: Sendable {}

private final class SimulatedMember: PoolMember {
    var isUp = true
    override var isReachable: Bool { isUp }
    override func hasRoom(for bytes: Int) -> Bool { !isHeldBack }
}
