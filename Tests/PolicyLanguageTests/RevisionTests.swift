import SluiceDocuments
import SluicePolicy
import SluicePolicyLanguage
import SluiceVocabulary
import Testing

@Suite("The revision")
struct RevisionTests {
    /// One of everything.
    static let everything = """
        apiVersion: sluice/v1
        kind: PolicySet
        metadata: {name: m, version: "1"}
        descriptors: {user: token.sub, plan: token.plan, peer: "connection.address/32,/64"}
        rate_limits:
          - name: bucket
            match: {action: [echo], transport: [tcp, http]}
            key: [user, peer]
            algorithm: token_bucket
            limit: 60
            per: 60s
            burst: 50
            cost: 2
            on_limit: delay
            max_delay: 2s
            overrides: {by: plan, free: {limit: 30}, pro: {limit: 90, cost: 3}}
            ban: {after: 5, within: 10s, for: 20s}
            shadow: true
            max_keys: 900
            was: [old-1, old-2]
          - {name: window, match: {action: ["*"]}, key: [], algorithm: sliding_window, limit: 7, per: 7s, on_limit: drop}
          - {name: quota, match: {action: ["*"]}, key: [], algorithm: quota, limit: 7KiB, unit: bytes, per: day}
        permissions:
          default: permit
          rules:
            - name: p
              effect: permit
              principal: {roles: [member, guest], claims: {org: [a, b]}, anonymous: true}
              action: ["message.*", echo]
              shadow: true
              when:
                all:
                  - {eq: [token.plan, pro]}
                  - {ne: [plan, free]}
                  - {in: [plan, [x, y]]}
                  - {lt: [message.bytes, 16384]}
                  - {in: [connection.address, [10.0.0.0/8, 192.0.2.0/24]]}
                  - {exists: token.kind}
                  - {like: [message.topic, "room.*"]}
                  - {time_of_day: {from: "22:00", to: "06:00", days: [mon, tue]}}
                  - {any: [{exists: token.one}, {not: {exists: token.two}}]}
        devices: {rule: one_per_class, classes: {mobile: [ios, android], web: [web]}, on_conflict: refuse}
        logging:
          sample: {ok: 0.5, refused: 0.25, error: 0.75, actions: {"message.*": {ok: 0.1, error: 0.0}}}
          budget_per_second: 20
          reserve_per_second: 5

        """

    private func revision(_ text: String) throws -> String { try compile(text).snapshot.revision }

