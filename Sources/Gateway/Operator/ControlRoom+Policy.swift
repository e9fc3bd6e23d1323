import SluiceFraming
import SluicePolicy
import SluiceReload
import SluiceVocabulary

/// `GET /v1/policy`: what is in force, how its limits fare, and the last reload.
extension ControlRoom {
    func policy() async -> String {
        let policy = await reloader.current
        let bans = policy.bans(now: settings.clocks.monotonic())
        let last = await reloader.last
        let requests = await reloader.requests
        return Self.text(
            .object([
                ("pid", .integer(Int64(ThisProcess.pid))), ("name", .string(policy.name)),
                ("version", .string(policy.version)), ("revision", .string(policy.revision)),
                ("rules", .array(policy.ruleNames.map { .string($0) })),
                ("limits", .array(policy.limitFigures.map { Self.describe($0, bans) })),
                ("permissions", .array(policy.model.permissions.map(Self.describe))),
                ("devices", Self.describe(policy.model.devices)),
                ("logging", Self.describe(policy.model.logging)),
                ("reload", Self.describe(last, requests: requests)),
            ]))
    }

    private static func describe(
        _ limit: LimitFigures, _ bans: [String: LimitBans]
    ) -> JSONValue {
        var members: [(String, JSONValue)] = [
            ("name", .string(limit.rule.name)), ("kind", .string(limit.rule.algorithm.rawValue)),
            ("on_limit", .string(limit.rule.onLimit.rawValue)),
            ("shadow", .bool(limit.rule.isShadow)),
            ("live_keys", .integer(Int64(limit.liveKeys))),
            ("overflow", .integer(Int64(clamping: limit.overflows))),
        ]
        if let bans = bans[limit.rule.name] {
            let longest = (bans.longestNanoseconds + 999_999) / 1_000_000
            let told: [(String, JSONValue)] = [
                ("keys", .integer(Int64(bans.keys))), ("longest_ms", .integer(longest)),
            ]
            members.append(("bans", .object(told)))
        }
        return .object(members)
    }

    private static func describe(_ rule: PermissionRule) -> JSONValue {
        .object([
            ("name", .string(rule.name)),
            ("kind", .string(rule.effect == .permit ? "permit" : "deny")),
            ("shadow", .bool(rule.isShadow)),
        ])
    }

    private static func describe(_ devices: DevicePolicy) -> JSONValue {
        let rule: JSONValue =
            switch devices.rule {
            case .allowAll: .string("allow_all")
            case .onePerClass: .string("one_per_class")
            case .oneInAll: .string("one_in_all")
            case .max(let count): .object([("max", .integer(Int64(count)))])
            }
        var platforms: [String: [String]] = [:]
        for (platform, name) in devices.classByPlatform {
            platforms[name, default: []].append(platform)
        }
        let classes = platforms.sorted { $0.key < $1.key }.map { name, members in
            (name, JSONValue.array(members.sorted().map { .string($0) }))
        }
        return .object([
            ("rule", rule), ("classes", .object(classes)),
            ("on_conflict", .string(devices.refusesNewer ? "refuse" : "replace")),
        ])
    }

    private static func describe(_ logging: PolicyLogging) -> JSONValue {
        .object([
            ("sample", describe(logging.sample)),
            (
                "actions",
                .object(logging.actions.map { ($0.pattern.text, describe($0.sample)) })
            ),
            ("budget_per_second", .integer(Int64(logging.budgetPerSecond))),
            ("reserve_per_second", .integer(Int64(logging.reservePerSecond))),
        ])
    }

    private static func describe(_ sample: PolicyLogging.Sample) -> JSONValue {
        .object([
            ("ok", .number(sample.ok)), ("refused", .number(sample.refused)),
            ("error", .number(sample.error)),
        ])
    }

    static func describe(_ report: ReloadReport, requests: UInt64) -> JSONValue {
        func list(_ values: [String]) -> JSONValue { .array(values.map { .string($0) }) }
        return .object([
            ("number", .integer(Int64(report.number))), ("requested", .integer(Int64(requests))),
            ("covered", .integer(Int64(report.covered))),
            ("result", .string(report.result.rawValue)), ("errors", list(report.errors)),
            ("warnings", list(report.warnings)), ("needs_restart", list(report.needsRestart)),
            ("added", list(report.added)), ("changed", list(report.changed)),
            ("removed", list(report.removed)), ("renamed", list(report.renamed)),
            ("restarted", list(report.restarted)), ("revision", .string(report.newRevision)),
            ("duration_us", .integer(report.durationNanoseconds / 1_000)),
            ("longest_pause_us", .integer(report.longestPauseNanoseconds / 1_000)),
        ])
    }
}
