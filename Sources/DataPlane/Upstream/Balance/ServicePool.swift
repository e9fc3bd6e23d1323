import NIOCore
import SluiceVocabulary

/// One service on one loop: its instances, who of them takes calls, and the choice among those.
final class ServicePool {
    /// Changes when the configuration changes pauses or timeouts.
    var definition: ServiceDefinition
    let meters: ServiceMeters
    unowned let upstream: Upstream
    /// One per configured instance.
    var links: [Link] = []
    /// The service's instances where it has HTTP links; `links` is empty then.
    private(set) var http: HTTPBalance?
    /// Links that take calls, in the order of `links`: a choice is a place in it.
    private(set) var ready: [Link] = []
    private(set) var balancer: Balancer
    /// Calls under way to all instances, those that leave too.
    var live = 0
    var retry: RetryPolicy
    /// Of the whole service; nil = none.
    var breaker: CircuitBreaker?
    var detector: OutlierDetector
    var intervalEnds: MonotonicTime?
    /// Most instances are out, so all that can be reached get calls.
    private(set) var isPanicking = false
    /// Wakes the pool when something is due: a return, a step of a slow start, an interval's end.
    var timer: Scheduled<Void>?
    var timerDue = MonotonicTime(nanoseconds: .max)

    init(definition: ServiceDefinition, meters: ServiceMeters, upstream: Upstream) {
        self.definition = definition
        self.meters = meters
        self.upstream = upstream
        balancer = Balancer(
            settings: definition.balance, random: SeededRandom(seed: upstream.random.next()))
        retry = RetryPolicy(definition.retry)
        detector = OutlierDetector(settings: definition.health.outliers)
        breaker = definition.breaker.map { CircuitBreaker($0) }
        if definition.http != nil { http = HTTPBalance(service: self) }
    }

    /// In the place of links, where a `BalanceSimulation` has none.
    var simulated: [PoolMember] = []

    /// Every configured instance.
    var members: [PoolMember] {
        if let http { return http.instances }
        return links.isEmpty ? simulated : links
    }

    /// Requests are kept to be sent again: there is somebody else to send them to.
    var keepsRequests: Bool { retry.settings.attempts > 1 && balancer.members.count > 1 }

    /// Recomputes who takes calls; called whenever an instance comes, goes, drains, is ejected or
    /// returns.
    func refresh() {
        let now = upstream.tick.now
        let all = members
        let reachable = all.filter(\.isReachable)
        var chosen = reachable.filter { $0.exclusion == nil }
        let isFew = Double(chosen.count) < definition.health.panicThreshold * Double(all.count)
        let panics = isFew && chosen.count < reachable.count
        if panics { chosen = reachable }
        updateSlowStarts(all, chosen, now)
        let slowStart = SlowStart(windowMilliseconds: definition.health.slowStartMilliseconds)
        balancer.rebuild(
            chosen,
            weights: chosen.map {
                slowStart.weight($0.weight, began: $0.slowStartBegan, now: now)
            }, settings: definition.balance)
        if let http {
            let instances = http.instances
            http.ready = instances.filter(\.isInBalance)
        } else {
            ready = links.filter(\.isInBalance)
        }
        for state in InstanceState.allCases {
            meters.instances[state]?.set(Int64(all.count { $0.state == state }))
        }
        if panics != isPanicking {
            isPanicking = panics
            upstream.onEvent(.panic(service: definition.name, isOn: panics))
        }
        armTimer()
    }

    /// One that joins others warms up; where all begin, all have the same to do.
    private func updateSlowStarts(
        _ all: [PoolMember], _ chosen: [PoolMember], _ now: MonotonicTime
    ) {
        let joinsOthers = !balancer.members.isEmpty
        for member in chosen where !member.isInBalance {
            let isSlow = joinsOthers && definition.health.slowStartMilliseconds > 0
            member.slowStartBegan = isSlow ? now : nil
        }
        for member in all { member.isInBalance = false }
        for member in balancer.members { member.isInBalance = false }
        for member in chosen { member.isInBalance = true }
    }

    /// The place for a call, see `Balancer.choose`.
    @inline(__always)
    func choose(isOrdered: Bool, key: UInt64, bytes: Int, excluding: Int32 = -1) -> Int {
        balancer.choose(isOrdered: isOrdered, key: key, bytes: bytes, excluding: excluding)
    }

    /// A call goes to `member`.
    @inline(__always)
    func began(_ member: PoolMember) {
        member.live &+= 1
        live &+= 1
    }

    /// A call of `member` is no longer awaited.
    @inline(__always)
    func ended(_ member: PoolMember) {
        member.live &-= 1
        live &-= 1
    }

    /// Takes over a new definition. Members are taken over by the caller, then `refresh`.
    func adopt(_ definition: ServiceDefinition) {
        self.definition = definition
        retry.adopt(definition.retry)
        detector.settings = definition.health.outliers
        if breaker?.settings != definition.breaker {
            breaker = definition.breaker.map { CircuitBreaker($0) }
            meters.breaker.set(0)
        }
    }

    /// A member was made, or the definition has changed.
    func prepare(_ member: PoolMember, weight: Int) {
        member.weight = max(1, weight)
        if member.breaker?.settings != definition.breaker {
            member.breaker = definition.breaker.map { CircuitBreaker($0) }
            member.isHeldBack = false
        }
        let wanted = definition.health.check
        if member.prober?.settings != wanted {
            member.prober?.stop()
            member.check = ActiveCheck()
            member.prober = wanted.map { HealthProber($0, of: member, upstream: upstream) }
        }
        if upstream.isStarted { member.prober?.start() }
    }

    /// The end: leaves no timer and no cycle.
    func stop() {
        timer?.cancel()
        timer = nil
        for member in members { member.prober?.stop() }
        // The service is no more: nothing is open, and nobody is up.
        meters.breaker.set(0)
        for state in InstanceState.allCases { meters.instances[state]?.set(0) }
        links = []
        ready = []
        http?.instances = []
        http?.ready = []
        balancer.rebuild([], weights: [], settings: definition.balance)
    }
}

@available(*, unavailable)
extension ServicePool: Sendable {}
