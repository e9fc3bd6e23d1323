/// How the instance for a call is chosen.
package enum BalanceAlgorithm: String, Sendable, CaseIterable {
    /// One after the other, more often those of more weight.
    case roundRobin = "round_robin"
    /// Of two drawn at random the one with fewer calls under way for its weight.
    case leastRequest = "least_request"
    /// Always the same one for a key, as long as it is there.
    case hash
}

/// What calls have in common that go to one instance: under `hash`, and for ordered commands.
package enum BalanceKey: String, Sendable, CaseIterable {
    case session, user, topic
    /// The client's address.
    case client
}

/// `balance:` of a service.
package struct BalanceSettings: Sendable, Equatable {
    package var by: BalanceAlgorithm
    /// Under `hash`: no instance has more than this many times its share of the calls under way;
    /// further ones go to others. 0 = no bound.
    package var boundedLoad: Double

    package init(by: BalanceAlgorithm = .roundRobin, boundedLoad: Double = 0) {
        self.by = by
        self.boundedLoad = boundedLoad
    }
}

/// `health.outliers:` of a service: which instances are ejected for how they answer.
package struct OutlierSettings: Sendable, Equatable {
    /// Calls in a row that failed; 0 = never for this.
    package var consecutiveErrors: Int
    /// The least share of calls of an interval that must succeed; 0 = never for this.
    package var successRate: Double
    /// An interval's mean latency over this many times the median of all instances; 0 = never.
    package var latencyFactor: Double
    /// An interval with fewer calls of an instance says nothing about its rate and latency.
    package var minimumRequests: Int
    package var intervalMilliseconds: Int64
    /// The first ejection; each further one takes twice as long as the one before.
    package var ejectionMilliseconds: Int64
    package var maxEjectionMilliseconds: Int64
    /// No more than this share of instances is ejected at a time; one always may be.
    package var maxEjectedShare: Double

    package init(
        consecutiveErrors: Int = 5, successRate: Double = 0, latencyFactor: Double = 0,
        minimumRequests: Int = 100, intervalMilliseconds: Int64 = 10_000,
        ejectionMilliseconds: Int64 = 30_000, maxEjectionMilliseconds: Int64 = 300_000,
        maxEjectedShare: Double = 0.5
    ) {
        self.consecutiveErrors = consecutiveErrors
        self.successRate = successRate
        self.latencyFactor = latencyFactor
        self.minimumRequests = minimumRequests
        self.intervalMilliseconds = intervalMilliseconds
        self.ejectionMilliseconds = ejectionMilliseconds
        self.maxEjectionMilliseconds = maxEjectionMilliseconds
        self.maxEjectedShare = maxEjectedShare
    }

    /// Whether anything is judged at the end of an interval.
    var judgesIntervals: Bool { successRate > 0 || latencyFactor > 0 }
}

/// `health.check:` of a service: what the gateway asks of its own accord.
package struct CheckSettings: Sendable, Equatable {
    /// How an instance is asked.
    package enum Kind: Sendable, Equatable {
        /// A ping on the native link.
        case ping
        /// `grpc.health.v1.Health/Check` on the gRPC link, answered with SERVING.
        case grpc
        /// A TCP connection, with TLS where the service has it.
        case tcp
        /// `GET path` answered with 2xx.
        case http(path: String)
    }

    package var kind: Kind
    /// Another port than the instance's; nil = the same.
    package var port: Int?
    package var intervalMilliseconds: Int64
    package var timeoutMilliseconds: Int64
    /// Checks in a row that fail before the instance is taken out.
    package var unhealthyAfter: Int
    /// Checks in a row that succeed before it comes back.
    package var healthyAfter: Int

    package init(
        kind: Kind, port: Int? = nil, intervalMilliseconds: Int64 = 10_000,
        timeoutMilliseconds: Int64 = 1_000, unhealthyAfter: Int = 3, healthyAfter: Int = 2
    ) {
        self.kind = kind
        self.port = port
        self.intervalMilliseconds = intervalMilliseconds
        self.timeoutMilliseconds = timeoutMilliseconds
        self.unhealthyAfter = unhealthyAfter
        self.healthyAfter = healthyAfter
    }
}

/// `health:` of a service.
package struct HealthSettings: Sendable, Equatable {
    /// Nil = none.
    package var check: CheckSettings?
    package var outliers: OutlierSettings
    /// How long an instance that comes (back) gets less than its weight; 0 = not at all.
    package var slowStartMilliseconds: Int64
    /// With a smaller share of instances available, all that can be reached get calls; 0 = never.
    package var panicThreshold: Double

    package init(
        check: CheckSettings? = nil, outliers: OutlierSettings = OutlierSettings(),
        slowStartMilliseconds: Int64 = 0, panicThreshold: Double = 0.5
    ) {
        self.check = check
        self.outliers = outliers
        self.slowStartMilliseconds = slowStartMilliseconds
        self.panicThreshold = panicThreshold
    }
}

/// `retry:` of a service.
package struct RetrySettings: Sendable, Equatable {
    /// How often a call is sent at most, the first time included; 1 = never again.
    package var attempts: Int
    /// Retries for each call, over the last ten seconds.
    package var budget: Double
    /// After this another instance is asked, where the command is `retry_safe`; 0 = never.
    package var perTryTimeoutMilliseconds: Int64

    package init(
        attempts: Int = 2, budget: Double = 0.2, perTryTimeoutMilliseconds: Int64 = 0
    ) {
        self.attempts = attempts
        self.budget = budget
        self.perTryTimeoutMilliseconds = perTryTimeoutMilliseconds
    }
}

/// `breaker:` of a service: one for the whole service and one for each instance.
package struct BreakerSettings: Sendable, Equatable {
    /// The share of failed calls within the window at which it opens.
    package var failureRate: Double
    /// Fewer calls in the window say nothing.
    package var minimumRequests: Int
    package var windowMilliseconds: Int64
    /// How long it stays open before calls probe whether the service is well again.
    package var openMilliseconds: Int64
    /// So many probes have to succeed before it closes; one that fails opens it again.
    package var probes: Int

    package init(
        failureRate: Double = 0.5, minimumRequests: Int = 20, windowMilliseconds: Int64 = 10_000,
        openMilliseconds: Int64 = 5_000, probes: Int = 3
    ) {
        self.failureRate = failureRate
        self.minimumRequests = minimumRequests
        self.windowMilliseconds = windowMilliseconds
        self.openMilliseconds = openMilliseconds
        self.probes = probes
    }
}
