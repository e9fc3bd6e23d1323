import SluicePolicy
import SluiceVocabulary
import Testing

@Suite("Keys of limits")
struct LimitKeyTests {
    private func one(_ key: [KeySource], overrides: LimitOverrides? = nil) -> LimitRule {
        var rule = LimitRule(
            name: "one", actions: [ActionPattern("*")], key: key,
            numbers: LimitNumbers(limit: 1, periodNanoseconds: second, burst: 1))
        rule.overrides = overrides
        return rule
    }

    @Test("connections of one user share a bucket, users do not")
    func perUserKey() {
        let decider = evaluator(snapshot([one([.claim(["sub"])])]))
        #expect(decider.refusal(subject("alice"), 0) == nil)
        #expect(decider.refusal(subject("alice", address: [192, 0, 2, 9]), 0) != nil)
        #expect(decider.refusal(subject("bob"), 0) == nil)
    }

    @Test("an empty key is one bucket for all")
    func empty() {
        let decider = evaluator(snapshot([one([])]))
        #expect(decider.refusal(subject("alice"), 0) == nil)
        #expect(decider.refusal(subject("bob"), 0) != nil)
    }

    @Test("addresses are cut to their prefix; IPv4 in IPv6 is IPv4")
    func prefixes() {
        let decider = evaluator(snapshot([one([.address(bits4: 24, bits6: 48)])]))
        let mapped: [UInt8] = Array(repeating: 0, count: 10) + [255, 255, 10, 0, 0, 77]
        func six(_ seventh: UInt8, _ last: UInt8) -> [UInt8] {
            [0x20, 1, 0xD, 0xB8, 0, 1, seventh, 0, 0, 0, 0, 0, 0, 0, 0, last]
        }
        #expect(decider.refusal(subject(nil, address: [10, 0, 0, 1]), 0) == nil)
        #expect(decider.refusal(subject(nil, address: [10, 0, 0, 2]), 0) != nil)
        #expect(decider.refusal(subject(nil, address: mapped), 0) != nil)
        #expect(decider.refusal(subject(nil, address: [10, 0, 1, 1]), 0) == nil)
        #expect(decider.refusal(subject(nil, address: six(1, 1)), 0) == nil)
        #expect(decider.refusal(subject(nil, address: six(2, 9)), 0) != nil)
        var other = six(1, 1)
        other[5] = 2
        #expect(decider.refusal(subject(nil, address: other), 0) == nil)
    }

    @Test("where the key has no value the address stands in, never one bucket for all")
    func missing() {
        let decider = evaluator(snapshot([one([.claim(["plan"])])]))
        #expect(decider.refusal(subject(nil, address: [10, 0, 0, 1]), 0) == nil)
        #expect(decider.refusal(subject("alice", address: [10, 0, 0, 1]), 0) != nil)
        #expect(decider.refusal(subject(nil, address: [10, 0, 0, 2]), 0) == nil)
    }

