import SluicePolicy
import SluiceVocabulary
import Testing

@Suite("Snapshots")
struct SnapshotTests {
    private func model() -> PolicyModel {
        var limit = perUser("limit", limit: 1, action: "message.*")
        limit.key = [.claim(["account", "id"]), .header("x-b"), .topic]
        limit.overrides = LimitOverrides(by: .claim(["plan"]), numbers: [:])
        let rule = PermissionRule(
            name: "rule", effect: .permit,
            principal: PrincipalMatch(roles: ["a"], claims: ["tenant.id": ["b"]]),
            actions: [ActionPattern("message.send"), ActionPattern("*.send")],
            when: .any([
                .not(.exists(.source(.header("x-a")))), .isIn(.source(.claim(["sub"])), ["x"]),
                .differs(.source(.loginUser), "x"), .like(.source(.method), ActionPattern("x")),
                .compare(.source(.header("x-b")), .less, .init(value: 1, text: "1")),
                .timeOfDay(.init(fromMinute: 0, toMinute: 1)), .isInBlocks([]),
            ]))
        return PolicyModel(
            name: "set", version: "3",
            limits: [limit, perUser("second", limit: 1, action: "echo")],
            permissions: [rule])
    }

    private var policy: PolicySnapshot {
        PolicySnapshot(model: model(), revision: "abc", catalog: catalog, previous: nil)
    }

    @Test("it says what it is, what rules it has and what they look at")
    func facts() {
        let policy = policy
        #expect([policy.name, policy.version, policy.revision] == ["set", "3", "abc"])
        #expect(policy.ruleNames == ["limit", "second", "rule"])
        #expect(policy.limitNames == ["limit", "second"])
        #expect(policy.headerNames == ["x-a", "x-b"])
        #expect(policy.claimsUsed == ["account", "plan", "roles", "sub", "tenant"])
        #expect(policy.liveKeys("nothing") == 0)
        #expect(policy.overflows("nothing") == 0)
        let plain = PolicySnapshot(
            model: PolicyModel(), revision: "", catalog: catalog, previous: nil)
        #expect(plain.claimsUsed.isEmpty)
        #expect(plain.headerNames.isEmpty)
    }

    @Test("an action needs what its own rules look at, and unknown ones what `unknown` does")
    func needs() {
        let decider = evaluator(policy)
        #expect(decider.needs(send) == [.topic, .http, .loginUser])
        #expect(
            decider.needs(catalog.action(named: "message.history") ?? .unknown) == [.topic, .http])
        #expect(decider.needs(echo) == [])
        #expect(decider.needs(ActionID(index: catalog.count)) == [])
        #expect(decider.needs(ActionID(index: 9_999)) == [])
    }

    @Test("an action beyond the catalog meets what is said of all")
    func beyond() {
        let decider = evaluator(
            snapshot([perUser("all", limit: 1), perUser("echo", limit: 9, action: "echo")]))
        let last = ActionID(index: catalog.count)
        #expect(decider.refusal(of: last, subject("alice"), 0) == nil)
        #expect(decider.refusal(of: .unknown, subject("alice"), 0)?.rule == "all")
        #expect(decider.refusal(of: ActionID(index: catalog.count - 1), subject("bob"), 0) == nil)
    }

    @Test("a rule that names an action twice meets it once")
    func once() {
        var rule = perUser(limit: 4, action: "echo")
        rule.actions = [ActionPattern("echo"), ActionPattern("*"), ActionPattern("e*")]
        let decider = evaluator(snapshot([rule]))
        #expect(decider.passes(9, subject("alice"), 0) == 4)
    }

    @Test("a connection that uses more actions than it keeps plans for is decided the same")
    func manyActions() {
        let names = (0..<40).map { "action-\($0)" }
        let wide = ActionCatalog(commands: names)
        let policy = PolicySnapshot(
            model: PolicyModel(permitsByDefault: true, limits: [perUser(limit: 120)]),
            revision: "test", catalog: wide, previous: nil)
        let decider = evaluator(policy)
        let alice = subject("alice")
        var passed = 0
        for round in 0..<5 {
            for name in names where round % 2 == 0 || name.hasSuffix("7") {
                let action = wide.action(named: name) ?? .unknown
                if decider.refusal(of: action, alice, 0) == nil { passed += 1 }
            }
        }
        #expect(passed == 120)
        #expect(policy.liveKeys("per-user") == 1)
    }

    @Test("more kinds of principals than a loop keeps permissions for are decided the same")
    func manyPrincipals() {
        let roles = (0..<16).map { "role-\($0)" }
        let rules = roles.map { role in
            PermissionRule(
                name: role, effect: .permit, principal: PrincipalMatch(roles: [role]),
                actions: [ActionPattern("*")])
        }
        let decider = evaluator(
            PolicySnapshot(
                model: PolicyModel(permissions: rules), revision: "test", catalog: catalog,
                previous: nil))
        for number in 0..<20_000 {
            let having = roles.indices.filter { number >> $0 & 1 == 1 }.map { roles[$0] }
            let one = PolicySubject(address: [10, 0, 0, 1], principal: alike("a", roles: having))
            let answer = ReferenceAnswer(decider.decide(call(), for: one, now: at(0)))
            #expect(answer.rule == having.first ?? "default")
        }
    }

    @Test("thousands of keys each keep their own state, also when others are forgotten")
    func manyKeys() {
        let policy = snapshot([perUser(limit: 1)])
        let decider = evaluator(policy)
        let count = 5_000
        for index in 0..<count {
            let now = index % 3 == 0 ? 0 : second
            #expect(decider.refusal(subject("user-\(index)"), now) == nil)
            #expect(decider.refusal(subject("user-\(index)"), now) != nil)
        }
        #expect(policy.liveKeys("per-user") == count)
        #expect(policy.forgetFullBuckets(now: at(second), wall: midnight) == (count + 2) / 3)
        #expect(policy.liveKeys("per-user") == count - (count + 2) / 3)
        for index in 0..<count {
            let passes = decider.refusal(subject("user-\(index)"), second) == nil
            #expect(passes == (index % 3 == 0))
        }
        #expect(policy.liveKeys("per-user") == count)
        #expect(policy.forgetFullBuckets(now: at(2 * second), wall: midnight) == count)
        #expect(policy.liveKeys("per-user") == 0)
        #expect(policy.forgetFullBuckets(now: at(2 * second), wall: midnight) == 0)
    }

    @Test("a lease released twice, or by another loop, stops the process")
    func releasedTwice() async {
        await #expect(processExitsWith: .failure) {
            let decider = evaluator(snapshot([perUser(.concurrency, limit: 9)]))
            let permit = decider.permit(call(), subject("alice"), 0)
            guard let lease = permit?.lease else { return }
            decider.release(lease)
            decider.release(lease)
        }
        await #expect(processExitsWith: .failure) {
            let policy = snapshot([perUser(.concurrency, limit: 9)])
            let permit = evaluator(policy).permit(call(), subject("alice"), 0)
            guard let lease = permit?.lease else { return }
            evaluator(policy).release(lease)
        }
        await #expect(processExitsWith: .failure) {
            let decider = evaluator(snapshot([perUser(.concurrency, limit: 9)]))
            guard let first = decider.permit(call(), subject("alice"), 0)?.lease else { return }
            decider.release(first)
            // The place in the table is used again, the lease is not.
            _ = decider.permit(call(), subject("alice"), 0)
            decider.release(first)
        }
    }
}
