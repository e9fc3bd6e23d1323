import SluiceDocuments
import SluicePolicy
import SluicePolicyLanguage
import SluiceVocabulary
import Testing

@Suite("The reload contract")
struct ReloadContractTests {
    private let permissions = "permissions: {default: permit}\n"

    private func policy(_ limits: String...) -> String {
        head + "descriptors: {user: token.sub}\nrate_limits:\n" + limits.joined() + permissions
    }

    @Test("an unchanged rule keeps every bucket while others come and go")
    func unchanged() throws {
        let first = try compile(policy(limitText(), limitText("gone")))
        let decider = evaluator(first.snapshot)
        #expect(decider.passes(20, of: "message.send", subject("alice")) == 20)
        let next = try compile(
            policy(limitText("come", limit: "1000"), limitText()), previous: first.snapshot)
        #expect(next.diff.added == ["come"])
        #expect(next.diff.removed == ["gone"])
        #expect(next.diff.changed == [])
        decider.adopt(next.snapshot)
        #expect(decider.passes(100, of: "message.send", subject("alice")) == 40)
    }

    @Test("changed numbers keep the share that is used")
    func changed() throws {
        let first = try compile(policy(limitText()))
        let decider = evaluator(first.snapshot)
        #expect(decider.passes(30, of: "message.send", subject("alice")) == 30)
        let next = try compile(policy(limitText(limit: "600")), previous: first.snapshot)
        #expect(next.diff.changed == ["send-per-user"])
        #expect(!next.diff.isUnchanged)
        decider.adopt(next.snapshot)
        #expect(decider.passes(600, of: "message.send", subject("alice")) == 300)
    }

    @Test("`was` keeps the state over a rename; without it the rule starts anew")
    func renamed() throws {
        let first = try compile(policy(limitText("old")))
        let decider = evaluator(first.snapshot)
        #expect(decider.passes(50, of: "message.send", subject("alice")) == 50)
        let kept = try compile(
            policy(limitText("new", more: "was: [old]")), previous: first.snapshot)
        #expect(kept.diff.renamed == ["old -> new"])
        #expect(kept.diff.added == [] && kept.diff.removed == [])
        decider.adopt(kept.snapshot)
        #expect(decider.passes(60, of: "message.send", subject("alice")) == 10)
        // The name `was` may go once the buckets are taken over.
        let later = try compile(policy(limitText("new")), previous: kept.snapshot)
        #expect(later.diff.changed == [])
        decider.adopt(later.snapshot)
        #expect(decider.passes(60, of: "message.send", subject("alice")) == 0)
        let fresh = try compile(policy(limitText("newest")), previous: later.snapshot)
        #expect(fresh.diff.added == ["newest"] && fresh.diff.removed == ["new"])
        decider.adopt(fresh.snapshot)
        #expect(decider.passes(60, of: "message.send", subject("alice")) == 60)
    }

    @Test("a rule that counts by another key starts anew, and the diff says so")
    func restarted() throws {
        let first = try compile(policy(limitText()))
        let other = policy(limitText()).replacing("key: [user]", with: "key: []")
        let next = try compile(other, previous: first.snapshot)
        #expect(next.diff.changed == ["send-per-user"])
        #expect(next.diff.restarted == ["send-per-user"])
    }

    @Test("one error anywhere and nothing changes")
    func allOrNothing() throws {
        let first = try compile(policy(limitText()))
        let decider = evaluator(first.snapshot)
        #expect(decider.passes(20, of: "message.send", subject("alice")) == 20)
        #expect(throws: DiagnosticList.self) {
            _ = try compile(
                policy(limitText(limit: "1")), head + "rate_limits: [{}]\n",
                previous: first.snapshot)
        }
        #expect(decider.passes(100, of: "message.send", subject("alice")) == 40)
    }

    @Test("comments, quotes, the order of keys and defaults written out do not change the revision")
    func stableRevision() throws {
        let plain = try compile(
            head + "metadata: {name: m, version: \"1\"}\n" + descriptors + "rate_limits:\n"
                + limitText("one", more: "overrides: {by: plan, pro: {limit: 600}}")
                + limitText("two")
                + "permissions: {rules: [{name: p, effect: permit, principal: {roles: [b, a]}, action: [echo, \"message.*\"]}]}\n"
        )
        let written = try compile(
            "# A comment.\n" + head + descriptors + "rate_limits:\n"
                + limitText(
                    "one", more: "overrides:", "  by: plan", "  pro:", "    limit: 600",
                    "    burst: 600", "    per: 1m")
                + limitText(
                    "two", more: "burst: 60", "unit: requests", "cost: 1", "on_limit: reject",
                    "scope: node", "shadow: false", "max_keys: 200000"),
            "kind: \"PolicySet\"\napiVersion: 'sluice/v1'\nmetadata:\n  version: '1'\n  name: m\npermissions:\n  default: deny\n  rules:\n"
                + "  - effect: permit\n    action: [\"message.*\", \"echo\", echo]\n    name: p\n    principal: {roles: [a, b]}\n",
            previous: plain.snapshot)
        #expect(plain.snapshot.revision == written.snapshot.revision)
        #expect(written.diff.isUnchanged)
        #expect(
            written.diff.changed == [] && written.diff.added == [] && written.diff.removed == [])
        #expect(plain.snapshot.revision.count == 64)
    }

    @Test(
        "everything that means something changes the revision",
        arguments: [
            ("limit: 60", "limit: 61"), ("per: 60s", "per: 61s"), ("key: [user]", "key: []"),
            ("token.sub", "token.email"), ("action: [message.send]", "action: [echo]"),
            ("action: [message.send]", "action: [message.send], transport: [tcp]"),
            ("per: 60s", "per: 60s\n    shadow: true"), ("per: 60s", "per: 60s\n    max_keys: 9"),
            ("per: 60s", "per: 60s\n    burst: 9"), ("per: 60s", "per: 60s\n    cost: 2"),
            ("per: 60s", "per: 60s\n    was: [x]"), ("per: 60s", "per: 60s\n    unit: bytes"),
            ("send-per-user", "send"), ("default: permit", "default: deny"),
            ("kind: PolicySet", "kind: PolicySet\nmetadata: {version: \"2\"}"),
            ("kind: PolicySet", "kind: PolicySet\nlogging: {budget_per_second: 7}"),
        ])
    func sensitiveRevision(old: String, new: String) throws {
        let text = policy(limitText())
        let other = text.replacing(old, with: new)
        try #require(other != text)
        #expect(try compile(text).snapshot.revision != compile(other).snapshot.revision)
    }

    @Test("logging limits reach the snapshot, with the documented defaults")
    func logging() throws {
        #expect(try compile(head).snapshot.model.logging.budgetPerSecond == 2_000)
        #expect(try compile(head).snapshot.model.logging.reservePerSecond == 500)
        let set = try compile(head + "logging: {budget_per_second: 10, reserve_per_second: 3}\n")
        #expect(set.snapshot.model.logging.budgetPerSecond == 10)
        #expect(set.snapshot.model.logging.reservePerSecond == 3)
    }

    @Test("claims the policy looks at are known by name")
    func claimsUsed() throws {
        let text =
            head + descriptors + "rate_limits:\n"
            + limitText(more: "overrides: {by: plan, pro: {limit: 600}}")
            + "permissions: {rules: [{name: p, effect: permit, principal: {roles: [a], claims: {tenant.id: [x]}}, action: [echo]}]}\n"
        #expect(try compile(text).snapshot.claimsUsed == ["plan", "roles", "sub", "tenant"])
    }
}
