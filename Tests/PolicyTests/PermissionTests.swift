import SluicePolicy
import SluiceVocabulary
import Testing

@Suite("Permissions")
struct PermissionTests {
    private func rule(
        _ name: String, effect: PermissionEffect = .permit, roles: [String] = [],
        claims: [String: [String]] = [:], anonymous: Bool = false, _ actions: String...,
        shadow: Bool = false
    ) -> PermissionRule {
        PermissionRule(
            name: name, effect: effect,
            principal: PrincipalMatch(roles: roles, claims: claims, includesAnonymous: anonymous),
            actions: actions.map { ActionPattern($0) }, isShadow: shadow)
    }

    private func decider(
        _ rules: PermissionRule..., byDefault: Bool = false, counts: Counts = Counts()
    ) -> PolicyEvaluator {
        evaluator(
            PolicySnapshot(
                model: PolicyModel(permitsByDefault: byDefault, permissions: rules),
                revision: "test",
                catalog: catalog, previous: nil), counts)
    }

    private func client(
        _ roles: String..., claims: [String: ClaimValue] = [:]
    ) -> PolicySubject {
        PolicySubject(
            address: [10, 0, 0, 1], principal: alike("alice", roles: roles, claims: claims))
    }

    private let stranger = PolicySubject(address: [10, 0, 0, 1])

    @Test("what no rule speaks of is denied by `default`")
    func defaultDeny() {
        let refusal = decider().refusal(client("member"), 0)
        #expect(refusal?.kind == .permissionDenied)
        #expect(refusal?.rule == "default")
        #expect(decider(byDefault: true).refusal(stranger, 0) == nil)
    }

    @Test("a deny overrides every permit, wherever it stands")
    func denyOverrides() {
        let permit = rule("yes", "*")
        let deny = rule("no", effect: .deny, roles: ["banned"], "message.*")
        for both in [decider(permit, deny), decider(deny, permit)] {
            #expect(both.refusal(of: send, client("banned"), 0)?.rule == "no")
            #expect(both.refusal(of: echo, client("banned"), 0) == nil)
            #expect(both.refusal(of: send, client("member"), 0) == nil)
        }
    }

    @Test("a permit without a principal means any authenticated one")
    func authenticated() {
        let both = decider(rule("authenticated", "echo"))
        #expect(both.refusal(client(), 0) == nil)
        #expect(both.refusal(stranger, 0)?.rule == "default")
    }

    @Test("anonymous means also whoever has not authenticated")
    func anonymous() {
        let both = decider(rule("anyone", anonymous: true, "auth.login"))
        #expect(both.refusal(of: ActionID.authLogin, stranger, 0) == nil)
        #expect(both.refusal(of: ActionID.authLogin, client(), 0) == nil)
        #expect(both.refusal(of: echo, stranger, 0) != nil)
    }

    @Test("one of the roles is enough, none is not")
    func roles() {
        let both = decider(rule("staff", roles: ["admin", "support"], "echo"))
        #expect(both.refusal(client("support", "member"), 0) == nil)
        #expect(both.refusal(client("member"), 0) != nil)
        #expect(both.refusal(stranger, 0) != nil)
    }

    @Test("every claim named must have one of its values")
    func claims() {
        let both = decider(
            rule(
                "tenants", roles: ["member"], claims: ["tenant": ["a", "b"], "level.now": ["3"]],
                "echo"))
        let three: ClaimValue = .object(["now": .integer(3)])
        #expect(
            both.refusal(client("member", claims: ["tenant": .string("b"), "level": three]), 0)
                == nil)
        #expect(
            both.refusal(
                client(
                    "member",
                    claims: ["tenant": .array([.string("x"), .string("a")]), "level": three]), 0)
                == nil)
        #expect(
            both.refusal(client("member", claims: ["tenant": .string("c"), "level": three]), 0)
                != nil)
        #expect(both.refusal(client("member", claims: ["tenant": .string("a")]), 0) != nil)
        #expect(both.refusal(client(claims: ["tenant": .string("a"), "level": three]), 0) != nil)
    }

    @Test("globs match names whole; `*` matches unknown commands too")
    func globs() {
        let messages = decider(rule("messages", "message.*"))
        #expect(messages.refusal(of: send, client(), 0) == nil)
        #expect(messages.refusal(of: echo, client(), 0) != nil)
        #expect(messages.refusal(of: ActionID.unknown, client(), 0) != nil)
        let all = decider(rule("all", "*"))
        #expect(all.refusal(of: ActionID.unknown, client(), 0) == nil)
        #expect(all.refusal(of: ActionID(index: 9_999), client(), 0) == nil)
    }

    @Test(
        "a star stands for any characters",
        arguments: [
            ("*", "", true), ("a*c", "abbbc", true), ("a*c", "abbb", false),
            ("*.send", "message.send", true),
            ("*a*b*", "xxaybz", true), ("*a*b*", "xxbya", false), ("message.*", "message", false),
            ("a**", "a", true),
        ])
    func star(pattern: String, name: String, fits: Bool) {
        #expect(ActionPattern(pattern).matches(name) == fits)
    }

    @Test("a shadow deny refuses nothing, but is counted and told")
    func shadowDeny() {
        let counts = Counts()
        let both = decider(
            rule("yes", "echo"), rule("soon-no", effect: .deny, "echo", shadow: true),
            counts: counts)
        let verdict = both.decide(
            call(), for: client(), now: at(0))
        guard case .go(let permit) = verdict else {
            Issue.record("a shadow refused")
            return
        }
        #expect(permit.rule == "yes")
        #expect(permit.shadowRule == "soon-no")
        #expect(counts.permission("yes", "allow") == 1)
        #expect(counts.permission("soon-no", "shadow_refuse") == 1)
    }

    @Test("a shadow permit lets nothing through, but is counted")
    func shadowPermit() {
        let counts = Counts()
        let both = decider(rule("soon-yes", "echo", shadow: true), counts: counts)
        #expect(both.refusal(client(), 0)?.rule == "default")
        #expect(counts.permission("soon-yes", "shadow_allow") == 1)
        #expect(counts.permission("default", "refuse") == 1)
    }

    @Test("new claims hold from the next call")
    func identify() {
        let both = decider(rule("members", roles: ["member"], "echo"))
        let connection = PolicySubject(address: [10, 0, 0, 1])
        #expect(!both.isPermitted(call(), for: connection))
        connection.identify(
            principal: alike("alice", roles: ["member"]), session: nil, device: Device())
        #expect(both.isPermitted(call(), for: connection))
        connection.identify(principal: alike("alice"), session: nil, device: Device())
        #expect(both.refusal(connection, 0) != nil)
    }

    @Test("pushes pass limits, not permissions")
    func pushes() {
        var limited = snapshot([perUser("pushes", limit: 2, action: "push.send")])
        limited = PolicySnapshot(
            model: PolicyModel(limits: limited.model.limits), revision: "test", catalog: catalog,
            previous: nil)
        let both = evaluator(limited)
        let push = call(ActionID.pushSend)
        let passed = (0..<5).count { _ in
            if case .go = both.limitOnly(push, for: stranger, now: at(0)) { true } else { false }
        }
        #expect(passed == 2)
    }
}
