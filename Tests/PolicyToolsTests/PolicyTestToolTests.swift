import SluiceDocuments
import SluicePolicyTools
import Testing

@Suite("sluice policy test")
struct PolicyTestToolTests {
    private func folder(_ tests: String, policy: String = chat) throws -> PolicyFolder {
        try PolicyFolder([
            "policies/chat.yaml": policy, "policies/tests/chat_test.yaml": people + tests,
        ])
    }

    private static let passing = """
        tests:
          - name: free plan is limited after its burst
            steps:
              - at: 0s
                send: {as: alice, action: message.send, times: 11, topic: a}
                expect: {allowed: 10, refused: 1, refused_by: send-per-user, retry_after: 1s, remaining: 0}
              - at: 2s
                send: {as: alice, action: message.send, topic: a}
                expect: {allowed: 1, permitted_by: members-may-send}
          - name: pro has a burst of its own, and the room's shadow limit tells
            steps:
              - send: {as: paula, action: message.send, times: 21, topic: a, bytes: 4KiB}
                expect: {allowed: 21, shadow: {room-traffic: 1}}
          - name: a long message of the free plan is refused by nobody in particular
            steps:
              - send: {as: alice, action: message.send, bytes: 1000}
                expect: {denied: 1, refused_by: default}
          - name: strangers are refused by default
            steps:
              - send: {action: message.send}
                expect: {refused_by: default}

        """

    @Test("tests that pass are one line each")
    func passes() throws {
        let folder = try folder(Self.passing)
        let result = try folder.test()
        #expect(
            folder.shown(result) == """
                policies/tests/chat_test.yaml
                  ok      free plan is limited after its burst
                  ok      pro has a burst of its own, and the room's shadow limit tells
                  ok      a long message of the free plan is refused by nobody in particular
                  ok      strangers are refused by default

                4 tests passed
                exit code 0
                """)
    }

    @Test("a terminal shows signs in place of words")
    func terminal() throws {
        let folder = try folder(Self.passing)
        let result = try folder.test(filter: "STRANGERS", style: OutputStyle(isTerminal: true))
        #expect(
            folder.shown(result) == """
                policies/tests/chat_test.yaml
                  ✓ strangers are refused by default

                1 test passed
                exit code 0
                """)
    }

    @Test("a failure names the place, what was expected, what came, and why")
    func fails() throws {
        let folder = try folder(
            """
            tests:
              - name: eleven at once
                steps:
                  - send: {as: alice, action: message.send, times: 11, topic: a}
                    expect: {allowed: 11, refused: 0}
              - name: nobody is refused
                steps:
                  - send: {action: message.send}
                    expect:
                      allowed: 1

            """)
        let result = try folder.test()
        #expect(
            folder.shown(result) == """
                policies/tests/chat_test.yaml
                  FAILED  eleven at once
                    policies/tests/chat_test.yaml:8:18: step 1: expected allowed: 11, found allowed: 10
                    policies/tests/chat_test.yaml:8:31: step 1: expected refused: 0, found refused: 1
                    call 11 of 11:
                      authenticated: yes
                      permissions:
                        members-may-send (permit): speaks
                          true   any of
                            true   {lt: [message.bytes, 1000]}, found 0
                            false  {eq: [token.plan, pro]}, found free
                        => permitted by members-may-send
                      limits:
                        send-per-user (token_bucket): no room; reject; room in 1s
                          key token.sub = alice
                          used 10 of 10; the call takes 1
                        room-traffic (token_bucket, shadow): room
                          key message.topic = a
                          used 10 of 20; the call takes 1
                      verdict: refused, rate_limited (429) by send-per-user, again in 1s
                  FAILED  nobody is refused
                    policies/tests/chat_test.yaml:13:11: step 1: expected allowed: 1, found allowed: 0
                    the call:
                      authenticated: no
                      permissions:
                        members-may-send (permit): does not speak: the caller is not authenticated
                        => no permission rule speaks of message.send by this caller; default: deny
                      verdict: refused, permission_denied (403) by default

                2 of 2 tests failed
                exit code 1
                """)
    }

    @Test("a test stops at its first step that differs")
    func stops() throws {
        let folder = try folder(
            """
            tests:
              - name: two wrong steps
                steps:
                  - send: {action: message.send}
                    expect: {allowed: 1}
                  - send: {action: message.send}
                    expect: {allowed: 1}

            """)
        let result = try folder.test()
        #expect(result.output.split(separator: "\n").count { $0.contains("expected") } == 1)
    }

    @Test("the call that is one too many is explained, on buckets of the test's own")
    func tooMany() throws {
        let test = """
              - name: NAME
                steps:
                  - send: {as: alice, action: message.send, times: 8}
                    expect: {allowed: 6}

            """
        let folder = try folder(
            "tests:\n" + test.replacing("NAME", with: "a") + test.replacing("NAME", with: "b"))
        let lines = try folder.test().output.split(separator: "\n")
        #expect(lines.count { $0.contains("call 7 of 8:") } == 2)
        #expect(lines.count { $0.contains("used 6 of 10; the call takes 1") } == 2)
        #expect(lines.count { $0.contains("verdict: goes on, 3 left") } == 2)
    }

    @Test("every test has buckets of its own")
    func isolation() throws {
        let test = """
              - name: NAME
                steps:
                  - send: {as: alice, action: message.send, times: 10}
                    expect: {allowed: 10}

            """
        let folder = try folder(
            "tests:\n" + test.replacing("NAME", with: "a") + test.replacing("NAME", with: "b"))
        #expect(try folder.test().exitCode == 0)
    }

    @Test("a filter that fits nothing names the nearest test")
    func filter() throws {
        let folder = try folder(Self.passing)
        let said = folder.shown(try folder.test(filter: "strangers are refused by defualt"))
        #expect(
            said == """
                --filter: error: the name of no test holds `strangers are refused by defualt`; \
                did you mean `strangers are refused by default`?
                exit code 64
                """)
    }

    @Test("--json tells the same for machines")
    func json() throws {
        let folder = try folder(
            """
            tests:
              - name: denied
                steps:
                  - send: {action: message.send}
                    expect: {allowed: 1}

            """)
        let result = try folder.test(style: OutputStyle(isJSON: true))
        #expect(result.exitCode == 1)
        let report = try JSONObject(result.output)
        #expect(report["ok"] == .boolean(false))
        #expect(report["failed"] == .integer(1))
        #expect(report["tests", 0, "name"] == .string("denied"))
        #expect(report["tests", 0, "failures", 0, "expected"] == .string("allowed: 1"))
        #expect(report["tests", 0, "failures", 0, "found"] == .string("allowed: 0"))
        #expect(report["tests", 0, "failures", 0, "line"] == .integer(8))
        #expect(report["tests", 0, "failures", 0, "column"] == .integer(18))
        #expect(report["tests", 0, "trace", "verdict", "rule"] == .string("default"))
        #expect(report["tests", 0, "trace", "authenticated"] == .boolean(false))
    }
}
