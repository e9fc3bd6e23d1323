package import SluicePolicy
package import SluiceVocabulary

/// Requests of routes: streams to an instance of a service with HTTP links.
extension Upstream {
    /// Chooses an instance for a request. Nothing is sent before `HTTPExchange.start`.
    ///
    /// - Parameter permit: proof that the policy was asked.
    /// - Returns: `serviceUnavailable` where no instance takes requests, `overloaded` where all have
    ///   as much as they may.
    package func open(
        _ permit: Permit, service name: String, _ request: HTTPRequest
    ) -> Result<HTTPExchange, Refusal> {
        tick.begin()
        guard let http = pools.first(where: { $0.definition.name == name })?.http else {
            return .failure(Refusal(.serviceUnavailable))
        }
        let meters = http.service.meters
        guard !http.ready.isEmpty else {
            meters.serviceUnavailable.add()
            return .failure(Refusal(.serviceUnavailable))
        }
        let pool = http.service
        guard pool.admits(now: tick.now) else {
            meters.serviceUnavailable.add()
            return .failure(Refusal(.serviceUnavailable))
        }
        // A request of a route has no key: under `hash` each goes anywhere.
        let place = pool.choose(isOrdered: false, key: random.next(), bytes: 0)
        guard place >= 0 else {
            meters.overloaded.add()
            callsExceeded.add()
            return .failure(Refusal(.overloaded))
        }
        let instance = http.ready[place]
        let exchange = HTTPExchange(request, pool: instance.connections)
        instance.streams += 1
        pool.began(instance)
        pool.breakersStart(instance, now: tick.now)
        exchange.onEnd = { [unowned exchange, tick, waitingExceeded, headExceeded] end in
            instance.streams -= 1
            pool.ended(instance)
            Self.judge(end, status: exchange.status, of: exchange, instance, now: tick.now)
            exchange.upstreamNanoseconds = tick.now.nanoseconds(since: exchange.startedAt)
            meters.duration.record(nanoseconds: exchange.upstreamNanoseconds)
            switch end {
            case .whole:
                ((exchange.status ?? 0) < 400 ? meters.ok : meters.serviceStatus).add()
            case .cancelled: meters.cancelled.add()
            case .failed(.badAnswer): meters.badUpstreamAnswer.add()
            case .failed(.timedOut): meters.timedOut.add()
            case .failed(.overloaded):
                meters.overloaded.add()
                waitingExceeded.add()
            case .failed(.tooLarge):
                meters.cancelled.add()
                headExceeded.add()
            case .failed(.connectFailed), .failed(.connectionLost), .failed(.refused):
                meters.serviceUnavailable.add()
            }
            instance.stopIfDrained()
        }
        return .success(exchange)
    }

    /// What a route's answer says about its instance: 5xx is a failure, and so is none.
    private static func judge(
        _ end: HTTPExchangeEnd, status: UInt?, of exchange: HTTPExchange, _ instance: HTTPInstance,
        now: MonotonicTime
    ) {
        let (pool, began) = (instance.pool, exchange.startedAt)
        switch end {
        case .whole where (status ?? 0) < 500: pool.succeeded(instance, began: began, now: now)
        case .cancelled, .failed(.overloaded), .failed(.tooLarge):
            pool.breakersCancelled(instance, began: began)
        case .failed(.connectFailed):
            pool.failed(instance, isReachability: true, began: began, now: now)
        case .whole, .failed: pool.failed(instance, began: began, now: now)
        }
    }
}
