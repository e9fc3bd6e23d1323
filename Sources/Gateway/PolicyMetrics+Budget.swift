import SluicePolicy
import SluiceTelemetry

/// Whether the counters of a policy's rules have room on the metrics page.
extension PolicyMetrics {
    private static let families: [MetricFamily] = [
        .permissionDecisions, .rateLimitDecisions, .rateLimitBans, .rateLimitBannedKeys,
        .rateLimitKeys, .rateLimitOverflow,
    ]

    /// What the operator is told when the rules can make more series than the budget has room for;
    /// nil when they fit. Decisions are counted all the same, those without room under `_overflow`.
    func seriesWarning(for policy: PolicySnapshot) -> String? {
        let rules = Set(policy.ruleNames + ["default"])
        // What is there already, without what these rules have of it: rules that a reload took away
        // keep their series.
        let others = registry.seriesCount { family, labels in
            !(Self.families.contains(family) && labels.first.map { rules.contains($0) } == true)
        }
        let wanted = Self.seriesCount(of: policy.model)
        let budget = registry.seriesBudget
        guard others + wanted > budget else { return nil }
        return "the policy's \(rules.count - 1) rules can make \(wanted) metric series and "
            + "\(others) are there besides, but telemetry.metrics_series is \(budget): rules "
            + "without room are counted together under `\(MetricsRegistry.overflowLabel)`; raise it "
            + "to \(others + wanted) or more and restart, or join rules"
    }

    /// One for each decision a rule can come to, and for a limit its keys, its overflow and its bans.
    private static func seriesCount(of model: PolicyModel) -> Int {
        let limits = model.limits.reduce(0) { sum, rule in
            let waits = rule.algorithm == .leakyBucket || rule.onLimit == .delay
            let hasOwnWay = rule.onLimit == .drop || rule.onLimit == .pauseReads
            return sum + 4 + (waits ? 1 : 0) + (hasOwnWay ? 1 : 0) + (rule.ban == nil ? 0 : 2)
        }
        return limits + model.permissions.count + 1
    }
}
