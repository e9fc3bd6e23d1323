import SluicePolicy
import SluiceVocabulary
import Testing

@Suite("Conditions")
struct ConditionTests {
    private func holds(
        _ condition: Condition, _ one: PolicyCall = call(), _ subject: PolicySubject? = nil
    ) -> Bool {
        let rule = PermissionRule(
            name: "rule", effect: .permit, principal: PrincipalMatch(includesAnonymous: true),
            actions: [ActionPattern("*")], when: condition)
        let policy = PolicySnapshot(
            model: PolicyModel(permissions: [rule]), revision: "test", catalog: catalog,
            previous: nil)
        let caller = subject ?? PolicySubject(address: [10, 0, 0, 1])
        let decider = evaluator(policy)
        let first = decider.isPermitted(one, for: caller)
        #expect(decider.isPermitted(one, for: caller) == first)
        #expect((decider.permit(one, caller, 0) != nil) == first)
        return first
    }

    private func client(_ claims: [String: ClaimValue]) -> PolicySubject {
        PolicySubject(address: [10, 0, 0, 1], principal: alike("alice", claims: claims))
    }

    private let plan = Condition.Fact.source(.claim(["plan"]))
    private let topic = Condition.Fact.source(.topic)

    private func number(_ value: Double) -> Condition.Number {
        Condition.Number(value: value, text: "\(value)")
    }

    @Test("all, any and not are what they say, also of nothing")
    func logic() {
        let yes = Condition.exists(.bytes)
        let no = Condition.exists(topic)
        #expect(holds(.all([])))
        #expect(!holds(.any([])))
        #expect(holds(.all([yes, yes])))
        #expect(!holds(.all([yes, no])))
        #expect(!holds(.all([no, yes])))
        #expect(holds(.any([no, yes])))
        #expect(holds(.any([yes, no])))
        #expect(!holds(.any([no, no])))
        #expect(holds(.not(no)))
        #expect(!holds(.not(yes)))
        #expect(holds(.not(.all([yes, .any([no, .not(yes)])]))))
    }

    @Test("the size is looked at anew for every call of a connection")
    func sizeOfEachCall() {
        let exact = PermissionRule(
            name: "rule", effect: .permit, principal: PrincipalMatch(includesAnonymous: true),
            actions: [ActionPattern("*")], when: .isIn(.bytes, ["100"]))
        let decider = evaluator(
            PolicySnapshot(
                model: PolicyModel(permissions: [exact]), revision: "test", catalog: catalog,
                previous: nil))
        let caller = subject("alice")
        #expect(decider.refusal(caller, 0, bytes: 100) == nil)
        #expect(decider.refusal(caller, 0, bytes: 101) != nil)
        #expect(decider.refusal(caller, 0, bytes: 100) == nil)
    }

    @Test("a comparison with a value the call does not have is false, its `not` true")
    func absent() {
        for condition: Condition in [
            .isIn(topic, ["a"]), .differs(topic, "a"), .exists(topic),
            .like(topic, ActionPattern("*")), .compare(topic, .less, number(1_000)),
            .compare(topic, .greater, number(-1_000)), .isIn(topic, [""]),
        ] {
            #expect(!holds(condition), "\(condition)")
            #expect(holds(.not(condition)), "\(condition)")
        }
    }

    @Test("eq and in: one of the texts, or of a list claim's items; ne: none of them")
    func texts() {
        #expect(holds(.isIn(plan, ["free", "pro"]), call(), client(["plan": .string("pro")])))
        #expect(!holds(.isIn(plan, ["free"]), call(), client(["plan": .string("pro")])))
        #expect(holds(.differs(plan, "free"), call(), client(["plan": .string("pro")])))
        #expect(!holds(.differs(plan, "pro"), call(), client(["plan": .string("pro")])))
        let list = client(["plan": .array([.string("a"), .integer(7)])])
        #expect(holds(.isIn(plan, ["7"]), call(), list))
        #expect(holds(.isIn(plan, ["x", "a"]), call(), list))
        #expect(!holds(.isIn(plan, ["b"]), call(), list))
        #expect(holds(.differs(plan, "b"), call(), list))
        #expect(!holds(.differs(plan, "a"), call(), list))
        #expect(holds(.isIn(plan, ["true"]), call(), client(["plan": .bool(true)])))
        #expect(holds(.isIn(topic, ["room"]), call(topic: "room")))
        #expect(!holds(.isIn(topic, ["room"]), call(topic: "rooms")))
    }

