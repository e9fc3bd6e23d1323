import SluiceDocuments
import SluicePolicyTools
import Testing

@Suite("sluice policy diff")
struct PolicyDiffToolTests {
    private static let changed = """
        apiVersion: sluice/v1
        kind: PolicySet
        metadata: {name: chat, version: "2"}
        descriptors: {user: token.sub, plan: token.plan, room: message.topic, peer: connection.address}
        rate_limits:
          - name: messages-per-user
            match: {action: [message.send]}
            key: [user]
            algorithm: token_bucket
            limit: 30
            per: 60s
            burst: 10
            overrides: {by: plan, pro: {limit: 600, burst: 200}}
            was: [send-per-user]
          - name: room-traffic
            match: {action: [message.send], transport: [websocket, tcp]}
            key: [room, user]
            algorithm: token_bucket
            limit: 20
            per: 1s
            on_limit: drop
          - name: everything
            match: {action: ["*"]}
            key: [peer]
            algorithm: sliding_window
            limit: 1000
            per: 1s
        permissions:
          default: permit
          rules:
            - name: members-may-send
              effect: permit
              principal: {roles: [member, admin]}
              action: ["message.*"]
        devices: {classes: {web: [web], mobile: [ios, android]}, rule: one_per_class}
        logging: {sample: {ok: 0.5}, budget_per_second: 100, reserve_per_second: 50}

        """

    private func folder(_ candidate: String) throws -> PolicyFolder {
        try PolicyFolder(["policies/chat.yaml": chat, "candidate/chat.yaml": candidate])
    }

    @Test("what comes, goes, changes or is renamed, key by key, and what becomes of the buckets")
    func all() throws {
        let folder = try folder(Self.changed)
        let said = folder.shown(try folder.diff())
        #expect(
            said == """
                from  chat 1 (policies), revision REVISION
                to    chat 2 (candidate), revision REVISION

                limits
                  renamed  send-per-user -> messages-per-user; its buckets keep the share that is used
                      limit: 60 -> 30
                      overrides.pro: {limit: 600, per: 1m, burst: 100, cost: 1} -> {limit: 600, per: 1m, burst: 200, cost: 1}
                  changed  room-traffic; its buckets start anew
                      match.transport: (none) -> [tcp, websocket]
                      key: [message.topic] -> [message.topic, token.sub]
                      on_limit: reject -> drop
                      shadow: true -> false
                  added  everything; its buckets start full

                permissions
                  changed  members-may-send
                      principal.roles: [member] -> [admin, member]
                      when: {any: [{eq: [token.plan, pro]}, {lt: [message.bytes, 1000]}]} -> (none)

                the set
                  devices.rule: allow_all -> one_per_class
                  devices.classes.mobile: (none) -> [android, ios]
                  devices.classes.web: (none) -> [web]
                  logging.sample: {ok: 1.0, refused: 1.0, error: 1.0} -> {ok: 0.5, refused: 1.0, error: 1.0}
                  logging.budget_per_second: 2000 -> 100
                  logging.reserve_per_second: 500 -> 50
                  metadata.version: 1 -> 2
                  permissions.default: deny -> permit

                buckets by limit: 1 converted, 1 restarted, 1 new
                exit code 0
                """)
    }

    @Test("nothing differs where only the writing does")
    func same() throws {
        let folder = try folder(
            chat.replacing("per: 60s", with: "per: 1m").replacing("metadata", with: "# x\nmetadata")
        )
        let said = folder.shown(try folder.diff(exitCode: true))
        #expect(
            said == """
                from  chat 1 (policies), revision REVISION
                to    chat 1 (candidate), revision REVISION

                no difference: a reload would change nothing
                exit code 0
                """)
    }

    @Test("--exit-code tells that they differ")
    func exitCode() throws {
        let folder = try folder(Self.changed)
        #expect(try folder.diff().exitCode == 0)
        #expect(try folder.diff(exitCode: true).exitCode == 1)
    }

    @Test("a removed limit is forgotten, an unchanged one kept")
    func removed() throws {
        let start = try #require(chat.firstRange(of: "  - name: room-traffic"))
        let end = try #require(chat.firstRange(of: "permissions:"))
        var fewer = chat
        fewer.removeSubrange(start.lowerBound..<end.lowerBound)
        let folder = try folder(fewer.replacing(", room: message.topic", with: ""))
        let said = folder.shown(try folder.diff())
        #expect(
            said == """
                from  chat 1 (policies), revision REVISION
                to    chat 1 (candidate), revision REVISION

                limits
                  removed  room-traffic; its buckets are forgotten

                buckets by limit: 1 kept, 1 forgotten
                exit code 0
                """)
    }

    @Test("buckets keep their share where only an override is another")
    func overrides() throws {
        let folder = try folder(chat.replacing("pro: {limit: 600", with: "pro: {limit: 700"))
        let text = try folder.diff().output
        #expect(text.hasSuffix("buckets by limit: 1 kept, 1 converted"), "\(text)")
    }

    @Test("errors of both sets are told in one go")
    func wrong() throws {
        let folder = try folder("")
        try folder.write("policies/chat.yaml", "kind: PolicySet\n")
        let said = folder.shown(try folder.diff())
        #expect(
            said == """
                policies/chat.yaml:1:1: error: missing key `apiVersion`
                candidate/chat.yaml:1:1: error: missing key `apiVersion`
                candidate/chat.yaml:1:1: error: missing key `kind`
                exit code 64
                """)
    }

    @Test("--json tells the same for machines")
    func json() throws {
        let folder = try folder(Self.changed)
        let report = try JSONObject(try folder.diff(style: OutputStyle(isJSON: true)).output)
        #expect(report["differs"] == .boolean(true))
        #expect(report["new", "version"] == .string("2"))
        #expect(report["limits", 0, "change"] == .string("renamed"))
        #expect(report["limits", 0, "was"] == .string("send-per-user"))
        #expect(report["limits", 0, "buckets"] == .string("converted"))
        #expect(report["limits", 0, "fields", 0, "new"] == .string("30"))
        #expect(report["permissions", 0, "fields", 1, "field"] == .string("when"))
        #expect(report["buckets", "restarted"] == .integer(1))
    }
}
