import SluicePolicy
import SluiceVocabulary
import Testing

@Suite("Explanations")
struct ExplainTests {
    private let alice = PolicySubject(
        address: [10, 0, 0, 1],
        principal: alike("alice", roles: ["member"], claims: ["plan": .string("free")]))

    private func rule(
        _ name: String, _ effect: PermissionEffect = .permit, roles: [String] = [],
        claims: [String: [String]] = [:], anonymous: Bool = false, when: Condition? = nil,
        shadow: Bool = false, action: String = "*"
    ) -> PermissionRule {
        PermissionRule(
            name: name, effect: effect,
            principal: PrincipalMatch(
                roles: roles, claims: claims, includesAnonymous: anonymous),
            actions: [ActionPattern(action)], when: when, isShadow: shadow)
    }

    private func decider(
        _ permissions: [PermissionRule], _ limits: [LimitRule] = [], counts: Counts = Counts()
    ) -> PolicyEvaluator {
        evaluator(
            PolicySnapshot(
                model: PolicyModel(limits: limits, permissions: permissions), revision: "test",
                catalog: catalog, previous: nil), counts)
    }

    private func trace(
        _ decider: PolicyEvaluator, _ one: PolicyCall = call(), _ subject: PolicySubject? = nil,
        now: Int64 = 0
    ) -> PolicyTrace {
        decider.explain(one, for: subject ?? alice, now: at(now))
    }

