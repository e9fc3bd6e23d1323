import SluicePolicyTools
import Testing

/// Which calls tests can make: many callers in one step, and what no permission is asked about.
@Suite("calls of policy tests")
struct PolicyTestCallsTests {
    /// Runs one step under two limits: three a caller (user, account, conversation), eight for all.
    private func run(_ step: String, permits: Bool = true) throws -> ToolResult {
        let folder = try PolicyFolder([
            "policies/a.yaml": """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {user: token.sub, room: message.topic, login: login.user, device: session.device}
            permissions: {default: \(permits ? "permit" : "deny")}
            rate_limits:
              - {name: each, match: {action: ["*"]}, key: [user, room, login, device], algorithm: quota, limit: 3, per: day}
              - {name: all, match: {action: ["*"]}, key: [], algorithm: quota, limit: 8, per: day}

            """,
            "policies/tests/a_test.yaml": """
            fixtures: {one: {sub: alice}, crowd: {sub: "user-{n}"}, phones: {sub: alice, device: "phone-{n}"}}
            tests:
              - {name: it, steps: [{\(step)}]}

            """,
        ])
        return try folder.test()
    }

    @Test("a number in the user, device, topic or account makes every call another's")
    func numbers() throws {
        for send in [
            "as: crowd, action: echo", "as: phones, action: echo",
            "as: one, action: message.send, topic: \"room-{n}\"",
            "action: auth.login, login_user: \"user-{n}\"",
        ] {
            let result = try run(
                "send: {\(send), times: 9}, expect: {allowed: 8, refused_by: all}")
            #expect(result.exitCode == 0, "\(result.output)")
        }
        let same = try run(
            "send: {as: one, action: echo, times: 9}, expect: {allowed: 3, refused_by: each}")
        #expect(same.exitCode == 0, "\(same.output)")
    }

    @Test("numbers begin at one, and a failure shows the call with its number")
    func explained() throws {
        let result = try run("send: {as: crowd, action: echo, times: 9}, expect: {allowed: 9}")
        #expect(result.exitCode == 1)
        #expect(result.output.contains("call 9 of 9"))
        #expect(result.output.contains("key token.sub = user-9"))
    }

    @Test("pushes, calls of the operator and undeclared commands meet limits alone")
    func limitsAlone() throws {
        for action in ["push.send", "admin.call", "unknown"] {
            let result = try run(
                "send: {action: \(action), times: 4}, expect: {allowed: 3, refused_by: each}",
                permits: false)
            #expect(result.exitCode == 0, "\(result.output)")
        }
        let asked = try run(
            "send: {as: one, action: echo, times: 4}, expect: {denied: 4, refused_by: default}",
            permits: false)
        #expect(asked.exitCode == 0, "\(asked.output)")
    }
}
