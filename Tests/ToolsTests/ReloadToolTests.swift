import Foundation
import SluicePolicyTools
import SluiceTools
import Synchronization
import Testing

/// A gateway that answers from a script and remembers the signals it got.
private final class ScriptedGateway: Sendable {
    private struct State {
        var answers: [ReloadTool.Fetched]
        var signals: [Int32] = []
        var pauses = 0
    }

    private let state: Mutex<State>
    private let signalResult: Int32

    init(_ answers: [ReloadTool.Fetched], signalResult: Int32 = 0) {
        state = Mutex(State(answers: answers))
        self.signalResult = signalResult
    }

    var signals: [Int32] { state.withLock { $0.signals } }
    var pauses: Int { state.withLock { $0.pauses } }

    /// The last answer repeats; time is up after ten looks.
    func tool(isJSON: Bool = false) -> ReloadTool {
        ReloadTool(
            isJSON: isJSON,
            fetch: { [self] in
                state.withLock { $0.answers.count > 1 ? $0.answers.removeFirst() : $0.answers[0] }
            },
            signal: { [self] pid in
                state.withLock { $0.signals.append(pid) }
                return signalResult
            },
            pause: { [self] in
                state.withLock {
                    $0.pauses += 1
                    return $0.pauses < 10
                }
            })
    }
}

private func status(
    pid: Int = 42, requested: Int = 0, covered: Int = 0, result: String = "ok",
    errors: [String] = [], warnings: [String] = [], needsRestart: [String] = [],
    changed: [String] = [], more: String = ""
) -> ReloadTool.Fetched {
    func list(_ items: [String]) -> String {
        "[" + items.map { "\"\($0)\"" }.joined(separator: ",") + "]"
    }
    return .body(
        Array(
            """
            {"pid":\(pid),"name":"messaging","version":"1","revision":"0123456789abcdef","rules":[],
             "reload":{"number":\(covered),"requested":\(requested),"covered":\(covered),
             "result":"\(result)","errors":\(list(errors)),"warnings":\(list(warnings)),
             "needs_restart":\(list(needsRestart)),"added":[],"changed":\(list(changed)),
             "removed":[],"revision":"0123456789abcdef"\(more),"duration_us":4200}}
            """.utf8))
}

@Suite("sluice reload")
struct ReloadToolTests {
    @Test("without --wait the gateway is signalled once and nothing is waited for")
    func signalOnly() async throws {
        let gateway = ScriptedGateway([status()])
        let result = try await gateway.tool().run(isWaiting: false)
        #expect(gateway.signals == [42])
        #expect(gateway.pauses == 0)
        #expect(result.exitCode == 0)
        #expect(result.output.hasPrefix("SIGHUP sent to process 42"))
    }