    @Test("every permission rule of the action is told, with what it lacks")
    func permissions() {
        let decider = decider([
            rule("staff", roles: ["admin", "support"]), rule("sending", action: "message.*"),
            rule("paying", claims: ["plan": ["pro", "team"]]),
            rule("tenant", claims: ["tenant": ["a"]]),
            rule("small", when: .compare(.bytes, .less, .init(value: 10, text: "10"))),
            rule("members", roles: ["member"]), rule("soon", .deny, shadow: true),
        ])
        let told = trace(decider)
        #expect(told.action == "echo")
        #expect(told.isAuthenticated)
        #expect(told.isPermitted)
        #expect(told.permissionRule == "members")
        #expect(
            told.permissions.map(\.name) == [
                "staff", "paying", "tenant", "small", "members", "soon",
            ])
        #expect(
            told.permissions.map(\.outcome) == [
                .otherPrincipal("none of the roles admin, support"),
                .otherPrincipal("claim plan is free, not pro or team"),
                .otherPrincipal("claim tenant is nothing, not a"), .conditionFalse, .speaks,
                .speaks,
            ])
        #expect(told.permissions.map(\.isShadow) == [false, false, false, false, false, true])
        #expect(told.permissions[5].effect == .deny)
        #expect(ReferenceAnswer(told.verdict).shadowRule == "soon")
    }

    @Test("who is not authenticated is told so, and who is refused meets no limits")
    func refused() {
        let decider = decider(
            [rule("members", roles: ["member"]), rule("all", anonymous: true, action: "send")],
            [perUser(limit: 1)])
        let told = trace(decider, call(), PolicySubject(address: [10, 0, 0, 1]))
        #expect(!told.isAuthenticated)
        #expect(!told.isPermitted)
        #expect(told.permissionRule == "default")
        #expect(
            told.permissions.map(\.outcome) == [.otherPrincipal("the caller is not authenticated")])
        #expect(told.limits.isEmpty)
        #expect(told.verdict.refusal == Refusal(.permissionDenied, rule: "default"))
    }

    @Test("a condition is told part by part, with the values found")
    func conditions() {
        let when = Condition.all([
            .compare(.bytes, .less, .init(value: 10, text: "10")),
            .not(.isIn(.source(.topic), ["a"])),
            .any([
                .isInBlocks([]), .exists(.source(.claim(["plan"]))),
                .timeOfDay(.init(fromMinute: 0, toMinute: 60)),
            ]),
        ])
        let told = trace(decider([rule("one", when: when)]), call(bytes: 12, wall: 65 * 60_000_000))
        let lines = told.permissions[0].condition
        #expect(told.permissions[0].outcome == .conditionFalse)
        #expect(lines.map(\.depth) == [0, 1, 1, 2, 1, 2, 2, 2])
        #expect(lines.map(\.holds) == [false, false, true, false, true, false, true, false])
        #expect(
            lines.map(\.found) == [nil, "12", nil, nil, nil, "10.0.0.1", "free", "Thu 01:05"])
        #expect(lines[0].condition == when)
    }

    private static let day: Int64 = 86_400_000_000
    private static let clocks: [(wall: Int64, text: String)] = [
        (1_772_323_199_999_999, "Sat 23:59"), (1_772_323_200_000_000, "Sun 00:00"),
        (0, "Thu 00:00"), (599_999_999, "Thu 00:09"), (600_000_000, "Thu 00:10"),
        (3 * day + 36_000_000_000, "Sun 10:00"), (4 * day + 35_999_000_000, "Mon 09:59"),
        (-1, "Wed 23:59"), (-8 * day, "Wed 00:00"),
    ]

    @Test("the wall clock is told by day and minute", arguments: 0..<clocks.count)
    func clock(index: Int) {
        let when = Condition.timeOfDay(.init(fromMinute: 0, toMinute: 60))
        let told = trace(decider([rule("one", when: when)]), call(wall: Self.clocks[index].wall))
        #expect(told.permissions[0].condition[0].found == Self.clocks[index].text)
    }

    @Test("every limit of the action is told, with its key, numbers, level and outcome")
    func limits() {
        var first = perUser("first", limit: 10, burst: 4, cost: 2)
        first.key = [.claim(["sub"]), .topic, .address(bits4: 24, bits6: 48)]
        first.overrides = LimitOverrides(
            by: .claim(["plan"]),
            numbers: [
                "free": LimitNumbers(limit: 5, periodNanoseconds: second, burst: 5, cost: 1),
                "pro": LimitNumbers(limit: 9, periodNanoseconds: second, burst: 9, cost: 1),
            ])
        var web = perUser("web", limit: 1)
        web.transports = [.http]
        var queue = perUser(.leakyBucket, limit: 10, burst: 3)
        queue.name = "queue"
        var window = perUser(.slidingWindow, limit: 20)
        window.name = "window"
        window.unit = .bytes
        window.isShadow = true
        var places = perUser(.concurrency, limit: 2)
        places.name = "places"
        places.onLimit = .drop
        let decider = decider([rule("all")], [first, web, queue, window, places])
        _ = decider.decide(call(bytes: 20), for: alice, now: at(0))
        let told = trace(decider, call(bytes: 1), now: second / 20)
        #expect(told.limits.map(\.name) == ["first", "web", "queue", "window", "places"])
        let one = told.limits[0]
        #expect(one.algorithm == .tokenBucket)
        #expect(one.variant == "free")
        #expect(
            one.key.map(\.source) == [
                .claim(["sub"]), .topic, .address(bits4: 24, bits6: 48),
            ])
        #expect(one.key.map(\.value) == ["alice", "10.0.0.1", "10.0.0.0/24"])
        #expect(one.key.map(\.isAddressInstead) == [false, true, false])
        #expect([one.amount, one.used, one.quota, one.remaining] == [1, 1, 5, 4])
        #expect(one.reset == second / 5 - second / 20)
        #expect(outcome(one) == "room")
        #expect(outcome(told.limits[1]) == "otherTransport")
        #expect(outcome(told.limits[2]) == "waits(50000000)")
        #expect(told.limits[2].variant == nil)
        #expect(outcome(told.limits[3]) == "lacksRoom(1000000000)")
        #expect(told.limits[3].isShadow)
        #expect(told.limits[3].unit == .bytes)
        let numbers = told.limits.map { [$0.used, $0.quota, $0.remaining, $0.reset, $0.amount] }
        #expect(numbers[2] == [1, 3, 2, second / 20, 1])
        #expect(numbers[3] == [20, 20, 0, 2 * second - second / 20, 1])
        #expect(numbers[4] == [1, 2, 1, 0, 1])
        #expect(numbers[1] == [0, 1, 0, 0, 1])
        #expect(told.limits.map(\.onLimit) == [.reject, .reject, .reject, .reject, .drop])
        let answer = ReferenceAnswer(told.verdict)
        #expect(answer.verdict == .wait)
        #expect(answer.waitNanoseconds == Int128(second / 20))
        #expect(answer.remaining == 0)
        #expect(answer.shadowRule == "window")
    }

    private func outcome(_ step: PolicyTrace.LimitStep) -> String { "\(step.outcome)" }

    @Test("what is used and left is told of full, half full and unused limits")
    func levels() {
        let rules = LimitAlgorithm.allCases.map { algorithm in
            var rule = perUser(algorithm, limit: 3)
            rule.name = algorithm.rawValue
            return rule
        }
        let decider = decider([rule("all")], rules)
        for used in 0...3 as ClosedRange<Int64> {
            let steps = trace(decider).limits
            // A queue's calls leave one after another: they wait, and use what the others do.
            #expect(steps.map(\.used) == Array(repeating: used, count: 5))
            #expect(steps.map(\.remaining) == Array(repeating: 3 - used, count: 5))
            #expect(steps.map(\.quota) == Array(repeating: 3, count: 5))
            let isIdle = steps.map { $0.reset == 0 }
            #expect(isIdle == [used == 0, used == 0, used == 0, true, used == 0])
            _ = decider.decide(call(), for: alice, now: at(0))
        }
    }

    @Test("what waits is told beyond the quota")
    func waiting() {
        var rule = perUser(limit: 3)
        rule.onLimit = .delay
        rule.maxDelayNanoseconds = 60 * second
        let decider = decider([self.rule("all")], [rule])
        for _ in 0..<3 { _ = decider.decide(call(), for: alice, now: at(0)) }
        #expect(trace(decider).limits[0].used == 3)
        for _ in 0..<3 { _ = decider.decide(call(), for: alice, now: at(0)) }
        let step = trace(decider).limits[0]
        #expect(step.used > 5)
        #expect(step.remaining == 0)
    }

    @Test("of several claims that are missing the first by name is told")
    func claims() {
        let one = rule("one", claims: ["b": ["1"], "a": ["1"], "c": ["1"]])
        let told = trace(decider([one]))
        #expect(told.permissions[0].outcome == .otherPrincipal("claim a is nothing, not 1"))
    }

    @Test("a push is told its limits, whatever permissions say")
    func push() {
        let decider = decider([rule("no", .deny)], [perUser(limit: 1)])
        for caller in [alice, PolicySubject(address: [10, 0, 0, 1])] {
            let told = decider.explain(call(), for: caller, now: at(0), limitsOnly: true)
            #expect(told.isAuthenticated == (caller === alice))
            #expect(told.isPermitted)
            #expect(told.permissions.isEmpty)
            #expect(told.permissionRule.isEmpty)
            #expect(told.limits.count == 1)
            #expect(ReferenceAnswer(told.verdict).verdict == .go)
        }
    }

    @Test("bans, too large calls and full limits are told apart")
    func outcomes() {
        var rule = perUser(limit: 1)
        rule.unit = .bytes
        rule.ban = LimitBan(after: 2, withinMilliseconds: 1_000, forMilliseconds: 9_000)
        let decider = decider([self.rule("all")], [rule])
        #expect(outcome(trace(decider, call(bytes: 2)).limits[0]) == "neverFits")
        _ = decider.decide(call(bytes: 1), for: alice, now: at(0))
        #expect(outcome(trace(decider, call(bytes: 1)).limits[0]) == "lacksRoom(1000000000)")
        _ = decider.decide(call(bytes: 1), for: alice, now: at(0))
        // The refusal that would fill the ban already says so.
        #expect(trace(decider, call(bytes: 1)).verdict.refusal?.retryAfterMilliseconds == 9_000)
        _ = decider.decide(call(bytes: 1), for: alice, now: at(0))
        #expect(outcome(trace(decider, call(bytes: 2)).limits[0]) == "banned(9000000000)")
    }

    @Test("it spends and counts nothing, and tells limits keyed by the message too")
    func spendsNothing() {
        let counts = Counts()
        var room = perUser("room", limit: 1)
        room.key = [.topic]
        room.isShadow = true
        room.ban = LimitBan(after: 1, withinMilliseconds: 1_000, forMilliseconds: 9_000)
        let decider = decider(
            [rule("all")], [perUser(.concurrency, limit: 1), room], counts: counts)
        for _ in 0..<5 { #expect(ReferenceAnswer(trace(decider).verdict).verdict == .go) }
        #expect(counts.values.isEmpty)
        #expect(decider.heldLeases == 0)
        #expect(decider.permit(call(topic: "a"), alice, 0) != nil)
        #expect(trace(decider, call(topic: "a")).limits[1].key[0].value == "a")
        #expect(trace(decider, call(topic: "a")).verdict.refusal?.rule == "per-user")
    }
}
