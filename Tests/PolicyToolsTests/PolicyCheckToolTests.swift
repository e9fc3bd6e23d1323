import SluiceDocuments
import SluicePolicyTools
import Testing

@Suite("sluice policy check")
struct PolicyCheckToolTests {
    private let doubtful = chat.replacing(
        "room: message.topic", with: "room: message.topic, peer: connection.address")

    @Test("one line says that all is right")
    func right() throws {
        let folder = try PolicyFolder(["policies/chat.yaml": doubtful])
        let said = folder.shown(try folder.check())
        #expect(
            said == """
                policies ok: policies (2 limits, 1 permission, revision REVISION)
                policies/chat.yaml:4:71: warning: descriptor `peer` is not used; remove it
                exit code 0
                """)
    }

    @Test("a terminal also shows the rules")
    func terminal() throws {
        let folder = try PolicyFolder(["policies/chat.yaml": chat])
        let said = folder.shown(try folder.check(style: OutputStyle(isTerminal: true)))
        #expect(
            said == """
                policies ok: policies (2 limits, 1 permission, revision REVISION)

                LIMIT          ACTIONS         KEY              ALGORITHM     NUMBERS                                    OVER IT
                ─────────────  ──────────────  ───────────────  ────────────  ─────────────────────────────────────────  ───────────────
                send-per-user  [message.send]  [token.sub]      token_bucket  60 per 1m, burst 10, others by token.plan  reject
                room-traffic   [message.send]  [message.topic]  token_bucket  20 per 1s                                  shadow (reject)

                PERMISSION        EFFECT  WHO             ACTIONS        WHEN
                ────────────────  ──────  ──────────────  ─────────────  ─────────────────────────────────────────────────────────────
                members-may-send  permit  roles [member]  ["message.*"]  {any: [{lt: [message.bytes, 1000]}, {eq: [token.plan, pro]}]}

                default: deny
                exit code 0
                """)
    }

    @Test("all errors are told, with how many there are")
    func wrong() throws {
        let folder = try PolicyFolder([
            "policies/a.yaml": chat.replacing("effect: permit", with: "effect: allow"),
            "policies/b.yaml": "apiVersion: sluice/v1\nkind: PolicySte\n",
        ])
        let said = folder.shown(try folder.check())
        #expect(
            said == """
                policies/b.yaml:2:7: error: expected one of `PolicySet`, found `PolicySte`; did you mean `PolicySet`?
                policies/a.yaml:25:15: error: expected one of `deny`, `permit`, found `allow`
                sluice: 2 errors; nothing was started or changed
                exit code 64
                """)
    }

    @Test("--json tells rules and findings")
    func json() throws {
        let folder = try PolicyFolder(["policies/chat.yaml": doubtful])
        let report = try JSONObject(try folder.check(style: OutputStyle(isJSON: true)).output)
        #expect(report["ok"] == .boolean(true))
        #expect(report["rules", 2] == .string("members-may-send"))
        #expect(report["limits", 0, "key"] == .string("[token.sub]"))
        #expect(report["permissions", 0, "who"] == .string("roles [member]"))
        #expect(report["diagnostics", 0, "severity"] == .string("warning"))
        try folder.write("policies/chat.yaml", "")
        let wrong = try folder.check(style: OutputStyle(isJSON: true))
        #expect(wrong.exitCode == 64)
        #expect(try JSONObject(wrong.output)["diagnostics", 0, "line"] == .integer(1))
    }
}
