import SluicePolicy
import SluiceVocabulary

/// Makes callers and calls in which every source now has a value and now has none.
enum RandomCalls {
    static let actions = [
        "echo", "message.send", "message.history", "friend.list", "http.media", "http.files",
        "session.connect", "auth.login", "unknown", "push.send",
    ]

    private static let addresses: [[UInt8]] = [
        [192, 0, 2, 1], [10, 0, 0, 1], [10, 0, 0, 200], [10, 0, 1, 1],
        Array(repeating: 0, count: 10) + [255, 255, 10, 0, 0, 1],
        [0x20, 1, 0xD, 0xB8, 0, 1, 0, 1] + Array(repeating: 0, count: 7) + [1],
        [0x20, 1, 0xD, 0xB8, 0, 1, 0, 1] + Array(repeating: 0, count: 7) + [2],
        [0x20, 1, 0xD, 0xB8, 0, 1, 0, 2] + Array(repeating: 0, count: 7) + [1],
    ]

    static func caller(_ random: inout SeededRandom) -> Caller {
        var caller = Caller(address: random.pick(addresses))
        caller.transport = random.pick(Transport.allCases)
        if random.chance(80) { caller.user = random.pick(["alice", "bob", "carol"]) }
        if random.chance(60) { caller.roles = [random.pick(["member", "admin"]), "x"] }
        caller.claims = claims(&random)
        if random.chance(50) { caller.session = SessionID(high: 7, low: UInt64(random.int(1...2))) }
        caller.device = Device(
            id: random.pick(["", "phone", "desk"]), platform: random.pick(["", "ios", "web"]),
            app: random.pick(["", "im/1", "im/2"]))
        return caller
    }

    private static func claims(_ random: inout SeededRandom) -> [String: ClaimValue] {
        let choices: [(String, [ClaimValue])] = [
            ("plan", [.string("free"), .string("pro"), .null]),
            ("account", [.object(["plan": .string("pro")]), .object([:]), .string("pro")]),
            ("level", [.integer(7), .integer(100), .number(2.5), .string("7"), .string("high")]),
            ("tags", [.array([.string("a"), .string("b")]), .array([]), .array([.integer(7)])]),
            ("vip", [.bool(true), .bool(false)]),
        ]
        var claims: [String: ClaimValue] = [:]
        for (name, values) in choices where random.chance(60) { claims[name] = random.pick(values) }
        return claims
    }

    static func call(_ transport: Transport, wall: Int64, _ random: inout SeededRandom)
        -> CallSketch
    {
        var call = CallSketch(action: random.pick(random.chance(50) ? ["message.send"] : actions))
        call.transport = transport
        call.wall = wall
        call.bytes = Int(random.chance(5) ? 0 : random.int(1...(random.chance(10) ? 4_000 : 900)))
        if random.chance(70) { call.topic = random.pick(["room.1", "room.2"]) }
        if random.chance(20) { call.loginUser = random.pick(["alice", "mallory"]) }
        if call.transport == .http {
            if random.chance(80) { call.method = random.pick(["GET", "POST"]) }
            if random.chance(60) { call.headers["x-tenant"] = random.pick(["acme", "umbrella"]) }
            if random.chance(40) { call.headers["x-app"] = "7" }
        }
        return call
    }
}