    @Test("a missing value and an equal text are different keys")
    func kinds() {
        let decider = evaluator(snapshot([one([.device, .session])]))
        let session = SessionID(high: 1, low: 2)
        let first = PolicySubject(
            address: [10, 0, 0, 1], session: session, device: Device(id: "a"))
        let second = PolicySubject(
            address: [10, 0, 0, 1], session: session, device: Device(id: "b"))
        let third = PolicySubject(
            address: [10, 0, 0, 1], session: SessionID(high: 1, low: 3), device: Device(id: "a"))
        for one in [first, second, third] { #expect(decider.refusal(one, 0) == nil) }
        #expect(decider.refusal(first, 0) != nil)
    }

    @Test("keys that can differ from message to message are looked up for every message")
    func perMessage() {
        let decider = evaluator(snapshot([one([.topic])]))
        let alice = subject("alice")
        #expect(decider.needs(echo) == .topic)
        #expect(decider.refusal(alice, 0, topic: "room-1") == nil)
        #expect(decider.refusal(alice, 0, topic: "room-2") == nil)
        #expect(decider.refusal(alice, 0, topic: "room-1") != nil)
        #expect(decider.refusal(subject("bob"), 0, topic: "room-1") != nil)
    }

    @Test("a limit asks for what its key looks at, and for nothing else")
    func needs() {
        for (source, needed) in [
            (KeySource.topic, NeededFacts.topic), (.loginUser, .loginUser), (.method, .http),
            (.header("x"), .http),
        ] {
            let needs = evaluator(snapshot([one([source])])).needs(echo)
            for other in [NeededFacts.topic, .loginUser, .http] {
                #expect(needs.contains(other) == (other == needed), "\(source)")
            }
        }
    }

    @Test("a user by any other bit of the name is another", arguments: [1, 7, 8, 9, 16, 17])
    func bits(length: Int) {
        let decider = evaluator(snapshot([one([.claim(["sub"])])]))
        #expect(decider.refusal(subject(String(repeating: "@", count: length)), 0) == nil)
        for place in 0..<length {
            for bit: UInt8 in [1, 2, 4, 8, 16, 32] {
                var name = [UInt8](repeating: UInt8(ascii: "@"), count: length)
                name[place] ^= bit
                let user = String(decoding: name, as: UTF8.self)
                #expect(decider.refusal(subject(user), 0) == nil, "\(place) \(bit)")
            }
        }
        #expect(decider.refusal(subject(String(repeating: "@", count: length + 1)), 0) == nil)
    }

    @Test("who identifies later counts as itself from then on")
    func identify() {
        let decider = evaluator(snapshot([one([.claim(["sub"])])]))
        let connection = subject(nil)
        #expect(decider.refusal(connection, 0) == nil)
        #expect(decider.refusal(connection, 0) != nil)
        connection.identify(principal: alike("alice"), session: nil, device: Device(id: "phone"))
        #expect(decider.refusal(connection, 0) == nil)
        #expect(decider.refusal(subject("alice"), 0) != nil)
    }

    @Test("whatever of it changes, who identifies counts anew", arguments: 0..<4)
    func identifies(part: Int) {
        let decider = evaluator(snapshot([one([.claim(["plan"]), .session, .device])]))
        let principal = alike("alice", claims: ["plan": .string("free")])
        let session = SessionID(high: 1, low: 1)
        let device = Device(id: "phone")
        let connection = PolicySubject(
            address: [10, 0, 0, 1], principal: principal, session: session, device: device)
        #expect(decider.refusal(connection, 0) == nil)
        connection.identify(principal: principal, session: session, device: device)
        #expect(decider.refusal(connection, 0) != nil)
        let other = alike("alice", claims: ["plan": .string("pro")])
        connection.identify(
            principal: part == 0 ? other : principal,
            session: part == 1 ? SessionID(high: 1, low: 2) : session,
            device: part == 2 ? Device(id: "desk") : device)
        #expect((decider.refusal(connection, 0) == nil) == (part < 3))
    }

    @Test("overrides go by a claim, nested ones too")
    func overrides() {
        let pro = LimitNumbers(limit: 5, periodNanoseconds: second, burst: 5)
        let rule = one(
            [.claim(["sub"])],
            overrides: LimitOverrides(by: .claim(["account", "plan"]), numbers: ["pro": pro]))
        let decider = evaluator(snapshot([rule]))
        func client(_ user: String, plan: String) -> PolicySubject {
            let claims: [String: ClaimValue] = ["account": .object(["plan": .string(plan)])]
            return PolicySubject(address: [10, 0, 0, 1], principal: alike(user, claims: claims))
        }
        #expect(decider.passes(9, client("alice", plan: "pro"), 0) == 5)
        #expect(decider.passes(9, client("bob", plan: "free"), 0) == 1)
        #expect(decider.passes(9, subject("carol"), 0) == 1)
    }

    @Test("transports a limit does not name pass it by")
    func transports() {
        var rule = one([])
        rule.transports = [.http]
        let decider = evaluator(snapshot([rule]))
        #expect(decider.passes(5, subject("alice"), 0) == 5)
        #expect(decider.refusal(subject("alice"), 0, transport: .http) == nil)
        #expect(decider.refusal(subject("alice"), 0, transport: .http) != nil)
    }

    @Test("over max_keys keys share buckets, and nobody is let through unlimited")
    func overflow() {
        var rule = perUser(limit: 1, burst: 1)
        rule.maxKeys = 100
        let policy = snapshot([rule])
        let decider = evaluator(policy)
        let passed = (0..<20_000).count { decider.refusal(subject("user-\($0)"), 0) == nil }
        #expect(policy.liveKeys("per-user") == 100)
        #expect(passed <= 100 + 4_096)
        #expect(passed > 100 + 3_500)
        #expect(policy.overflows("per-user") == 19_900)
    }

    @Test("a key that leaves the overflow takes no tokens with it")
    func leavesOverflow() {
        var rule = perUser(limit: 1, burst: 1)
        rule.maxKeys = 1
        let policy = snapshot([rule])
        let decider = evaluator(policy)
        let early = subject("bob")
        #expect(decider.refusal(subject("alice"), 0) == nil)
        #expect(decider.refusal(early, 0) == nil)
        #expect(policy.overflows("per-user") == 1)
        // Alice's bucket is full again and forgotten: there is room, but bob's shared one was just used.
        #expect(decider.refusal(early, 2 * second) == nil)
        #expect(policy.forgetFullBuckets(now: at(2 * second), wall: midnight) == 1)
        #expect(decider.refusal(subject("bob"), 2 * second) != nil)
        #expect(policy.liveKeys("per-user") == 0)
        // Full again, it is given up for one of his own, on both connections.
        #expect(decider.refusal(subject("bob"), 4 * second) == nil)
        #expect(policy.liveKeys("per-user") == 1)
        #expect(decider.refusal(early, 4 * second) != nil)
    }

    @Test("full buckets are forgotten, others never; a connection notices")
    func forget() {
        let policy = snapshot([perUser(limit: 1, burst: 2)])
        let decider = evaluator(policy)
        let alice = subject("alice")
        let bob = subject("bob")
        #expect(decider.passes(3, alice, 0) == 2)
        #expect(decider.passes(1, bob, 0) == 1)
        #expect(policy.liveKeys("per-user") == 2)
        #expect(policy.forgetFullBuckets(now: at(second), wall: midnight) == 1)
        #expect(policy.liveKeys("per-user") == 1)
        #expect(decider.passes(3, alice, second) == 1)
        #expect(decider.passes(3, bob, second) == 2)
        #expect(decider.passes(3, subject("bob"), second) == 0)
        #expect(policy.forgetFullBuckets(now: at(20 * second), wall: midnight) == 2)
        #expect(policy.liveKeys("per-user") == 0)
    }
}
