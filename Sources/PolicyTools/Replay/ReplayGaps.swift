import SluicePolicy
import SluiceVocabulary

/// What of a policy the journal cannot answer: the account a login tried and header fields are
/// private and in no entry.
struct ReplayGaps {
    /// A rule that is not replayed, and why.
    struct Rule: Hashable {
        let name: String
        let facts: [String]
    }

    /// The policy without limits that nothing is known for.
    let model: PolicyModel
    let rules: [Rule]
    /// Names of limits that are not replayed, those they had before among them.
    private let limits: Set<String>
    private let opaque: [ActionPattern]

    init(_ model: PolicyModel) {
        var kept = model
        var rules: [Rule] = []
        var limits: Set<String> = []
        var opaque: [ActionPattern] = []
        kept.limits = []
        for limit in model.limits {
            let facts = Self.unknown(Set(limit.key + (limit.overrides.map { [$0.by] } ?? [])))
            if facts.isEmpty {
                kept.limits.append(limit)
            } else {
                rules.append(Rule(name: limit.name, facts: facts))
                limits.formUnion([limit.name] + limit.was)
            }
        }
        for rule in model.permissions {
            let facts = Self.unknown(Set(rule.when?.sources ?? []))
            guard !facts.isEmpty else { continue }
            rules.append(Rule(name: rule.name, facts: facts))
            if !rule.isShadow { opaque += rule.actions }
        }
        self.model = kept
        self.rules = rules
        self.limits = limits
        self.opaque = opaque
    }

    private static func unknown(_ sources: Set<KeySource>) -> [String] {
        sources.filter {
            switch $0 {
            case .loginUser, .header: true
            case .claim, .session, .device, .platform, .app, .address, .transport, .action, .topic,
                .route, .method:
                false
            }
        }.map(\.text).sorted()
    }

    /// Whether an action's permission depends on what is not known.
    func hides(_ action: String) -> Bool { opaque.contains { $0.matches(action) } }

    /// Whether a limit that refused is one that is not replayed.
    func leavesOut(_ rule: String) -> Bool { limits.contains(rule) }
}

extension PolicyModel {
    /// Longest time over which a limit remembers, in nanoseconds: what a replay must have seen
    /// before its buckets are those of the gateway.
    var memoryNanoseconds: Int64 {
        limits.map(\.memoryNanoseconds).max() ?? 0
    }

    /// Whether any rule looks at the session.
    var usesSessions: Bool {
        limits.contains { $0.key.contains(.session) || $0.overrides?.by == .session }
            || permissions.contains { $0.when?.sources.contains(.session) == true }
    }
}

extension LimitRule {
    fileprivate var memoryNanoseconds: Int64 {
        let all = [numbers] + (overrides.map { Array($0.numbers.values) } ?? [])
        let longest =
            all.map { numbers -> Int64 in
                switch algorithm {
                case .tokenBucket, .leakyBucket:
                    let full = Double(numbers.burst) / Double(numbers.limit)
                    return Int64(full * Double(numbers.periodNanoseconds))
                        + (maxDelayNanoseconds ?? 0)
                case .slidingWindow: return 2 * numbers.periodNanoseconds
                case .quota: return (calendar ?? .month).longestNanoseconds
                case .concurrency: return 0
                }
            }.max() ?? 0
        let banned = ban.map { ($0.withinMilliseconds + $0.forMilliseconds) * 1_000_000 } ?? 0
        return longest + banned
    }
}

extension CalendarPeriod {
    fileprivate var longestNanoseconds: Int64 {
        let second: Int64 = 1_000_000_000
        return switch self {
        case .minute: 60 * second
        case .hour: 3_600 * second
        case .day: 86_400 * second
        case .week: 7 * 86_400 * second
        case .month: 31 * 86_400 * second
        case .year: 366 * 86_400 * second
        }
    }
}
