import SluiceDocuments
import SluicePolicyTools
import Testing

@Suite("coverage of tests")
struct PolicyCoverageTests {
    private func folder(_ tests: String, policy: String = chat) throws -> PolicyFolder {
        try PolicyFolder([
            "policies/chat.yaml": policy, "policies/tests/chat_test.yaml": people + tests,
        ])
    }

    private static let some = """
        tests:
          - name: some
            steps:
              - send: {as: alice, action: message.send, times: 11, topic: a}
                expect: {allowed: 10}
              - send: {as: alice, action: message.send, bytes: 2000}
                expect: {denied: 1}

        """

    private static let all =
        some
            + """
              - name: the rest
                steps:
                  - send: {as: paula, action: message.send, times: 21, topic: a}
                    expect: {allowed: 21}

            """.replacing("      - name", with: "  - name").replacing(
            "        steps", with: "    steps"
        ).replacing("          - send", with: "      - send").replacing(
            "            expect", with: "        expect")

    @Test("every rule, every condition, and what no test reaches")
    func report() throws {
        let folder = try folder(Self.some)
        let said = folder.shown(try folder.test(coverage: true))
        #expect(
            said == """
                policies/tests/chat_test.yaml
                  ok      some

                RULE              KIND        ALLOW  REFUSE
                send-per-user     limit          10       1
                room-traffic      limit          10       -
                members-may-send  permission     11       -
                default           default         -       1

                RULE              CONDITION                    TRUE  FALSE
                members-may-send  {lt: [message.bytes, 1000]}    11      1
                members-may-send  {eq: [token.plan, pro]}         -     12

                never reached:
                  limit `send-per-user`: never with the numbers of `pro`
                  limit `room-traffic`: never without room
                  permission `members-may-send`: `{eq: [token.plan, pro]}` never true

                coverage: 72.7 % (8 of 11)

                1 test passed
                exit code 0
                """)
    }

    @Test("too little coverage fails, and shows what is missing")
    func threshold() throws {
        let folder = try folder(Self.some)
        #expect(try folder.test(minCoverage: 72).exitCode == 0)
        #expect(!(try folder.test(minCoverage: 72).output.contains("RULE")))
        let result = try folder.test(minCoverage: 73.5)
        #expect(result.exitCode == 1)
        #expect(result.output.contains("limit `room-traffic`: never without room"))
        #expect(result.output.hasSuffix("coverage 72.7 % (8 of 11), wanted 73.5 %"))
    }

    @Test("all of it is 100 %")
    func everything() throws {
        let folder = try folder(Self.all)
        let result = try folder.test(coverage: true, minCoverage: 100)
        #expect(result.exitCode == 0, "\(result.output)")
        #expect(!result.output.contains("never reached"))
        #expect(result.output.contains("coverage: 100.0 % (11 of 11)"))
    }

    @Test("in a queue waiting is room, elsewhere it is what happens over the limit")
    func queue() throws {
        func missing(_ limit: String) throws -> [String] {
            let folder = try folder(
                """
                tests:
                  - name: a
                    steps:
                      - send: {as: alice, action: echo}
                      - send: {as: alice, action: message.history, times: 2}
                        expect: {delayed: 1}

                """,
                policy: """
                    apiVersion: sluice/v1
                    kind: PolicySet
                    permissions: {default: permit}
                    rate_limits:
                      - {name: it, match: {action: [message.history]}, key: [], limit: 2, per: 1s, \(limit)}

                    """)
            return try folder.test(coverage: true).output.split(separator: "\n").filter {
                $0.contains("never ")
            }.dropFirst().map { $0.trimmingPrefix { $0 == " " } }.map(String.init)
        }
        #expect(
            try missing("algorithm: leaky_bucket") == ["limit `it`: never without room"])
        #expect(
            try missing("algorithm: token_bucket, burst: 1, on_limit: delay, max_delay: 1s") == [])
    }

    @Test("bans, waits, drops and pauses have columns of their own")
    func columns() throws {
        let folder = try folder(
            """
            tests:
              - name: a
                steps:
                  - send: {as: alice, action: echo, times: 4}
                    expect: {refused: 3}
                  - send: {as: alice, action: message.history, times: 2}
                    expect: {dropped: 1}
                  - send: {as: alice, action: friend.list, times: 2}
                    expect: {paused: 1}
                  - send: {as: alice, action: user.profile, times: 2}
                    expect: {delayed: 1}

            """,
            policy: """
                apiVersion: sluice/v1
                kind: PolicySet
                permissions: {default: permit}
                rate_limits:
                  - {name: bans, match: {action: [echo]}, key: [], algorithm: token_bucket, limit: 1, per: 1s, cost: 1, ban: {after: 2, within: 1s, for: 1s}}
                  - {name: one, match: {action: [echo]}, key: [], algorithm: concurrency, limit: 1, shadow: true}
                  - {name: drops, match: {action: [message.history]}, key: [], algorithm: token_bucket, limit: 1, per: 1s, on_limit: drop}
                  - {name: pauses, match: {action: [friend.list]}, key: [], algorithm: token_bucket, limit: 1, per: 1s, on_limit: pause_reads}
                  - {name: delays, match: {action: [user.profile]}, key: [], algorithm: token_bucket, limit: 1, per: 1s, on_limit: delay, max_delay: 5s}

                """)
        let text = folder.shown(try folder.test(coverage: true))
        #expect(
            text.contains(
                """
                RULE     KIND     ALLOW  REFUSE  DELAY  DROP  PAUSE  BAN
                bans     limit        1       3      -     -      -    1
                """), "\(text)")
        #expect(text.contains("limit `one`: never without room"))
    }

    @Test("--json tells the same for machines")
    func json() throws {
        let folder = try folder(Self.some)
        let result = try folder.test(coverage: true, style: OutputStyle(isJSON: true))
        let report = try JSONObject(result.output)
        #expect(report["coverage", "covered"] == .integer(8))
        #expect(report["coverage", "total"] == .integer(11))
        #expect(report["coverage", "rules", 0, "counts", "allow"] == .integer(10))
        #expect(report["coverage", "conditions", 1, "true"] == .integer(0))
        #expect(report["coverage", "conditions", 1, "false"] == .integer(12))
        #expect(
            report["coverage", "missing", 1]
                == .string("limit `room-traffic`: never without room"))
    }
}
