import SluicePolicy
import SluicePolicyLanguage
import SluiceVocabulary
import Testing

/// An explanation is worth nothing if the gateway then decides otherwise.
@Suite("explanations and decisions")
struct ExplainAgreesTests {
    private static let policy = """
        apiVersion: sluice/v1
        kind: PolicySet
        descriptors: {user: token.sub, room: message.topic, peer: "connection.address/24,/56", plan: token.plan}
        rate_limits:
          - {name: bucket, match: {action: [echo]}, key: [user], algorithm: token_bucket, limit: 7, per: 3s, burst: 5, overrides: {by: plan, pro: {limit: 90, burst: 9}}}
          - {name: bytes, match: {action: ["*"]}, key: [peer], algorithm: token_bucket, unit: bytes, limit: 3000, per: 1s, on_limit: drop}
          - {name: delays, match: {action: [message.send]}, key: [user], algorithm: token_bucket, limit: 2, per: 1s, on_limit: delay, max_delay: 3s}
          - {name: queue, match: {action: [message.send]}, key: [room], algorithm: leaky_bucket, limit: 1, per: 1s, burst: 2, on_limit: pause_reads}
          - {name: window, match: {action: [message.history]}, key: [user], algorithm: sliding_window, limit: 5, per: 2s, on_limit: close}
          - {name: places, match: {action: [echo, message.history]}, key: [user], algorithm: concurrency, limit: 2}
          - {name: daily, match: {action: [friend.list], transport: [tcp]}, key: [user], algorithm: quota, limit: 9, per: minute, ban: {after: 3, within: 5s, for: 7s}}
          - {name: shadow, match: {action: ["*"]}, key: [], algorithm: token_bucket, limit: 20, per: 1s, shadow: true, ban: {after: 9, within: 1s, for: 1s}}
        permissions:
          default: deny
          rules:
            - {name: members, effect: permit, action: ["message.*", echo, friend.list]}
            - {name: quiet, effect: deny, action: [message.send], when: {all: [{like: [message.topic, "b*"]}, {gt: [message.bytes, 900]}]}}
            - {name: maybe, effect: deny, action: [echo], when: {lt: [message.bytes, 40]}, shadow: true}

        """

    /// A verdict as text, everything in it that a client or a journal is told.
    private func text(_ verdict: PolicyVerdict) -> String {
        func told(_ permit: Permit) -> String {
            "\(permit.rule) \(permit.remaining) \(permit.shadowRule ?? "-")"
        }
        return switch verdict {
        case .go(let permit): "go \(told(permit))"
        case .wait(let permit, let nanoseconds): "wait \(nanoseconds) \(told(permit))"
        case .pause(let rule, let nanoseconds): "pause \(rule) \(nanoseconds)"
        case .refuse(let refusal): "refuse \(refusal)"
        case .drop(let refusal): "drop \(refusal)"
        case .close(let refusal): "close \(refusal)"
        }
    }

    @Test("explain says what decide then does, call after call", arguments: [1, 2, 3] as [UInt64])
    func agrees(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let snapshot = try PolicyCompiler.compile(
            files: [("a.yaml", Self.policy)], catalog: catalog, previous: nil
        ).snapshot
        let evaluator = PolicyEvaluator(
            snapshot: snapshot,
            meters: PolicyMeters(
                permission: { _, _ in Counter() }, limit: { _, _ in Counter() },
                ban: { _ in Counter() }))
        let subjects = (0..<6).map { place in
            PolicySubject(
                address: [192, 0, 2, UInt8(place)],
                principal: place == 0
                    ? nil
                    : Principal(
                        user: "u\(place % 3)", roles: [],
                        claims: ["plan": .string(place > 3 ? "pro" : "free")],
                        expiresAtSeconds: nil, tokenID: nil))
        }
        var now: Int64 = 0
        var leases: [Lease] = []
        var seen: Set<String> = []
        for step in 0..<4_000 {
            now += Int64.random(in: 0...200_000_000, using: &random)
            if Bool.random(using: &random), !leases.isEmpty {
                evaluator.release(leases.remove(at: .random(in: leases.indices, using: &random)))
            }
            let place = Int.random(in: subjects.indices, using: &random)
            let names = ["echo", "message.send", "message.history", "friend.list", "user.profile"]
            let name = names[.random(in: names.indices, using: &random)]
            let call = PolicyCall(
                action: catalog.action(named: name) ?? .unknown,
                bytes: .random(in: 0...1_200, using: &random),
                transport: place % 2 == 0 ? .tcp : .websocket,
                wall: WallTime(microseconds: 1_767_225_600_000_000 + now / 1_000),
                topic: ["a", "b", nil][.random(in: 0...2, using: &random)])
            let time = MonotonicTime(nanoseconds: now)
            let isPush = Int.random(in: 0...9, using: &random) == 0
            let trace = evaluator.explain(
                call, for: subjects[place], now: time, limitsOnly: isPush)
            let verdict =
                isPush
                ? evaluator.limitOnly(call, for: subjects[place], now: time)
                : evaluator.decide(call, for: subjects[place], now: time)
            try #require(text(trace.verdict) == text(verdict), "seed \(seed), step \(step)")
            seen.insert(String(text(verdict).prefix { $0 != " " }))
            switch verdict {
            case .go(let permit), .wait(let permit, _):
                if !permit.lease.isNone { leases.append(permit.lease) }
            case .pause, .refuse, .drop, .close: break
            }
        }
        #expect(seen == ["go", "wait", "pause", "refuse", "drop", "close"])
    }
}

/// A generator whose whole run follows from its seed.
private struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}
