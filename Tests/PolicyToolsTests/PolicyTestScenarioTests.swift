import Foundation
import SluicePolicyTools
import Testing

/// Each option of a call or an expectation, by a test that passes and one figure that is wrong.
@Suite("what tests of policies can say")
struct PolicyTestScenarioTests {
    /// Runs steps under one limit; each text is the inside of a step.
    ///
    /// - Returns: `ok`, or the expectation that did not come true, or what is wrong with the files.
    private func run(
        _ limit: String, _ steps: String..., now: String = "2026-01-01T00:00:00Z",
        standing: String = "permit"
    ) throws -> String {
        let folder = try PolicyFolder([
            "policies/a.yaml": """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {user: token.sub, room: message.topic, login: login.user, peer: connection.address, tenant: http.header.x-tenant}
            permissions: {default: \(standing)}
            rate_limits:
              - {name: it, \(limit)}

            """,
            "policies/tests/a_test.yaml": """
            now: \(now)
            fixtures: {alice: {sub: alice}, bob: {sub: bob}}
            tests:
              - name: it
                steps:
            \(steps.map { "      - {\($0)}" }.joined(separator: "\n"))

            """,
        ])
        let result = try folder.test()
        let wrong = result.complaints.filter { $0.contains(": error: ") }
        #expect(wrong.isEmpty == (result.exitCode != 64))
        if !wrong.isEmpty { return wrong.joined(separator: "\n") }
        if result.exitCode == 0 { return ok }
        let miss = result.output.split(separator: "\n").first { $0.contains(": step ") } ?? "none"
        return miss.components(separatedBy: ": expected ").dropFirst().joined()
    }

    private let ok = "ok"
    private let echo = "send: {as: alice, action: echo"

