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
        guard let instance = http.next(bytes: 0) else {
            meters.overloaded.add()
            callsExceeded.add()
            return .failure(Refusal(.overloaded))
        }
        let exchange = HTTPExchange(request, pool: instance.connections)
        instance.streams += 1
        exchange.onEnd = { [unowned exchange, tick, waitingExceeded] end in
            instance.streams -= 1
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
            case .failed(.connectFailed), .failed(.connectionLost):
                meters.serviceUnavailable.add()
            }
            instance.stopIfDrained()
        }
        return .success(exchange)
    }
}
