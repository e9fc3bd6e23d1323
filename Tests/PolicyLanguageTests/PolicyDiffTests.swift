import SluiceDocuments
import SluicePolicy
import SluicePolicyLanguage
import SluiceVocabulary
import Testing

@Suite("The diff of two sets")
struct PolicyDiffTests {
    private func diff(_ old: String, _ new: String) throws -> PolicyDiff {
        let first = try compile(old)
        return try compile(new, previous: first.snapshot).diff
    }

    /// What changed in `RevisionTests.everything`, as texts.
    private func details(_ replacements: (String, String)...) throws -> [String] {
        var text = RevisionTests.everything
        for (old, new) in replacements {
            let next = text.replacing(old, with: new, maxReplacements: 1)
            try #require(next != text)
            text = next
        }
        return try diff(RevisionTests.everything, text).details.map { "\($0.rule): \($0.text)" }
    }

    @Test("tells numbers with the units a policy writes")
    func numbers() throws {
        #expect(
            try details(("limit: 60\n", "limit: 30\n"), ("burst: 50", "burst: 20"))
                == [
                    "bucket: limit: 60 -> 30", "bucket: burst: 50 -> 20",
                    "bucket: overrides.free: {limit: 30, per: 1m, burst: 50, cost: 2} -> {limit: 30, per: 1m, burst: 20, cost: 2}",
                    "bucket: overrides.pro: {limit: 90, per: 1m, burst: 50, cost: 3} -> {limit: 90, per: 1m, burst: 20, cost: 3}",
                ])
        #expect(try details(("limit: 7,", "limit: 8,")) == ["window: limit: 7 -> 8"])
        #expect(try details(("7KiB", "1MiB")) == ["quota: limit: 7KiB -> 1MiB"])
        #expect(try details(("per: day", "per: week")) == ["quota: per: day -> week"])
        #expect(try details(("per: 7s", "per: 7m")) == ["window: per: 7s -> 7m"])
    }

    @Test("a burst that follows the limit is no change of its own")
    func impliedBurst() throws {
        let old = policyText(limitText(limit: "60"))
        let all = { (new: String) in
            try self.diff(old, new).details.map(\.text)
        }
        #expect(try all(policyText(limitText(limit: "30"))) == ["limit: 60 -> 30"])
        #expect(try all(policyText(limitText(more: "burst: 9"))) == ["burst: 60 -> 9"])
        #expect(try all(policyText(limitText(more: "burst: 60"))) == [])
        #expect(
            try all(policyText(limitText(limit: "30", more: "burst: 60"))) == ["limit: 60 -> 30"])
    }

    @Test("tells what happens over the limit")
    func excess() throws {
        #expect(
            try details(("on_limit: delay\n    max_delay: 2s", "on_limit: close"))
                == ["bucket: on_limit: delay -> close", "bucket: max_delay: removed"])
        #expect(
            try details(("after: 5", "after: 6"))
                == [
                    "bucket: ban: {after: 5, within: 10s, for: 20s} -> {after: 6, within: 10s, for: 20s}"
                ])
        #expect(
            try details(("    ban: {after: 5, within: 10s, for: 20s}\n", ""))
                == ["bucket: ban: removed"])
        #expect(
            try details(
                ("limit: 7, per: 7s", "limit: 7, per: 7s, ban: {after: 1, within: 1s, for: 1s}"))
                == ["window: ban: added"])
        #expect(
            try details(("    shadow: true\n    max_keys: 900", "    max_keys: 901"))
                == ["bucket: shadow: true -> false", "bucket: max_keys: 900 -> 901"])
    }

    @Test("tells whom and what a limit matches, and what it is keyed by")
    func match() throws {
        #expect(
            try details(("action: [echo], transport: [tcp, http]", "action: [\"m*\", echo]"))
                == [
                    "bucket: match.action: [echo] -> [echo, \"m*\"]",
                    "bucket: match.transport: removed",
                ])
        #expect(
            try details(
                ("key: [user, peer]", "key: [user]"), ("by: plan", "by: peer2"),
                ("peer:", "peer2: session.app, peer:"))
                == [
                    "bucket: key: [token.sub, \"connection.address/32,/64\"] -> [token.sub]",
                    "bucket: overrides.by: token.plan -> session.app",
                ])
        #expect(
            try details(("free: {limit: 30}", "free: {limit: 31}, new: {limit: 5}"))
                == [
                    "bucket: overrides.free: {limit: 30, per: 1m, burst: 50, cost: 2} -> {limit: 31, per: 1m, burst: 50, cost: 2}",
                    "bucket: overrides.new: added",
                ])
    }

    @Test("tells of permissions")
    func permissions() throws {
        #expect(
            try details(
                ("effect: permit", "effect: deny"), ("[member, guest]", "[member]"),
                ("org: [a, b]", "org: [a]"), ("anonymous: true", "anonymous: false"))
                == [
                    "p: effect: permit -> deny", "p: principal.roles: [guest, member] -> [member]",
                    "p: principal.claims.org: [a, b] -> [a]",
                    "p: principal.anonymous: true -> false",
                ])
        let rule = { (when: String) in
            head + "permissions: {rules: [{name: p, effect: permit, action: [echo]\(when)}]}\n"
        }
        let when = ", when: {exists: token.plan}"
        #expect(try diff(rule(""), rule(when)).details.map(\.text) == ["when: added"])
        #expect(
            try diff(rule(""), rule(when)).details
                == [
                    FieldChange(rule: "p", field: "when", old: nil, new: "{exists: token.plan}")
                ])
        #expect(try diff(rule(when), rule("")).details.map(\.text) == ["when: removed"])
        #expect(
            try diff(rule(when), rule(", when: {not: {exists: token.plan}}")).details.map(\.text)
                == ["when: {exists: token.plan} -> {not: {exists: token.plan}}"])
    }

    @Test("names the parts of the set that are no rules")
    func parts() throws {
        let changed = { (old: String, new: String) in
            let text = RevisionTests.everything.replacing(old, with: new, maxReplacements: 1)
            return try self.diff(RevisionTests.everything, text).changed
        }
        #expect(try changed("default: permit", "default: deny") == ["permissions.default"])
        #expect(try changed("conflict: refuse", "conflict: replace") == ["devices"])
        #expect(try changed("ok: 0.5", "ok: 0.4") == ["logging"])
        #expect(try changed("name: m,", "name: n,") == ["metadata"])
        #expect(
            try details(("default: permit", "default: deny"))
                == ["permissions.default: default: permit -> deny"])
        #expect(
            try details(("one_per_class", "{max: 2}"), ("ios, android", "ios"))
                == [
                    "devices: rule: one_per_class -> {max: 2}",
                    "devices: classes.mobile: [android, ios] -> [ios]",
                ])
        #expect(
            try details(
                ("budget_per_second: 20", "budget_per_second: 21"), ("ok: 0.1,", "ok: 0.2,"))
                == [
                    "logging: sample.actions.message.*: {ok: 0.1, refused: 0.25, error: 0.0} -> {ok: 0.2, refused: 0.25, error: 0.0}",
                    "logging: budget_per_second: 20 -> 21",
                ])
        #expect(
            try details(("metadata: {name: m, version: \"1\"}\n", ""))
                == ["metadata: name: removed", "metadata: version: removed"])
    }

    @Test("tells renamed limits with what else changed in them, and those that start anew")
    func renamed() throws {
        let old = policyText(limitText("a"), limitText("b", more: "burst: 70"))
        let new = policyText(
            limitText("c", limit: "30", more: "was: [a]"),
            limitText("b", more: "unit: bytes", "burst: 70"))
        let diff = try diff(old, new)
        #expect(diff.renamed == ["a -> c"])
        #expect(diff.restarted == ["b"])
        #expect(diff.changed == ["b"])
        #expect(diff.added == [] && diff.removed == [])
        #expect(
            diff.details.map { "\($0.rule): \($0.text)" }
                == ["b: unit: requests -> bytes", "c: limit: 60 -> 30"])
    }

    @Test("a limit that keeps its name and counts by another key starts anew")
    func restarted() throws {
        let limit = policyText(limitText())
        let other = limit.replacing("key: [user]", with: "key: []")
            .replacing("descriptors: {user: token.sub}\n", with: "")
        let diff = try diff(limit, other)
        #expect(diff.restarted == ["send-per-user"])
        #expect(diff.renamed == [] && diff.changed == ["send-per-user"])
        let algorithm = limit.replacing("token_bucket", with: "sliding_window")
        #expect(try self.diff(limit, algorithm).restarted == ["send-per-user"])
        #expect(try self.diff(limit, limit.replacing("60s", with: "61s")).restarted == [])
        let renamed = policyText(limitText("new", more: "was: [send-per-user]"))
        #expect(try self.diff(limit, renamed).restarted == [])
        #expect(
            try self.diff(limit, renamed.replacing("token_bucket", with: "sliding_window"))
                .restarted == ["new"])
    }

    @Test("the first set changes nothing, everything in it is added")
    func first() throws {
        let diff = try compile(RevisionTests.everything).diff
        #expect(diff.added == ["bucket", "p", "quota", "window"])
        #expect(diff.changed == [] && diff.details == [])
        #expect(!diff.isUnchanged)
    }

    @Test("nothing differs between a set and itself")
    func same() throws {
        var expected = PolicyDiff(
            from: try compile(head).snapshot, to: try compile(head).snapshot)
        #expect(expected.isUnchanged)
        expected = try diff(RevisionTests.everything, RevisionTests.everything)
        #expect(expected.isUnchanged)
        #expect(expected.changed + expected.added + expected.removed + expected.renamed == [])
        #expect(expected.details == [])
    }
}