    @Test("numbers compare as numbers, with the bounds as written; what is no number is false")
    func numbers() {
        let five = number(5)
        for (bytes, expected) in [
            (4, [true, true, false, false]), (5, [false, true, false, true]),
            (6, [false, false, true, true]),
        ] {
            let found = Condition.Comparison.allCases.map {
                holds(.compare(.bytes, $0, five), call(bytes: bytes))
            }
            #expect(found == expected, "\(bytes)")
        }
        // As texts 10 would come before 5.
        #expect(holds(.compare(topic, .greater, five), call(topic: "10")))
        #expect(
            holds(.compare(plan, .atLeast, number(2.5)), call(), client(["plan": .number(2.5)])))
        #expect(!holds(.compare(plan, .less, five), call(), client(["plan": .string("pro")])))
        #expect(!holds(.compare(plan, .greater, five), call(), client(["plan": .string("pro")])))
    }

    @Test("an address is in a block of its own family alone")
    func blocks() throws {
        let four = try AddressBlock("10.0.0.0/8")
        let six = try AddressBlock("2001:db8::/32")
        let mapped = PolicySubject(
            address: Array(repeating: 0, count: 10) + [255, 255, 10, 9, 8, 7])
        let outside = PolicySubject(address: [11, 0, 0, 1])
        let inSix = PolicySubject(
            address: [0x20, 1, 0xD, 0xB8] + Array(repeating: 0, count: 11) + [1])
        #expect(holds(.isInBlocks([four]), call()))
        #expect(holds(.isInBlocks([six, four]), call(), mapped))
        #expect(!holds(.isInBlocks([four, six]), call(), outside))
        #expect(holds(.isInBlocks([four, six]), call(), inSix))
        #expect(!holds(.isInBlocks([four]), call(), inSix))
    }

    @Test("every source can be looked at")
    func sources() {
        let subject = PolicySubject(
            address: [10, 0, 0, 1], principal: alike("alice", roles: ["member"]),
            session: SessionID(high: 1, low: 2),
            device: Device(id: "phone", platform: "ios", app: "im/1"))
        let values: [(KeySource, String)] = [
            (.claim(["sub"]), "alice"), (.claim(["roles"]), "member"),
            (.session, "00000000000000010000000000000002"), (.device, "phone"),
            (.platform, "ios"), (.app, "im/1"), (.transport, "http"),
            (.action, "message.send"), (.topic, "room"), (.loginUser, "bob"), (.method, "PUT"),
            (.header("x-a"), "1"),
        ]
        for (source, value) in values {
            let one = call(
                send, transport: .http, topic: "room", loginUser: "bob", method: "PUT",
                headers: source == .header("x-a") ? ["1"] : [])
            #expect(holds(.isIn(.source(source), [value]), one, subject), "\(source)")
            #expect(!holds(.isIn(.source(source), ["\(value)!"]), one, subject), "\(source)")
        }
        #expect(!holds(.exists(.source(.route)), call(send), subject))
        let media = catalog.action(named: "http.media") ?? .unknown
        #expect(holds(.isIn(.source(.route), ["media"]), call(media, transport: .http), subject))
    }

    @Test("a part of a day is from its first minute to before its last, on the days it begins")
    func timeOfDay() {
        let minute: Int64 = 60_000_000
        let day = 1_440 * minute
        // 1970-01-01 was a Thursday: day 3.
        let office = Condition.timeOfDay(.init(fromMinute: 540, toMinute: 1_020, days: [3]))
        #expect(!holds(office, call(wall: 540 * minute - 1)))
        #expect(holds(office, call(wall: 540 * minute)))
        #expect(holds(office, call(wall: 1_020 * minute - 1)))
        #expect(!holds(office, call(wall: 1_020 * minute)))
        #expect(!holds(office, call(wall: day + 600 * minute)))
        #expect(holds(office, call(wall: 7 * day + 600 * minute)))
        let night = Condition.timeOfDay(.init(fromMinute: 1_320, toMinute: 360, days: [3]))
        #expect(!holds(night, call(wall: 0)))
        #expect(!holds(night, call(wall: 1_320 * minute - 1)))
        #expect(holds(night, call(wall: 1_320 * minute)))
        #expect(holds(night, call(wall: day)))
        #expect(holds(night, call(wall: day + 360 * minute - 1)))
        #expect(!holds(night, call(wall: day + 360 * minute)))
        #expect(!holds(night, call(wall: day + 1_320 * minute)))
        let whole = Condition.timeOfDay(.init(fromMinute: 0, toMinute: 1_440, days: [4]))
        #expect(!holds(whole, call(wall: day - 1)))
        #expect(holds(whole, call(wall: day)))
        #expect(holds(whole, call(wall: 2 * day - 1)))
        #expect(!holds(whole, call(wall: 2 * day)))
        let around = Condition.timeOfDay(.init(fromMinute: 60, toMinute: 60, days: [3]))
        #expect(holds(around, call(wall: 60 * minute)))
        #expect(holds(around, call(wall: day + 60 * minute - 1)))
        #expect(!holds(around, call(wall: day + 60 * minute)))
    }

    @Test("a header is told from another by its place in `headerNames`")
    func headers() {
        let rule = PermissionRule(
            name: "rule", effect: .permit, principal: PrincipalMatch(includesAnonymous: true),
            actions: [ActionPattern("*")],
            when: .all([
                .isIn(.source(.header("x-b")), ["2"]), .differs(.source(.header("x-a")), "2"),
            ]))
        let policy = PolicySnapshot(
            model: PolicyModel(permissions: [rule]), revision: "test", catalog: catalog,
            previous: nil)
        #expect(policy.headerNames == ["x-a", "x-b"])
        let decider = evaluator(policy)
        let one = PolicySubject(address: [10, 0, 0, 1])
        #expect(decider.needs(echo).contains(.http))
        #expect(decider.isPermitted(call(headers: ["1", "2"]), for: one))
        #expect(!decider.isPermitted(call(headers: ["2", "1"]), for: one))
        #expect(!decider.isPermitted(call(headers: [nil, "2"]), for: one))
        #expect(!decider.isPermitted(call(headers: []), for: one))
        #expect(!decider.isPermitted(call(headers: ["1"]), for: one))
        #expect(!decider.isPermitted(call(headers: [nil]), for: one))
        let first = PermissionRule(
            name: "first", effect: .permit, principal: PrincipalMatch(includesAnonymous: true),
            actions: [ActionPattern("*")], when: .exists(.source(.header("x-a"))))
        let other = evaluator(
            PolicySnapshot(
                model: PolicyModel(permissions: [first]), revision: "test", catalog: catalog,
                previous: nil))
        #expect(!other.isPermitted(call(headers: []), for: one))
        #expect(other.isPermitted(call(headers: [""]), for: one))
    }

    @Test("conditions on the call are asked with every call, also between the same two")
    func everyCall() {
        let small = Condition.compare(.bytes, .less, number(10))
        let rule = PermissionRule(
            name: "small", effect: .deny, principal: PrincipalMatch(includesAnonymous: true),
            actions: [ActionPattern("echo")], when: small)
        let decider = evaluator(
            PolicySnapshot(
                model: PolicyModel(permitsByDefault: true, permissions: [rule]), revision: "test",
                catalog: catalog, previous: nil))
        let one = subject("alice")
        for _ in 0..<3 {
            #expect(decider.refusal(one, 0, bytes: 9)?.rule == "small")
            #expect(decider.refusal(one, 0, bytes: 10) == nil)
        }
    }
}
