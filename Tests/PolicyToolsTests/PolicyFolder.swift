import Foundation
import SluicePolicyTools
import SluiceVocabulary

/// Actions of the shipped configuration, and a route.
let catalog = ActionCatalog(commands: [
    "echo", "message.send", "message.history", "message.deliver", "friend.list", "user.profile",
    "http.media",
])

/// A directory of policies and tests that goes away with the test.
///
/// Outputs name files by their paths; `shown` turns those into what stands in the expectations.
final class PolicyFolder {
    let url = FileManager.default.temporaryDirectory.appending(path: "sluice-\(UUID().uuidString)")
    var path: String { url.path }

    /// - Parameter files: texts by path within the folder.
    init(_ files: [String: String] = [:]) throws {
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        for (name, text) in files { try write(name, text) }
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    func write(_ name: String, _ text: String) throws {
        let file = url.appending(path: name)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try text.write(to: file, atomically: true, encoding: .utf8)
    }

    /// The text with the folder's own path left out.
    /// The revision, which follows from every byte of the policy, is left out too.
    func shown(_ text: String) -> String {
        text.replacing(path + "/", with: "").replacing(
            /revision [0-9a-f]{12}/, with: "revision REVISION")
    }

    /// Everything a command said, as a terminal shows it: output, complaints, exit code.
    func shown(_ result: ToolResult) -> String {
        let parts = [result.output] + result.complaints + ["exit code \(result.exitCode)"]
        return shown(parts.filter { !$0.isEmpty }.joined(separator: "\n"))
    }

    func test(
        _ directory: String = "policies", filter: String? = nil, coverage: Bool = false,
        minCoverage: Double? = nil, style: OutputStyle = OutputStyle()
    ) throws -> ToolResult {
        try PolicyTestTool(
            directory: path + "/" + directory, filter: filter, showsCoverage: coverage,
            minCoverage: minCoverage, style: style
        ).run(catalog: catalog)
    }

    func explain(
        _ request: ExplainRequest, style: OutputStyle = OutputStyle()
    ) throws -> ToolResult {
        try PolicyExplainTool(directory: path + "/policies", request: request, style: style)
            .run(catalog: catalog, now: WallTime(microseconds: 1_764_417_600_000_000))
    }

    func diff(
        _ old: String = "policies", _ new: String = "candidate", exitCode: Bool = false,
        style: OutputStyle = OutputStyle()
    ) throws -> ToolResult {
        try PolicyDiffTool(
            old: path + "/" + old, new: path + "/" + new, tellsByExitCode: exitCode, style: style
        ).run(catalog: catalog)
    }

    func check(
        _ directory: String = "policies", style: OutputStyle = OutputStyle()
    ) throws -> ToolResult {
        try PolicyCheckTool(
            directory: path + "/" + directory, configuration: "built in", style: style
        ).run(catalog: catalog)
    }
}

/// A set with one rule of most kinds.
let chat = """
    apiVersion: sluice/v1
    kind: PolicySet
    metadata: {name: chat, version: "1"}
    descriptors: {user: token.sub, plan: token.plan, room: message.topic}
    rate_limits:
      - name: send-per-user
        match: {action: [message.send]}
        key: [user]
        algorithm: token_bucket
        limit: 60
        per: 60s
        burst: 10
        overrides: {by: plan, pro: {limit: 600, burst: 100}}
      - name: room-traffic
        match: {action: [message.send]}
        key: [room]
        algorithm: token_bucket
        limit: 20
        per: 1s
        shadow: true
    permissions:
      default: deny
      rules:
        - name: members-may-send
          effect: permit
          principal: {roles: [member]}
          action: ["message.*"]
          when: {any: [{lt: [message.bytes, 1000]}, {eq: [token.plan, pro]}]}

    """

/// Fixtures that most tests of tests use.
let people = """
    fixtures:
      alice: {sub: alice, roles: [member], plan: free}
      paula: {sub: paula, roles: [member], plan: pro}

    """
