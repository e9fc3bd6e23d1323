import SluicePolicy
import SluiceVocabulary
import Testing

@Suite("The model of a policy")
struct ModelTests {
    @Test("the shares of the longest pattern that fits hold for an action")
    func sample() {
        var logging = PolicyLogging()
        #expect(logging.sample(for: "echo") == PolicyLogging.Sample(ok: 1, refused: 1, error: 1))
        #expect(logging.budgetPerSecond == 2_000)
        #expect(logging.reservePerSecond == 500)
        logging.sample = PolicyLogging.Sample(ok: 0.5)
        logging.actions = [
            .init(pattern: ActionPattern("*"), sample: .init(ok: 0.1)),
            .init(pattern: ActionPattern("message.*"), sample: .init(ok: 0.2)),
            .init(pattern: ActionPattern("message.send"), sample: .init(ok: 0.3)),
            .init(pattern: ActionPattern("mess*"), sample: .init(ok: 0.4)),
        ]
        #expect(logging.sample(for: "echo").ok == 0.1)
        #expect(logging.sample(for: "message.history").ok == 0.2)
        #expect(logging.sample(for: "message.send").ok == 0.3)
        #expect(logging.sample(for: "mess").ok == 0.4)
        logging.actions.removeFirst()
        #expect(logging.sample(for: "echo").ok == 0.5)
    }

    @Test("a platform in no class is a class of its own")
    func devices() {
        var devices = DevicePolicy()
        #expect(devices.rule == .allowAll)
        #expect(!devices.refusesNewer)
        devices.classByPlatform = ["ios": "mobile", "android": "mobile"]
        #expect(devices.deviceClass(of: "ios") == "mobile")
        #expect(devices.deviceClass(of: "web") == "web")
    }

    @Test("buckets mean the same while key, unit and algorithm do")
    func inherits() {
        let rule = perUser(limit: 1)
        var other = perUser("other", limit: 9, per: 7, burst: 30)
        other.ban = LimitBan(after: 1, withinMilliseconds: 1, forMilliseconds: 1)
        #expect(rule.inherits(from: other))
        for change in 0..<3 {
            var changed = other
            if change == 0 { changed.key = [] }
            if change == 1 { changed.unit = .bytes }
            if change == 2 { changed.algorithm = .leakyBucket }
            #expect(!rule.inherits(from: changed))
            #expect(!changed.inherits(from: rule))
        }
    }

    @Test("a rule is enforced, for all transports, with 200,000 keys, unless it says otherwise")
    func defaults() {
        let rule = perUser(limit: 1)
        #expect(!rule.isShadow)
        #expect(rule.transports == Set(Transport.allCases))
        #expect(rule.maxKeys == 200_000)
        #expect(LimitNumbers(limit: 1, periodNanoseconds: 1, burst: 1).cost == 1)
        let permission = PermissionRule(
            name: "one", effect: .permit, principal: PrincipalMatch(), actions: [])
        #expect(!permission.isShadow)
        #expect(!permission.principal.includesAnonymous)
        #expect(!PolicyModel().permitsByDefault)
        #expect(Condition.TimeOfDay(fromMinute: 0, toMinute: 1).days == [0, 1, 2, 3, 4, 5, 6])
    }

    @Test("numbers have the bounds that docs/policy.md names")
    func bounds() {
        #expect(LimitNumbers.maxFillNanoseconds == 31_536_000_000_000_000)
        #expect(LimitNumbers.most == 1_000_000_000_000)
        #expect(LimitNumbers.mostPerWindow == 4_294_967_295)
        #expect(LimitNumbers.maxDelayNanoseconds == 60_000_000_000)
    }

    @Test("what is looked at per message is what can change on a connection")
    func constants() {
        let changing: [KeySource] = [.topic, .loginUser, .method, .header("a")]
        let constant: [KeySource] = [
            .claim(["a"]), .session, .device, .platform, .app, .address(bits4: 1, bits6: 1),
            .transport, .action, .route,
        ]
        #expect(changing.allSatisfy { !$0.isConstantPerConnection })
        #expect(constant.allSatisfy { $0.isConstantPerConnection })
        #expect(changing.map(\.needs) == [.topic, .loginUser, .http, .http])
        #expect(constant.allSatisfy { $0.needs.isEmpty })
        let all: NeededFacts = [.topic, .loginUser, .http]
        #expect(all.rawValue == 7)
    }

    @Test("a pattern finds the actions of a catalog, in their order")
    func indexes() {
        let send = catalog.action(named: "message.send")?.index ?? -1
        #expect(ActionPattern("message.send").indexes(in: catalog) == [send])
        #expect(ActionPattern("message.*").indexes(in: catalog) == [send, send + 1])
        #expect(ActionPattern("nothing").indexes(in: catalog).isEmpty)
        #expect(ActionPattern("*").indexes(in: catalog).count == catalog.count)
        #expect(ActionPattern("a").isLiteral)
        #expect(!ActionPattern("a*").isLiteral)
    }

    @Test(
        "a star is tried with every length, and the rest must fit",
        arguments: [
            ("a*b", "ab", true), ("a*b", "aXb", true), ("a*b", "abX", false), ("a*b", "b", false),
            ("*b*", "b", true), ("*b*", "a", false), ("a*a", "a", false), ("a*a", "aa", true),
            ("*ab*ab", "abab", true), ("*ab*ab", "ab", false), ("*ab", "aab", true),
            ("**", "", true), ("a*", "", false), ("a*bc*d", "abbcbcd", true), ("", "", true),
            ("", "a", false), ("a*x", "axbxc", false), ("*.*", "a.b.c", true), ("a", "ab", false),
            ("ab*", "a", false), ("a*b*c", "abcbc", true), ("a*b*c", "abcb", false),
        ])
    func star(pattern: String, name: String, fits: Bool) {
        #expect(ActionPattern(pattern).matches(name) == fits)
    }
}
