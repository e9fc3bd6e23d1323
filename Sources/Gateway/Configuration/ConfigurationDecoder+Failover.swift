import SluiceDocuments
import SluiceUpstream

/// How a service's instances are chosen, watched, and asked again: docs/upstream.md.
extension ConfigurationDecoder {
    /// `balance`, `health`, `retry` and `breaker` of a service.
    func decodeFailover(
        _ item: ConfigurationReader, link: String?
    ) -> Configuration.Service.Failover {
        let balance = decodeBalance(item.group("balance"), link: link)
        return Configuration.Service.Failover(
            balance: balance.settings, stickyKey: balance.key,
            health: decodeHealth(item.group("health"), link: link),
            retry: decodeRetry(item.group("retry")),
            breaker: item.mapping.contains("breaker")
                ? decodeBreaker(item.group("breaker")) : nil)
    }

    private func decodeBalance(
        _ group: ConfigurationReader, link: String?
    ) -> (settings: BalanceSettings, key: BalanceKey) {
        let fallback: BalanceAlgorithm = link == "http" ? .leastRequest : .roundRobin
        let algorithm =
            group.mapping.optional("by").flatMap { value in
                value.choice(sink, of: Self.words(BalanceAlgorithm.self))
            } ?? fallback
        let key = group.mapping.optional("key").flatMap { value in
            value.choice(sink, of: Self.words(BalanceKey.self))
        }
        let bound = group.number("bounded_load", default: 0, in: 1...100)
        if algorithm != .hash, group.mapping.contains("bounded_load") {
            sink.error(
                "`bounded_load` is for `by: hash`", at: group.place("bounded_load"),
                hint: "say `by: hash`, or leave it out")
        }
        group.mapping.finish()
        return (BalanceSettings(by: algorithm, boundedLoad: bound), key ?? .session)
    }

    private static func words<Word: CaseIterable & RawRepresentable>(
        _ type: Word.Type
    ) -> [String: Word] where Word.RawValue == String {
        Dictionary(uniqueKeysWithValues: type.allCases.map { ($0.rawValue, $0) })
    }

    private func decodeHealth(_ group: ConfigurationReader, link: String?) -> HealthSettings {
        let defaults = HealthSettings()
        let settings = HealthSettings(
            check: group.mapping.contains("check")
                ? decodeCheck(group.group("check"), link: link) : nil,
            outliers: decodeOutliers(group.group("outliers")),
            slowStartMilliseconds: group.milliseconds(
                "slow_start", default: defaults.slowStartMilliseconds, in: 0...3_600_000),
            panicThreshold: group.number(
                "panic_threshold", default: defaults.panicThreshold, in: 0...1))
        group.mapping.finish()
        return settings
    }

    private func decodeCheck(_ group: ConfigurationReader, link: String?) -> CheckSettings? {
        let kind = group.mapping.required("kind").flatMap { value in
            value.choice(
                sink, of: ["ping": "ping", "tcp": "tcp", "http": "http", "grpc": "grpc"])
        }
        if kind == "ping", link == "http" {
            sink.error(
                "`ping` needs a native link", at: group.place("kind"), hint: "use `tcp` or `http`")
        }
        if kind == "ping", link == "grpc" {
            sink.error(
                "`ping` needs a native link", at: group.place("kind"),
                hint: "use `grpc`: gRPC servers take many pings for abuse")
        }
        if kind == "grpc", let link, link != "grpc" {
            sink.error(
                "`grpc` needs a gRPC link", at: group.place("kind"), hint: "use `tcp` or `http`")
        }
        if kind == "grpc", group.mapping.contains("port") {
            sink.error(
                "a `grpc` check uses the link's connection", at: group.place("port"),
                hint: "leave `port` out")
        }
        let path = group.string("path", default: "/")
        if !path.hasPrefix("/") {
            sink.error("`path` begins with `/`", at: group.place("path"))
        }
        let port =
            group.mapping.contains("port") ? group.integer("port", default: 0, in: 1...65_535) : 0
        let defaults = CheckSettings(kind: .tcp)
        let interval = group.milliseconds(
            "interval", default: defaults.intervalMilliseconds, in: 100...3_600_000)
        let timeout = group.milliseconds(
            "timeout", default: min(interval, defaults.timeoutMilliseconds), in: 10...60_000)
        if timeout > interval {
            sink.error(
                "`timeout` is longer than `interval`", at: group.place("timeout"),
                hint: "a check ends before the next begins")
        }
        let unhealthy = group.integer("unhealthy", default: defaults.unhealthyAfter, in: 1...100)
        let healthy = group.integer("healthy", default: defaults.healthyAfter, in: 1...100)
        group.mapping.finish()
        guard let kind else { return nil }
        return CheckSettings(
            kind: checkKind(kind, path: path),
            port: port == 0 ? nil : port, intervalMilliseconds: interval,
            timeoutMilliseconds: timeout, unhealthyAfter: unhealthy, healthyAfter: healthy)
    }

