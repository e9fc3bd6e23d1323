import SluicePolicy
import SluiceVocabulary
import Synchronization

/// A generator whose whole run follows from its seed.
struct SeededRandom: RandomNumberGenerator {
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

/// Counters by rule and decision, as a loop has them.
final class Counts {
    private var counters: [String: Counter] = [:]

    private func counter(_ name: String) -> Counter {
        if let known = counters[name] { return known }
        let fresh = Counter()
        counters[name] = fresh
        return fresh
    }

    func permission(_ rule: String, _ decision: String) -> UInt64 {
        counters["permission/\(rule)/\(decision)"]?.value ?? 0
    }

    func limit(_ rule: String, _ decision: String) -> UInt64 {
        counters["limit/\(rule)/\(decision)"]?.value ?? 0
    }

    var meters: PolicyMeters {
        PolicyMeters(
            permission: { self.counter("permission/\($0)/\($1)") },
            limit: { self.counter("limit/\($0)/\($1)") })
    }
}

let second: Int64 = 1_000_000_000
let catalog = ActionCatalog(commands: ["echo", "message.send", "message.history", "friend.list"])
let echo = catalog.action(named: "echo") ?? ActionID.unknown
let send = catalog.action(named: "message.send") ?? ActionID.unknown

func at(_ nanoseconds: Int64) -> MonotonicTime { MonotonicTime(nanoseconds: nanoseconds) }

func alike(
    _ user: String, roles: [String] = [], claims: [String: ClaimValue] = [:]
) -> Principal {
    Principal(user: user, roles: roles, claims: claims, expiresAtSeconds: nil, tokenID: nil)
}

func subject(_ user: String?, address: [UInt8] = [192, 0, 2, 1]) -> PolicySubject {
    PolicySubject(address: address, principal: user.map { alike($0) })
}

func perUser(
    _ name: String = "per-user", limit: Int64, per: Int64 = second, burst: Int64? = nil,
    cost: Int64 = 1,
    action: String = "*"
) -> LimitRule {
    LimitRule(
        name: name, actions: [ActionPattern(action)], key: [.claim(["sub"])],
        numbers: LimitNumbers(
            limit: limit, periodNanoseconds: per, burst: burst ?? limit, cost: cost))
}

/// A snapshot that permits everything to everyone under the given limits.
func snapshot(_ limits: [LimitRule], previous: PolicySnapshot? = nil) -> PolicySnapshot {
    PolicySnapshot(
        model: PolicyModel(permitsByDefault: true, limits: limits), revision: "test",
        catalog: catalog,
        previous: previous)
}

func evaluator(_ snapshot: PolicySnapshot, _ counts: Counts = Counts()) -> PolicyEvaluator {
    PolicyEvaluator(snapshot: snapshot, meters: counts.meters)
}

extension PolicyEvaluator {
    /// Nil when the call goes on, else its refusal.
    func refusal(
        of action: ActionID = echo, _ subject: PolicySubject, _ now: Int64, bytes: Int = 100,
        transport: Transport = .websocket, topic: String? = nil, loginUser: String? = nil
    ) -> Refusal? {
        let call = PolicyCall(
            action: action, bytes: bytes, transport: transport, topic: topic, loginUser: loginUser)
        guard case .refuse(let refusal) = decide(call, for: subject, now: at(now)) else {
            return nil
        }
        return refusal
    }

    /// How many calls of many go on at one instant.
    func passes(
        _ count: Int, _ subject: PolicySubject, _ now: Int64, action: ActionID = echo,
        bytes: Int = 100
    ) -> Int {
        (0..<count).count { _ in refusal(of: action, subject, now, bytes: bytes) == nil }
    }
}