    /// What is replaced, and by what, so that something means something else.
    static let changes = [
        ("name: m,", "name: n,"), ("version: \"1\"", "version: \"2\""), ("token.sub", "token.user"),
        ("/32,/64", "/24,/64"), ("/32,/64", "/32,/56"), ("name: bucket", "name: pail"),
        ("action: [echo], transport", "action: [unknown], transport"), ("[tcp, http]", "[tcp]"),
        ("key: [user, peer]", "key: [user]"), ("key: [user, peer]", "key: [peer, user]"),
        ("algorithm: token_bucket", "algorithm: leaky_bucket"),
        ("algorithm: sliding_window", "algorithm: leaky_bucket"), ("limit: 60\n", "limit: 61\n"),
        ("per: 60s", "per: 61s"), ("burst: 50", "burst: 51"), ("cost: 2\n", "cost: 1\n"),
        ("on_limit: drop", "on_limit: close"), ("max_delay: 2s", "max_delay: 3s"),
        ("by: plan", "by: user"), ("free: {limit: 30}", "free: {limit: 31}"),
        ("free: {limit: 30}", "fred: {limit: 30}"), ("cost: 3}", "cost: 4}"),
        ("after: 5", "after: 6"), ("within: 10s", "within: 11s"), ("for: 20s", "for: 21s"),
        ("    ban: {after: 5, within: 10s, for: 20s}\n", ""),
        ("    shadow: true\n    max", "    max"),
        ("max_keys: 900", "max_keys: 901"), ("[old-1, old-2]", "[old-1]"),
        ("per: 7s", "per: 8s"), ("per: day", "per: week"), ("7KiB", "8KiB"),
        ("7KiB, unit: bytes", "7168"), ("default: permit", "default: deny"),
        ("name: p\n", "name: q\n"),
        ("effect: permit", "effect: deny"), ("[member, guest]", "[member]"),
        ("org: [a, b]", "org: [a]"),
        ("org: [a, b]", "orb: [a, b]"), ("anonymous: true", "anonymous: false"),
        ("[\"message.*\", echo]", "[echo]"), ("      shadow: true\n      when", "      when"),
        ("eq: [token.plan, pro]", "eq: [token.plan, pra]"),
        ("eq: [token.plan, pro]", "eq: [token.plot, pro]"),
        ("ne: [plan, free]", "eq: [plan, free]"), ("in: [plan, [x, y]]", "in: [plan, [x]]"),
        ("lt: [message.bytes, 16384]", "le: [message.bytes, 16384]"),
        ("lt: [message.bytes, 16384]", "lt: [message.bytes, 16385]"),
        ("lt: [message.bytes, 16384]", "lt: [token.level, 16384]"),
        ("[10.0.0.0/8, 192.0.2.0/24]", "[10.0.0.0/9, 192.0.2.0/24]"),
        ("exists: token.kind", "exists: token.kid"), ("room.*", "room*"),
        ("from: \"22:00\"", "from: \"22:01\""), ("to: \"06:00\"", "to: \"06:01\""),
        ("days: [mon, tue]", "days: [mon]"), ("any: [{exists", "all: [{exists"),
        ("{not: {exists: token.two}}", "{exists: token.two}"),
        ("rule: one_per_class", "rule: allow_all"), ("rule: one_per_class", "rule: {max: 1}"),
        ("ios, android", "ios"), ("web: [web]", "wet: [web]"),
        ("conflict: refuse", "conflict: replace"),
        ("ok: 0.5", "ok: 0.6"), ("refused: 0.25", "refused: 0.26"), ("error: 0.75", "error: 0.76"),
        ("{ok: 0.1,", "{ok: 0.2,"), ("\"message.*\": {", "\"message.s*\": {"),
        ("budget_per_second: 20", "budget_per_second: 21"),
        ("reserve_per_second: 5", "reserve_per_second: 6"),
    ]

    /// Two limits and two permissions that say the same of `echo`.
    private static func twins(_ limits: [String], _ permissions: [String]) -> String {
        let limits = limits.map {
            "  - {name: \($0), match: {action: [echo]}, key: [], algorithm: concurrency, limit: 1}\n"
        }
        let permissions = permissions.map {
            "    - {name: \($0), effect: permit, action: [echo]}\n"
        }
        return head + "rate_limits:\n" + limits.joined() + "permissions:\n  rules:\n"
            + permissions.joined()
    }

    @Test("changes with the order of rules, since of equals the first decides")
    func order() throws {
        let first = try compile(Self.twins(["a", "b"], ["p", "q"])).snapshot
        func decides(_ text: String) throws -> [String?] {
            let decider = evaluator(try compile(text).snapshot)
            let alice = subject("alice")
            let call = PolicyCall(
                action: catalog.action(named: "echo") ?? .unknown, bytes: 1, transport: .tcp,
                wall: WallTime(microseconds: 0))
            let now = MonotonicTime(nanoseconds: 1)
            let permission = decider.explain(call, for: alice, now: now).permissionRule
            guard case .go = decider.decide(call, for: alice, now: now),
                case .refuse(let refusal) = decider.decide(call, for: alice, now: now)
            else { return [] }
            return [refusal.rule, permission]
        }
        #expect(try decides(Self.twins(["a", "b"], ["p", "q"])) == ["a", "p"])
        for (limits, permissions, decision, change) in [
            (["b", "a"], ["p", "q"], ["b", "p"], "rate_limits: order: [a, b] -> [b, a]"),
            (["a", "b"], ["q", "p"], ["a", "q"], "permissions.rules: order: [p, q] -> [q, p]"),
        ] {
            let other = try compile(Self.twins(limits, permissions), previous: first)
            #expect(try decides(Self.twins(limits, permissions)) == decision)
            #expect(other.snapshot.revision != first.revision)
            #expect(other.diff.details.map { "\($0.rule): \($0.text)" } == [change])
            #expect(other.diff.changed == [change.prefix { $0 != ":" }.description])
            #expect(other.diff.restarted == [])
        }
        let more = try compile(Self.twins(["x", "a", "y", "b"], ["p", "z", "q"]), previous: first)
        #expect(more.diff.changed == [], "whoever comes between changes no order")
    }