    @Test("a queue lets calls through one after another, and is full at its last place")
    func queue() throws {
        let limit =
            "match: {action: [echo]}, key: [user], algorithm: leaky_bucket, limit: 2, per: 1s, burst: 4"
        let step =
            "\(echo), times: 5}, expect: {allowed: 4, refused: 1, delayed: 3, waited: 1500ms, retry_after: 500ms}"
        #expect(try run(limit, step) == ok)
        #expect(
            try run(limit, step.replacing("1500ms", with: "2s")).hasSuffix(
                "waited: 2s, found waited: 1500ms"))
    }

    @Test("calls can come one after another")
    func every() throws {
        let limit =
            "match: {action: [echo]}, key: [user], algorithm: token_bucket, limit: 1, per: 1s"
        #expect(try run(limit, "\(echo), times: 4, every: 1s}, expect: {allowed: 4}") == ok)
        #expect(
            try run(limit, "\(echo), times: 4, every: 500ms}, expect: {allowed: 2, refused: 2}")
                == ok)
    }

    @Test("calls under way hold their places until they are over")
    func hold() throws {
        let limit = "match: {action: [echo]}, key: [user], algorithm: concurrency, limit: 2"
        #expect(
            try run(
                limit,
                "\(echo), times: 3, hold: 5s}, expect: {allowed: 2, refused: 1, retry_after: 0s}",
                "at: 4999ms, \(echo)}, expect: {refused: 1}",
                "at: 5s, \(echo), times: 9}, expect: {allowed: 9}") == ok)
    }

    @Test("places come free in the order in which calls end, not in which they began")
    func order() throws {
        let limit = "match: {action: [echo]}, key: [], algorithm: concurrency, limit: 3"
        #expect(
            try run(
                limit, "\(echo), hold: 10s}", "\(echo), hold: 5s}", "\(echo), hold: 7s}",
                "at: 5s, \(echo), times: 2, hold: 9s}, expect: {allowed: 1, refused: 1}",
                "at: 7s, \(echo), times: 2, hold: 9s}, expect: {allowed: 1, refused: 1}",
                "at: 10s, \(echo), times: 2, hold: 9s}, expect: {allowed: 1, refused: 1}") == ok)
    }

    @Test("over a limit calls are paused, dropped or closed, as it says")
    func outcomes() throws {
        let limit =
            "match: {action: [echo]}, key: [user], algorithm: token_bucket, limit: 1, per: 10s, on_limit: "
        let step = { (word: String) in
            "\(self.echo), times: 2}, expect: {allowed: 1, \(word): 1, refused: 0, retry_after: 10s, refused_by: it}"
        }
        #expect(try run(limit + "pause_reads", step("paused")) == ok)
        #expect(try run(limit + "drop", step("dropped")) == ok)
        #expect(try run(limit + "close", step("closed")) == ok)
        #expect(
            try run(limit + "close", step("dropped")).contains(
                "dropped: 1, found dropped: 0")
        )
        #expect(
            try run(
                limit + "delay, max_delay: 30s",
                "\(echo), times: 5}, expect: {allowed: 4, delayed: 3, waited: 30s, refused: 1}")
                == ok)
    }

    @Test("a call that is larger than the bucket is too large, whatever is in it")
    func tooLarge() throws {
        let limit =
            "match: {action: [echo]}, key: [user], algorithm: token_bucket, unit: bytes, limit: 1KiB, per: 1s"
        #expect(
            try run(
                limit, "\(echo), bytes: 1025}, expect: {too_large: 1, refused: 1}",
                "\(echo), bytes: 1KiB}, expect: {allowed: 1, too_large: 0}") == ok)
    }

    @Test("a ban holds for its time, longer than the bucket needs")
    func ban() throws {
        let limit =
            "match: {action: [auth.login]}, key: [login, peer], algorithm: token_bucket, limit: 1, per: 1s, ban: {after: 2, within: 10s, for: 60s}"
        let login = "send: {action: auth.login, login_user: bob"
        #expect(
            try run(
                limit, "\(login), times: 3}, expect: {allowed: 1, refused: 2, retry_after: 60s}",
                "at: 59s, \(login)}, expect: {refused: 1, retry_after: 1s}",
                "at: 59s, \(login), address: \"2001:db8::1\"}, expect: {allowed: 1}",
                "at: 60s, \(login)}, expect: {allowed: 1}") == ok)
    }

    @Test("quotas follow the wall clock of the test")
    func quota() throws {
        let limit = "match: {action: [echo]}, key: [user], algorithm: quota, limit: 1, per: day"
        let steps = [
            "\(echo), times: 2}, expect: {allowed: 1, refused: 1, retry_after: 1h}",
            "at: 1h, \(echo)}, expect: {allowed: 1}",
        ]
        #expect(try run(limit, steps[0], steps[1], now: "2026-12-31T23:00:00Z") == ok)
        #expect(
            try run(limit, steps[0]).hasSuffix("retry_after: 1h, found retry_after: 1d"))
    }

    @Test("topics, headers, methods and transports reach the policy")
    func facts() throws {
        #expect(
            try run(
                "match: {action: [echo]}, key: [room], algorithm: token_bucket, limit: 1, per: 1s",
                "\(echo), topic: a}, expect: {allowed: 1}",
                "send: {as: bob, action: echo, topic: a}, expect: {refused: 1}",
                "\(echo), topic: b}, expect: {allowed: 1}") == ok)
        #expect(
            try run(
                "match: {action: [http.media], transport: [http]}, key: [tenant], algorithm: token_bucket, limit: 1, per: 1s",
                "send: {action: http.media, headers: {X-Tenant: a}}, expect: {allowed: 1}",
                "send: {action: http.media, headers: {x-tenant: a}}, expect: {refused: 1}",
                "send: {action: http.media, headers: {x-tenant: b}}, expect: {allowed: 1}",
                "send: {action: http.media, times: 2}, expect: {allowed: 1, refused: 1}",
                "send: {action: http.media, headers: {x-tenant: a}, transport: tcp}, expect: {allowed: 1}"
            ) == ok)
    }

    @Test("pushes meet limits alone")
    func pushes() throws {
        let limit =
            "match: {action: [push.send]}, key: [user], algorithm: token_bucket, limit: 1, per: 1s"
        let step =
            "send: {as: alice, action: push.send, times: 2}, expect: {allowed: 1, refused_by: it}"
        #expect(try run(limit, step, standing: "deny") == ok)
    }

    @Test("a reload keeps what is used, under other numbers and another name")
    func reload() throws {
        let set = { (rule: String) in
            """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {user: token.sub}
            permissions: {default: permit}
            rate_limits:
              - {\(rule), match: {action: [echo]}, key: [user], algorithm: token_bucket, per: 60s}

            """
        }
        let folder = try PolicyFolder([
            "policies/a.yaml": set("name: old, limit: 10"),
            "candidate/a.yaml": set("name: new, limit: 4, was: [old]"),
            "policies/tests/a_test.yaml": """
            fixtures: {alice: {sub: alice}}
            tests:
              - name: half is used, before and after
                steps:
                  - send: {as: alice, action: echo, times: 5}
                    expect: {allowed: 5, remaining: 5}
                  - reload: ../../candidate
                  - send: {as: alice, action: echo, times: 3}
                    expect: {allowed: 2, refused: 1, refused_by: new}
                  - reload: ../../policies/
                  - send: {as: alice, action: echo, times: 10}
                    expect: {allowed: 10}

            """,
        ])
        let result = try folder.test()
        #expect(result.exitCode == 0, "\(result)")
    }

    @Test("an unnamed client has an address, and another one if the step says so")
    func anonymous() throws {
        let limit =
            "match: {action: [echo]}, key: [user], algorithm: token_bucket, limit: 1, per: 1s"
        #expect(
            try run(
                limit, "send: {action: echo}, expect: {allowed: 1}",
                "send: {action: echo, address: 192.0.2.1}, expect: {refused: 1}",
                "send: {action: echo, address: 192.0.2.2}, expect: {allowed: 1}",
                "\(echo)}, expect: {allowed: 1}") == ok)
    }
}
