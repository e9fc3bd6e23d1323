import SluiceDocuments
import SluicePolicyTools
import Testing

@Suite("sluice policy explain")
struct PolicyExplainToolTests {
    private func explain(
        _ action: String, policy: String = chat, style: OutputStyle = OutputStyle(),
        files: [String: String] = [:], _ fill: (inout ExplainRequest) -> Void = { _ in }
    ) throws -> String {
        let folder = try PolicyFolder(
            ["policies/chat.yaml": policy].merging(files) { $1 })
        var request = ExplainRequest(action: action)
        request.now = "2026-11-29T12:00:00Z"
        fill(&request)
        if let path = request.principalPath { request.principalPath = folder.path + "/" + path }
        return folder.shown(try folder.explain(request, style: style))
    }

    @Test("a call that goes on, with every rule on its way")
    func goesOn() throws {
        let text = try explain("message.send") {
            $0.user = "alice"
            $0.roles = ["member"]
            $0.claims = ["plan=pro"]
            $0.bytes = "2KiB"
            $0.times = 4
        }
        #expect(
            text == """
                policy: chat 1 (policies), revision REVISION
                call: message.send over websocket, 2048 bytes, call 4 of 4
                caller: alice, roles [member], plan pro, from 192.0.2.1
                time: 2026-11-29T12:00:00Z
                authenticated: yes
                permissions:
                  members-may-send (permit): speaks
                    true   any of
                      false  {lt: [message.bytes, 1000]}, found 2048
                      true   {eq: [token.plan, pro]}, found pro
                  => permitted by members-may-send
                limits:
                  send-per-user (token_bucket): room
                    key token.sub = alice
                    used 3 of 100, numbers of `pro`; the call takes 1
                  room-traffic (token_bucket, shadow): room
                    key message.topic: the call has none, the address 192.0.2.1 stands in
                    used 3 of 20; the call takes 1
                verdict: goes on, 96 left
                exit code 0
                """)
    }

    @Test("a call that no rule speaks of")
    func nobodySpeaks() throws {
        #expect(
            try explain("friend.list") { $0.address = "2001:db8::7" } == """
                policy: chat 1 (policies), revision REVISION
                call: friend.list over websocket, 0 bytes
                caller: not authenticated, from 2001:db8::7
                time: 2026-11-29T12:00:00Z
                authenticated: no
                permissions:
                  => no permission rule speaks of friend.list by this caller; default: deny
                verdict: refused, permission_denied (403) by default
                exit code 0
                """)
    }

    @Test("a principal comes from a file, YAML or JSON, and options replace parts of it")
    func principal() throws {
        let files = [
            "alice.json": #"{"sub": "alice", "roles": ["guest"], "address": "203.0.113.9"}"#
        ]
        let text = try explain("message.send", files: files) {
            $0.principalPath = "alice.json"
            $0.platform = "ios"
        }
        #expect(
            text.contains("caller: alice, roles [guest], from 203.0.113.9, platform ios"))
        #expect(
            text.contains("members-may-send (permit): does not speak: none of the roles member"))
        let other = try explain("message.send", files: files) {
            $0.principalPath = "alice.json"
            $0.user = "bob"
            $0.roles = ["member"]
            $0.address = "192.0.2.7"
        }
        #expect(other.contains("caller: bob, roles [member], from 192.0.2.7"))
        #expect(other.contains("verdict: goes on, 9 left"))
    }

    @Test("a call that waits, one that is paused, one that is banned")
    func verdicts() throws {
        let head = """
            apiVersion: sluice/v1
            kind: PolicySet
            permissions: {default: permit}
            rate_limits:
              - {name: it, match: {action: [echo]}, key: [], algorithm: token_bucket, limit: 1, per: 10s
            """
        func last(_ more: String, times: Int) throws -> [String] {
            let text = try explain("echo", policy: head + more + "}\n") { $0.times = times }
            return text.split(separator: "\n").map { $0.trimmingPrefix { $0 == " " } }.map(
                String.init
            ).filter { $0.hasPrefix("it ") || $0.hasPrefix("verdict") || $0.hasPrefix("key") }
        }
        #expect(
            try last(", on_limit: delay, max_delay: 30s", times: 3) == [
                "it (token_bucket): the call waits 20s", "key []: one bucket for all",
                "verdict: waits 20s, then goes on, 0 left",
            ])
        #expect(
            try last(", on_limit: pause_reads", times: 2).last
                == "verdict: paused by it: nothing more is read for 10s")
        #expect(
            try last(", on_limit: drop", times: 2).last
                == "verdict: dropped, rate_limited (429) by it, again in 10s")
        #expect(
            try last(", on_limit: close", times: 2).last
                == "verdict: refused and closed (4005), rate_limited (429) by it, again in 10s")
        #expect(
            try last(", ban: {after: 1, within: 1m, for: 1h}", times: 3) == [
                "it (token_bucket): the key is banned; room in 1h", "key []: one bucket for all",
                "verdict: refused, rate_limited (429) by it, again in 1h",
            ])
        #expect(
            try last(", unit: bytes", times: 1).last == "verdict: goes on")
    }

    @Test("a push is explained by its limits alone")
    func push() throws {
        let policy = """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {user: token.sub}
            rate_limits:
              - {name: it, match: {action: [push.send]}, key: [user], algorithm: quota, limit: 3, per: day}

            """
        let text = try explain("push.send", policy: policy) {
            $0.user = "bob"
            $0.times = 3
        }
        #expect(
            text.hasSuffix(
                """
                permissions:
                  => not asked: pushes pass limits alone
                limits:
                  it (quota): room
                    key token.sub = bob
                    used 2 of 3; the call takes 1
                verdict: goes on, 0 left
                exit code 0
                """), "\(text)")
    }

    @Test("three calls are three, though each was rounded up")
    func level() throws {
        let policy = """
            apiVersion: sluice/v1
            kind: PolicySet
            permissions: {default: permit}
            rate_limits:
              - {name: it, match: {action: [echo]}, key: [], algorithm: token_bucket, limit: 7, per: 1s}

            """
        for times in 1...8 {
            let text = try explain("echo", policy: policy) { $0.times = times }
            #expect(text.contains("used \(times - 1) of 7;"), "\(text)")
        }
    }

    @Test("wrong options, all in one go, each under its own name")
    func wrong() throws {
        let text = try explain("mesage.send", files: ["p.yaml": "sbu: x\n"]) {
            $0.principalPath = "p.yaml"
            $0.bytes = "3kB"
            $0.transport = "udp"
            $0.address = "localhost"
            $0.claims = ["plan", "sub=x"]
            $0.headers = ["=x"]
            $0.now = "noon"
            $0.times = 0
        }
        #expect(
            text == """
                --action: error: there is no action `mesage.send`; did you mean `message.send`?
                p.yaml:1:1: warning: the policy does not look at a claim `sbu`; did you mean `sub`?
                p.yaml:1:1: error: claims without `sub`: nobody has them; name the user, as in `sub: alice`
                --claim: error: expected name=value, found `plan`
                --claim: error: `sub` is no claim among others; give --user
                --address: error: expected an address like 192.0.2.1 or 2001:db8::1, found `localhost`
                --transport: error: expected one of `http`, `tcp`, `websocket`, found `udp`
                --bytes: error: expected a number of bytes like 65536 or 64KiB, found `3kB`; \
                a whole number, alone or with KiB, MiB or GiB
                --header: error: expected name=value, found `=x`
                --times: error: expected a whole number from 1 to 100000
                --now: error: expected a time like 2026-11-29T12:00:00Z, found `noon`; \
                date, `T`, time to the second, and `Z`: it is always UTC
                exit code 64
                """)
        #expect(
            try explain("echo") { $0.principalPath = "nobody.yaml" } == """
                nobody.yaml: error: there is no such file
                exit code 64
                """)
        #expect(
            try explain("echo") { $0.roles = ["member"] } == """
                --user: error: roles and claims without a user: nobody has them; give --user
                exit code 64
                """)
    }

    @Test("--json tells every step")
    func json() throws {
        let folder = try PolicyFolder(["policies/chat.yaml": chat])
        var request = ExplainRequest(action: "message.send")
        request.user = "alice"
        request.roles = ["member"]
        request.times = 11
        let result = try folder.explain(request, style: OutputStyle(isJSON: true))
        #expect(result.exitCode == 0)
        let report = try JSONObject(result.output)
        #expect(report["call", "transport"] == .string("websocket"))
        #expect(report["time"] == .string("2025-11-29T12:00:00Z"))
        #expect(report["trace", "permission_rule"] == .string("members-may-send"))
        #expect(report["trace", "permissions", 0, "outcome"] == .string("speaks"))
        #expect(report["trace", "permissions", 0, "condition", 1, "depth"] == .integer(1))
        #expect(report["trace", "limits", 0, "outcome"] == .string("no_room"))
        #expect(report["trace", "limits", 0, "nanoseconds"] == .integer(1_000_000_000))
        #expect(report["trace", "limits", 1, "key", 0, "address_instead"] == .boolean(true))
        #expect(report["trace", "verdict", "outcome"] == .string("refuse"))
        #expect(report["trace", "verdict", "refusal"] == .string("rate_limited"))
        #expect(report["trace", "verdict", "status"] == .integer(429))
    }
}