    @Test("does not change with the file that a rule is in")
    func files() throws {
        let set = "apiVersion: sluice/v1\nkind: PolicySet\nrate_limits:\n"
        func limit(_ name: String) -> String {
            "  - {name: \(name), match: {action: [echo]}, key: [], algorithm: concurrency, limit: 1}\n"
        }
        func revision(_ files: [(name: String, text: String)]) throws -> String {
            try PolicyCompiler.compile(files: files, catalog: catalog, previous: nil)
                .snapshot.revision
        }
        let one = try revision([("a.yaml", set + limit("a") + limit("b"))])
        let two = [("1.yaml", set + limit("a")), ("2.yaml", set + limit("b"))]
        #expect(try revision(two) == one)
        #expect(try revision([("1.yaml", set + limit("b")), ("2.yaml", set + limit("a"))]) != one)
    }

    @Test("changes with everything that means something", arguments: changes)
    func sensitive(_ old: String, _ new: String) throws {
        var text = Self.everything.replacing(old, with: new, maxReplacements: 1)
        if old == "algorithm: token_bucket" {
            text = text.replacing("on_limit: delay", with: "on_limit: reject")
        }
        try #require(text != Self.everything)
        #expect(try revision(text) != revision(Self.everything))
        let first = try compile(Self.everything)
        let diff = try compile(text, previous: first.snapshot).diff
        #expect(!diff.isUnchanged)
        // The earlier names alone are no change of a rule.
        let isNamed =
            diff.changed + diff.added + diff.removed + diff.renamed != [] && !diff.details.isEmpty
        #expect(isNamed || old.hasPrefix("name: ") || old.hasPrefix("[old"))
    }

    @Test(
        "does not change with the form",
        arguments: [
            ("kind: PolicySet", "kind: 'PolicySet' # a comment"), ("60s", "1m"), ("7KiB", "7168"),
            ("[tcp, http]", "[http, tcp, http]"), ("[old-1, old-2]", "[old-2, old-1]"),
            ("[member, guest]", "[guest, member]"), ("org: [a, b]", "org: [b, a, b]"),
            ("[\"message.*\", echo]", "[echo, \"message.*\"]"), ("[x, y]", "[y, x]"),
            ("{eq: [token.plan, pro]}", "{in: [plan, [pro]]}"), ("16384", "16KiB"),
            ("[10.0.0.0/8, 192.0.2.0/24]", "[192.0.2.0/24, 10.0.0.0/8]"),
            ("10.0.0.0/8", "\"::ffff:10.0.0.0/104\""), ("days: [mon, tue]", "days: [tue, mon]"),
            (
                "any: [{exists: token.one}, {not: {exists: token.two}}]",
                "any: [{not: {exists: token.two}}, {exists: token.one}, {exists: token.one}]"
            ),
            ("          - {ne: [plan, free]}\n", ""),
            ("classes: {mobile", "classes: {web: [web], mobile"),
            ("ios, android", "android, ios"), ("ok: 0.5", "ok: 5e-1"),
            ("error: 0.0", "error: -0.0"),
            ("{ok: 0.1, error", "{ok: 0.1, refused: 0.25, error"),
            ("plan: token.plan", "tier: token.plan"),
            ("free: {limit: 30}", "free: {limit: 30, per: 60s, burst: 50}"),
            ("key: [user, peer]", "key: [user, peer]\n    scope: node\n    unit: requests"),
        ])
    func insensitive(_ old: String, _ new: String) throws {
        var text = Self.everything.replacing(old, with: new)
        switch old {
        case "plan: token.plan":
            text = text.replacing("[plan,", with: "[tier,").replacing("by: plan", with: "by: tier")
        case "classes: {mobile": text = text.replacing(", web: [web]}, on", with: "}, on")
        case "          - {ne: [plan, free]}\n":
            // The same part in another place.
            text = text.replacing(
                "          - {exists: token.kind}\n",
                with: "          - {exists: token.kind}\n          - {ne: [plan, free]}\n")
        default: break
        }
        try #require(text != Self.everything)
        #expect(try revision(text) == revision(Self.everything))
        let first = try compile(Self.everything)
        let diff = try compile(text, previous: first.snapshot).diff
        #expect(diff.isUnchanged)
        #expect(diff.changed + diff.added + diff.removed + diff.renamed + diff.restarted == [])
        #expect(diff.details == [])
    }
}