    private func checkKind(_ word: String, path: String) -> CheckSettings.Kind {
        switch word {
        case "ping": .ping
        case "grpc": .grpc
        case "tcp": .tcp
        default: .http(path: path)
        }
    }

    private func decodeOutliers(_ group: ConfigurationReader) -> OutlierSettings {
        let defaults = OutlierSettings()
        let first = group.milliseconds(
            "ejection", default: defaults.ejectionMilliseconds, in: 100...3_600_000)
        let longest = group.milliseconds(
            "max_ejection", default: max(first, defaults.maxEjectionMilliseconds),
            in: 100...86_400_000)
        if longest < first {
            sink.error(
                "`max_ejection` is shorter than `ejection`", at: group.place("max_ejection"))
        }
        let settings = OutlierSettings(
            consecutiveErrors: group.integer(
                "consecutive_errors", default: defaults.consecutiveErrors, in: 0...10_000),
            successRate: group.number("success_rate", default: 0, in: 0...1),
            latencyFactor: group.number("latency_factor", default: 0, in: 0...1_000),
            minimumRequests: group.integer(
                "min_requests", default: defaults.minimumRequests, in: 1...1_000_000),
            intervalMilliseconds: group.milliseconds(
                "interval", default: defaults.intervalMilliseconds, in: 100...3_600_000),
            ejectionMilliseconds: first, maxEjectionMilliseconds: longest,
            maxEjectedShare: group.number(
                "max_ejected", default: defaults.maxEjectedShare, in: 0...1))
        group.mapping.finish()
        return settings
    }

    private func decodeRetry(_ group: ConfigurationReader) -> RetrySettings {
        let defaults = RetrySettings()
        let settings = RetrySettings(
            attempts: group.integer("attempts", default: defaults.attempts, in: 1...10),
            budget: group.number("budget", default: defaults.budget, in: 0...1),
            perTryTimeoutMilliseconds: group.milliseconds(
                "per_try_timeout", default: 0, in: 0...600_000))
        group.mapping.finish()
        return settings
    }

    private func decodeBreaker(_ group: ConfigurationReader) -> BreakerSettings {
        let defaults = BreakerSettings()
        let settings = BreakerSettings(
            failureRate: group.number(
                "failure_rate", default: defaults.failureRate, in: 0.01...1),
            minimumRequests: group.integer(
                "min_requests", default: defaults.minimumRequests, in: 1...1_000_000),
            windowMilliseconds: group.milliseconds(
                "window", default: defaults.windowMilliseconds, in: 100...3_600_000),
            openMilliseconds: group.milliseconds(
                "open", default: defaults.openMilliseconds, in: 10...3_600_000),
            probes: group.integer("probes", default: defaults.probes, in: 1...1_000))
        group.mapping.finish()
        return settings
    }
}
