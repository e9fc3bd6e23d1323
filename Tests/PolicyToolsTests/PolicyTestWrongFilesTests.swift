import SluiceDocuments
import SluicePolicyTools
import Testing

@Suite("wrong files of tests")
struct PolicyTestWrongFilesTests {
    /// What is said to a file of tests, line by line, without what is the same everywhere.
    private func findings(_ text: String) throws -> [String] {
        let folder = try PolicyFolder([
            "policies/chat.yaml": chat, "policies/tests/a_test.yaml": text,
        ])
        let result = try folder.test()
        #expect(result.exitCode == 64)
        #expect(result.output == "")
        return result.complaints.map {
            folder.shown($0).replacing("policies/tests/a_test.yaml:", with: "")
        }
    }

    private func check(
        _ found: [String], _ wanted: [String], at place: SourceLocation = #_sourceLocation
    ) {
        #expect(found == wanted, sourceLocation: place)
    }

    /// One step within an otherwise right test; the step begins at 4:9.
    private func findings(step: String) throws -> [String] {
        try findings(
            "fixtures: {alice: {sub: alice, roles: [member]}}\ntests:\n"
                + "  - {name: a, steps: [\n        {\(step)}]}\n")
    }

    @Test("no policy directory, no tests, no file of tests")
    func absent() throws {
        let folder = try PolicyFolder()
        #expect(
            folder.shown(try folder.test("none").complaints.joined())
                == "none: error: the policy directory cannot be read: there is no such file or directory"
        )
        try folder.write("policies/chat.yaml", chat)
        #expect(
            folder.shown(try folder.test().complaints.joined())
                == "policies/tests: error: there are no tests; write them to policies/tests/NAME_test.yaml"
        )
        try folder.write("policies/tests/chat.yaml", "")
        try folder.write("policies/tests/chat.yml", "")
        let said = folder.shown(try folder.test())
        #expect(
            said == """
                policies/tests/chat.yaml: warning: not read: the name of a file of tests ends in `_test.yaml`; rename it
                policies/tests/chat.yml: warning: not read: the name of a file of tests ends in `_test.yaml`; rename it
                policies/tests: error: no `*_test.yaml` file in this directory; write tests to policies/tests/NAME_test.yaml
                exit code 64
                """)
    }

    @Test("a policy that is wrong is told before any test is read")
    func wrongPolicy() throws {
        let folder = try PolicyFolder([
            "policies/chat.yaml": chat.replacing("burst: 10\n", with: "burts: 10\n"),
            "policies/tests/a_test.yaml": "nonsense",
        ])
        let said = folder.shown(try folder.test())
        #expect(
            said == """
                policies/chat.yaml:12:5: error: unknown key `burts`; did you mean `burst`?
                exit code 64
                """)
    }

    @Test("what is no YAML, and what is no file of tests")
    func syntax() throws {
        check(
            try findings("tests: ["),
            [
                "1:9: error: not YAML: did not find expected node content while parsing a flow node; it begins at 2:1"
            ])
        check(try findings(""), ["1:1: error: missing key `tests`"])
        check(try findings("tests: []\n"), ["1:1: error: no test"])
        check(
            try findings("test: []\ntests: 3\n"),
            [
                "1:1: error: unknown key `test`; did you mean `tests`?",
                "2:8: error: expected a list, found `3`",
            ])
        check(
            try findings("now: 2026-02-30T00:00:00Z\ntests: [{name: a, steps: []}]\n"),
            [
                """
                1:6: error: expected a time like 2026-11-29T12:00:00Z, found `2026-02-30T00:00:00Z`; \
                date, `T`, time to the second, and `Z`: it is always UTC
                """,
                """
                2:9: error: the test expects nothing; give a step `expect`, as in `expect: {allowed: 1}`
                """,
            ])
    }

    @Test("fixtures: misspelt keys, claims without a user, addresses that are none")
    func fixtures() throws {
        check(
            try findings(
                """
                fixtures:
                  a: {roles: [member]}
                  b: {sub: b, address: {street: x}}
                  c: {sub: c, transport: tpc, rols: [x]}
                  d: {sub: 7}
                  e: {address: 1.2.3}
                tests:
                  - {name: t, steps: [{send: {as: zed, action: echo}, expect: {denied: 1}}]}

                """),
            [
                "2:6: error: claims without `sub`: nobody has them; name the user, as in `sub: alice`",
                """
                3:24: error: expected the address of the connection, found a mapping; \
                a claim of this name stands under `claims`
                """,
                """
                4:26: error: expected one of `http`, `tcp`, `websocket`, found `tpc`; did you mean `tcp`?
                """,
                """
                4:31: warning: the policy does not look at a claim `rols`; did you mean `roles`?
                """,
                "5:12: error: expected a text, found `7`; put it in quotes: \"7\"",
                "6:16: error: expected an address like 192.0.2.1 or 2001:db8::1, found `1.2.3`",
                """
                8:35: error: there is no fixture `zed`; known: `a`, `b`, `c`, `d`, `e`
                """,
            ])
    }

    @Test("steps: unknown keys, actions, rules and fixtures, each with the nearest")
    func steps() throws {
        check(
            try findings(
                step: "send: {as: alcie, action: mesage.send, tims: 2}, expect: {alowed: 1}"),
            [
                "4:21: error: there is no fixture `alcie`; did you mean `alice`?",
                "4:36: error: there is no action `mesage.send`; did you mean `message.send`?",
                "4:49: error: unknown key `tims`; did you mean `times`?",
                "4:68: error: unknown key `alowed`; did you mean `allowed`?",
            ])
        check(
            try findings(step: "send: {action: echo}, expect: {refused_by: send-per-usr}"),
            [
                "4:53: error: there is no rule `send-per-usr`; did you mean `send-per-user`?"
            ])
        check(
            try findings(
                step:
                    "send: {action: echo}, expect: {shadow: {rom-traffic: 1}, permitted_by: defalt}"
            ),
            [
                "4:50: error: there is no rule `rom-traffic`; did you mean `room-traffic`?",
                "4:81: error: there is no rule `defalt`; did you mean `default`?",
            ])
    }

    @Test(
        "steps: two things at once, none at all, an expectation of a reload, a clock that goes back"
    )
    func shape() throws {
        check(try findings(step: "expect: {allowed: 1}"), ["4:9: error: missing key `send`"])
        check(
            try findings(step: "send: {action: echo}, rload: x, expect: {}"),
            [
                "4:32: error: unknown key `rload`; did you mean `reload`?",
                "4:50: error: `expect` expects nothing; give it a key, or leave it out",
            ])
        check(
            try findings(step: "reload: ../other, expect: {allowed: 1}"),
            [
                "../other: error: the policy directory cannot be read: there is no such file or directory",
                """
                4:18: error: the policy `../other` cannot be loaded; \
                see its errors; the path is relative to this file
                """,
                "4:28: error: a reload has nothing to expect; expect it of the next `send`",
            ].map {
                $0.replacing(
                    "../other: error: the policy d",
                    with: "policies/tests/../other: error: the policy d")
            }
        )
        check(
            try findings(
                step:
                    "at: 5s, send: {action: echo}}, {at: 4s, send: {action: echo}, expect: {denied: 1}"
            ),
            ["4:46: error: the clock stands at 5s already; steps follow one another in time"]
        )
        check(
            try findings(
                step:
                    "send: {action: echo, times: 3, every: 2s}}, {at: 3s, send: {action: echo}, expect: {denied: 1}"
            ), ["4:59: error: the clock stands at 4s already; steps follow one another in time"])
    }

    @Test("counts that cannot be, and quantities without a unit")
    func numbers() throws {
        check(
            try findings(step: "send: {action: echo, times: 2}, expect: {allowed: 1, refused: 2}"),
            ["4:50: error: the step makes 2 calls, not 3"])
        check(
            try findings(step: "send: {action: echo}, expect: {denied: 2}"),
            [
                "4:41: error: the step makes 1 call, not 2"
            ])
        check(
            try findings(
                step: "at: 2, send: {action: echo, bytes: 3kB, times: 0}, expect: {denied: 1}"),
            [
                "4:14: error: expected a duration like 10s, found `2`; add a unit: 2s",
                """
                4:45: error: expected a number of bytes like 65536 or 64KiB, found `3kB`; \
                a whole number, alone or with KiB, MiB or GiB
                """,
                "4:57: error: expected a whole number from 1 to 100000, found `0`",
            ])
    }

    @Test("calls that would never end")
    func long() throws {
        check(
            try findings(
                step: "send: {action: echo, times: 100000, every: 1h}, expect: {denied: 1}"),
            ["4:10: error: the last call comes after 800d; lower `times` or `every`"])
    }

    @Test("two tests of one name, and tests that cannot fail")
    func names() throws {
        check(
            try findings(
                """
                tests:
                  - name: a
                    steps: [{send: {action: echo}, expect: {denied: 1}}]
                  - name: a
                    steps: [{send: {action: echo}}]

                """),
            [
                """
                4:5: error: the test expects nothing; give a step `expect`, as in `expect: {allowed: 1}`
                """,
                "4:5: error: a test of this name is at line 2 already; say what is different",
            ])
    }

    @Test("--json tells wrong files too")
    func json() throws {
        let folder = try PolicyFolder(["policies/chat.yaml": chat])
        let result = try folder.test(style: OutputStyle(isJSON: true))
        #expect(result.exitCode == 64)
        #expect(result.complaints == [])
        let report = try JSONObject(result.output)
        #expect(report["ok"] == .boolean(false))
        #expect(report["diagnostics", 0, "message"] == .string("there are no tests"))
    }
}