    @Test("--wait reports the first reload that covers its own signal, not one before it")
    func waits() async throws {
        let gateway = ScriptedGateway([
            status(requested: 3, covered: 2, result: "rejected", errors: ["old"]),
            // The reload of an earlier signal ends now; it may have read the files before the edit.
            status(requested: 4, covered: 3, result: "rejected", errors: ["old"]),
            status(requested: 4, covered: 4, changed: ["send-per-user"]),
        ])
        let result = try await gateway.tool().run(isWaiting: true)
        #expect(
            result.output == "reloaded in 4 ms: revision 0123456789ab\n  changed: send-per-user")
        #expect(result.complaints == [])
        #expect(result.exitCode == 0)
        #expect(gateway.pauses == 1)
    }

    @Test("limits under a new name, and limits that count otherwise, are told apart")
    func renamed() async throws {
        let gateway = ScriptedGateway([
            status(),
            status(
                requested: 1, covered: 1, changed: ["b"],
                more: #","renamed":["a -> c"],"restarted":["b"]"#),
        ])
        let result = try await gateway.tool().run(isWaiting: true)
        #expect(
            result.output == """
                reloaded in 4 ms: revision 0123456789ab
                  changed: b
                  renamed: a -> c
                  with buckets that start anew: b
                """)
    }

    @Test("unchanged files are a success")
    func unchanged() async throws {
        let gateway = ScriptedGateway([
            status(), status(requested: 1, covered: 1, result: "unchanged"),
        ])
        let result = try await gateway.tool().run(isWaiting: true)
        #expect(result.output == "unchanged: revision 0123456789ab")
        #expect(result.exitCode == 0)
    }

    @Test("rejected files end with exit code 1 and every error on a line of its own")
    func rejected() async throws {
        let errors = ["a.yaml:1:2: error: x", "b.yaml:3:4: error: y; do z"]
        let gateway = ScriptedGateway([
            status(), status(requested: 1, covered: 1, result: "rejected", errors: errors),
        ])
        let result = try await gateway.tool().run(isWaiting: true)
        #expect(result.exitCode == 1)
        #expect(result.output == "")
        #expect(Array(result.complaints.prefix(2)) == errors)
        #expect(result.complaints.last?.contains("stays in force") == true)
    }

    @Test("what needs a restart and what is doubtful is told")
    func restart() async throws {
        let gateway = ScriptedGateway([
            status(),
            status(
                requested: 1, covered: 1, warnings: ["w"], needsRestart: ["listeners", "loops"]),
        ])
        let result = try await gateway.tool().run(isWaiting: true)
        #expect(
            result.complaints == ["w", "sluice: in force only after a restart: listeners, loops"])
    }

    @Test("--json prints the whole status, rejected or not")
    func json() async throws {
        let gateway = ScriptedGateway([
            status(), status(requested: 1, covered: 1, result: "rejected", errors: ["e"]),
        ])
        let result = try await gateway.tool(isJSON: true).run(isWaiting: true)
        #expect(result.exitCode == 1)
        let object = try JSONSerialization.jsonObject(with: Data(result.output.utf8))
        let reload = (object as? [String: Any])?["reload"] as? [String: Any]
        #expect(reload?["result"] as? String == "rejected")
        #expect(reload?["errors"] as? [String] == ["e"])
    }

    @Test("no gateway, a strange one, a silent one, another one: each has its own text")
    func failures() async throws {
        func complaint(_ gateway: ScriptedGateway) async throws -> String {
            let result = try await gateway.tool().run(isWaiting: true)
            #expect(result.exitCode == 1)
            #expect(result.output == "")
            return result.complaints.joined()
        }
        let nobody = ScriptedGateway([.problem("no gateway answers on x")])
        #expect(try await complaint(nobody) == "sluice: no gateway answers on x")
        #expect(nobody.signals == [])

        let strange = ScriptedGateway([.body(Array("{}".utf8))])
        #expect(try await complaint(strange).contains("same version"))
        #expect(strange.signals == [])

        let silent = ScriptedGateway([status(requested: 1, covered: 1)])
        #expect(try await complaint(silent).contains("no reload was reported in time"))

        let restarted = ScriptedGateway([status(), status(pid: 43)])
        #expect(try await complaint(restarted).contains("restarted"))

        let foreign = ScriptedGateway([status()], signalResult: 1)
        #expect(try await complaint(foreign).contains("may not be signalled by you"))
    }

    @Test("a process id that means a group or everybody is never signalled", arguments: [-1, 0, 1])
    func dangerousProcess(_ pid: Int) async throws {
        let gateway = ScriptedGateway([status(pid: pid)])
        #expect(try await gateway.tool().run(isWaiting: false).exitCode == 1)
        #expect(gateway.signals == [])
    }

    @Test("an admin port on another machine is refused")
    func remote() async throws {
        let result = try await ReloadTool.run(
            admin: ("192.0.2.1", 9901), configurationPath: nil, environment: [:], timeoutSeconds: 1,
            isWaiting: false, isJSON: false)
        #expect(result.exitCode == 64)
    }

    @Test("wrong configuration is told before anybody is asked")
    func wrongConfiguration() async throws {
        let result = try await ReloadTool.run(
            admin: nil, configurationPath: nil, environment: ["SLUICE_ADMIN_PORT": "x"],
            timeoutSeconds: 1, isWaiting: false, isJSON: false)
        #expect(result.exitCode == 64)
        #expect(
            result.complaints.first?.hasPrefix("environment variable SLUICE_ADMIN_PORT: error:")
                == true)
    }
}
