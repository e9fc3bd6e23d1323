import SluiceDocuments
import SluicePolicy
import SluicePolicyLanguage
import SluiceVocabulary
import Testing

@Suite("Permissions, devices and logging are read as they are meant")
struct GoodSetTests {
    private func model(_ text: String) throws -> PolicyModel {
        let compiled = try compile(head + text)
        #expect(compiled.warnings.map(\.text) == [])
        return compiled.snapshot.model
    }

    @Test("a permission with everything a principal may be asked for")
    func permission() throws {
        let model = try model(
            """
            permissions:
              default: permit
              rules:
                - name: p
                  effect: deny
                  principal: {roles: [b, a], claims: {org.id: [7, true, x, 1.0]}, anonymous: true}
                  action: ["message.*", echo]
                  when: {exists: token.banned}
                  shadow: true

            """)
        let principal = PrincipalMatch(
            roles: ["a", "b"], claims: ["org.id": ["1.0", "7", "true", "x"]],
            includesAnonymous: true)
        #expect(
            model
                == PolicyModel(
                    permitsByDefault: true,
                    permissions: [
                        PermissionRule(
                            name: "p", effect: .deny, principal: principal,
                            actions: [ActionPattern("echo"), ActionPattern("message.*")],
                            when: .exists(.source(.claim(["banned"]))), isShadow: true)
                    ]))
    }

    @Test("without a principal a permit means whoever has authenticated, a deny everyone")
    func principals() throws {
        let rules = try model(
            "permissions: {rules: [{name: a, effect: permit, action: [echo]}, {name: b, effect: deny, action: [http.media]}]}\n"
        ).permissions
        #expect(rules.map(\.principal.includesAnonymous) == [false, true])
    }

    @Test("a deny in the shadow, for some, or under a condition covers no permit")
    func covered() throws {
        let rules = [
            "{name: a, effect: permit, action: [echo]}",
            "{name: b, effect: deny, action: [echo], shadow: true}",
            "{name: c, effect: deny, action: [echo], principal: {roles: [x]}}",
            "{name: d, effect: deny, action: [echo], principal: {claims: {x: [y]}, anonymous: true}}",
            "{name: e, effect: deny, action: [echo], when: {exists: token.x}}",
            "{name: f, effect: deny, action: [message.send]}",
        ]
        let model = try model("permissions: {rules: [\(rules.joined(separator: ", "))]}\n")
        #expect(model.permissions.count == 6)
    }

    @Test("limits that differ in what they count or do are not taken for needless")
    func looserLimits() throws {
        let tight =
            "{name: a, match: {action: [echo]}, key: [user], algorithm: token_bucket, limit: 5, per: 1s}"
        let others = [
            ("algorithm: token_bucket", "algorithm: token_bucket, on_limit: delay, max_delay: 1s"),
            ("algorithm: token_bucket", "algorithm: token_bucket, shadow: true"),
            ("algorithm: token_bucket", "algorithm: token_bucket, cost: 2"),
            ("algorithm: token_bucket", "algorithm: token_bucket, unit: bytes"),
            ("algorithm: token_bucket", "algorithm: token_bucket, burst: 4"),
            (
                "algorithm: token_bucket",
                "algorithm: token_bucket, overrides: {by: user, x: {limit: 9}}"
            ),
            ("algorithm: token_bucket", "algorithm: sliding_window"), ("key: [user]", "key: []"),
            ("action: [echo]", "action: [\"*\"]"),
            ("action: [echo]", "action: [echo], transport: [tcp]"),
        ]
        let head = "descriptors: {user: token.sub}\nrate_limits:\n  - "
        for (old, new) in others {
            // The looser one, which only in this has more to say, and the other way round.
            let loose = tight.replacing("name: a", with: "name: b").replacing(
                "limit: 5", with: "limit: 6"
            )
            .replacing(old, with: new)
            #expect(try model(head + tight + "\n  - " + loose + "\n").limits.count == 2)
            let shade = tight.replacing(old, with: new)
            let plain = tight.replacing("name: a", with: "name: b").replacing(
                "limit: 5", with: "limit: 6")
            if new.hasSuffix("burst: 4") { continue }
            #expect(try model(head + shade + "\n  - " + plain + "\n").limits.count == 2)
        }
    }

    static let devices: [(String, DevicePolicy.Rule)] = [
        ("allow_all", .allowAll), ("one_per_class", .onePerClass), ("one_in_all", .oneInAll),
        ("{max: 3}", .max(3)),
    ]

    @Test("each rule about devices", arguments: devices)
    func deviceRule(_ text: String, _ rule: DevicePolicy.Rule) throws {
        var devices = DevicePolicy()
        devices.rule = rule
        #expect(try model("devices: {rule: \(text)}\n").devices == devices)
    }

    @Test("classes of devices, and which of two connections goes")
    func deviceClasses() throws {
        var devices = DevicePolicy()
        devices.rule = .onePerClass
        devices.classByPlatform = ["ios": "mobile", "android": "mobile", "web": "web"]
        let text = "{rule: one_per_class, classes: {mobile: [ios, android], web: [web, web]}"
        #expect(try model("devices: \(text)}\n").devices == devices)
        #expect(try model("devices: \(text), on_conflict: replace}\n").devices == devices)
        devices.refusesNewer = true
        #expect(try model("devices: \(text), on_conflict: refuse}\n").devices == devices)
        #expect(devices.deviceClass(of: "android") == "mobile")
        #expect(devices.deviceClass(of: "tv") == "tv")
    }

    @Test("shares by outcome and action; what an action leaves out is everybody's")
    func logging() throws {
        let read = try model(
            """
            logging:
              sample:
                ok: 0.1
                error: 1
                actions: {"message.*": {ok: 0.01}, echo: {refused: 0.5, error: 0}}
              budget_per_second: 10
              reserve_per_second: 3

            """
        ).logging
        var logging = PolicyLogging()
        logging.sample = .init(ok: 0.1, refused: 1, error: 1)
        logging.actions = [
            .init(pattern: ActionPattern("echo"), sample: .init(ok: 0.1, refused: 0.5, error: 0)),
            .init(
                pattern: ActionPattern("message.*"), sample: .init(ok: 0.01, refused: 1, error: 1)),
        ]
        logging.budgetPerSecond = 10
        logging.reservePerSecond = 3
        #expect(read == logging)
    }

    @Test("a set of nothing allows any number of devices and tells everything")
    func defaults() throws {
        #expect(try model("") == PolicyModel())
    }
}
