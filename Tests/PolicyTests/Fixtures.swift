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

    func bans(_ rule: String) -> UInt64 { counters["ban/\(rule)"]?.value ?? 0 }

    /// All that counted something, by `permission/rule/decision`, `limit/rule/decision`, `ban/rule`.
    var values: [String: UInt64] { counters.mapValues(\.value).filter { $0.value > 0 } }

    var meters: PolicyMeters {
        PolicyMeters(
            permission: { self.counter("permission/\($0)/\($1)") },
            limit: { self.counter("limit/\($0)/\($1)") },
            ban: { self.counter("ban/\($0)") })
    }
}

let second: Int64 = 1_000_000_000
let catalog = ActionCatalog(commands: [
    "echo", "message.send", "message.history", "friend.list", "http.media",
])
let echo = catalog.action(named: "echo") ?? ActionID.unknown
let send = catalog.action(named: "message.send") ?? ActionID.unknown

/// For tests in which the calendar plays no part.
let midnight = WallTime(microseconds: 0)

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

/// The same for any algorithm.
func perUser(
    _ algorithm: LimitAlgorithm, limit: Int64, per: Int64 = second, burst: Int64? = nil,
    _ calendar: CalendarPeriod = .day
) -> LimitRule {
    var rule = perUser(limit: limit, per: per, burst: burst)
    rule.algorithm = algorithm
    if algorithm == .quota { rule.calendar = calendar }
    return rule
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

/// A call; what a test does not care about is filled in.
func call(
    _ action: ActionID = echo, bytes: Int = 100, transport: Transport = .websocket,
    wall: Int64 = 0, topic: String? = nil, loginUser: String? = nil, method: String? = nil,
    headers: [String?] = []
) -> PolicyCall {
    PolicyCall(
        action: action, bytes: bytes, transport: transport, wall: WallTime(microseconds: wall),
        topic: topic, loginUser: loginUser, method: method, headers: headers)
}

extension PolicyEvaluator {
    /// Nil when the call goes on (at once or later), else its refusal.
    func refusal(
        of action: ActionID = echo, _ subject: PolicySubject, _ now: Int64, bytes: Int = 100,
        transport: Transport = .websocket, wall: Int64 = 0, topic: String? = nil,
        loginUser: String? = nil
    ) -> Refusal? {
        let one = call(
            action, bytes: bytes, transport: transport, wall: wall, topic: topic,
            loginUser: loginUser)
        return decide(one, for: subject, now: at(now)).refusal
    }

    /// The permit of a call that goes on at once; nil when it does not.
    func permit(_ call: PolicyCall, _ subject: PolicySubject, _ now: Int64) -> Permit? {
        guard case .go(let permit) = decide(call, for: subject, now: at(now)) else { return nil }
        return permit
    }

    /// How many calls of many go on at one instant.
    func passes(
        _ count: Int, _ subject: PolicySubject, _ now: Int64, action: ActionID = echo,
        bytes: Int = 100, wall: Int64 = 0
    ) -> Int {
        (0..<count).count {
            _ in refusal(of: action, subject, now, bytes: bytes, wall: wall) == nil
        }
    }
}

extension PolicyEvaluator {
    /// Nanoseconds a call waits before it goes on, 0 when it goes at once; nil when it does not go on.
    func wait(_ subject: PolicySubject, _ now: Int64, bytes: Int = 100) -> Int64? {
        switch decide(call(bytes: bytes), for: subject, now: at(now)) {
        case .go: 0
        case .wait(_, let nanoseconds): nanoseconds
        case .pause, .refuse, .drop, .close: nil
        }
    }
}
