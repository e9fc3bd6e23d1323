import SluiceDocuments
import SluicePolicy
import SluicePolicyLanguage
import SluiceVocabulary
import Testing

let catalog = ActionCatalog(commands: [
    "echo", "message.send", "message.history", "message.deliver", "friend.list", "user.profile",
    "user.presence", "user.login", "http.media",
])

let head = "apiVersion: sluice/v1\nkind: PolicySet\n"
let descriptors = "descriptors: {user: token.sub, plan: token.plan}\n"

/// One limit in block form, with more lines after its own if given.
func limitText(_ name: String = "send-per-user", limit: String = "60", more: String...) -> String {
    (["  - name: \(name)", "    match: {action: [message.send]}", "    key: [user]"]
        + ["    algorithm: token_bucket", "    limit: \(limit)", "    per: 60s"]
        + more.map { "    " + $0 })
        .joined(separator: "\n") + "\n"
}

func policyText(_ limits: String..., rest: String = "") -> String {
    head + descriptors.replacing(", plan: token.plan", with: "") + "rate_limits:\n"
        + limits.joined() + rest
}

func compile(
    _ texts: String..., previous: PolicySnapshot? = nil
) throws(DiagnosticList) -> PolicyCompilation {
    try compileFiles(texts, previous: previous)
}

func compileFiles(
    _ texts: [String], previous: PolicySnapshot? = nil
) throws(DiagnosticList) -> PolicyCompilation {
    let files = texts.enumerated().map { (name: "\("abcdef".map(String.init)[$0]).yaml", text: $1) }
    return try PolicyCompiler.compile(files: files, catalog: catalog, previous: previous)
}

/// Every diagnostic of a policy, one a line.
func findings(_ texts: [String]) -> String {
    let files = texts.enumerated().map { (name: "\("abcdef".map(String.init)[$0]).yaml", text: $1) }
    do throws(DiagnosticList) {
        let compiled = try PolicyCompiler.compile(files: files, catalog: catalog, previous: nil)
        return compiled.warnings.map(\.text).joined(separator: "\n")
    } catch {
        return error.text
    }
}

func evaluator(_ snapshot: PolicySnapshot) -> PolicyEvaluator {
    PolicyEvaluator(
        snapshot: snapshot,
        meters: PolicyMeters(
            permission: { _, _ in Counter() }, limit: { _, _ in Counter() },
            ban: { _ in Counter() }))
}

func subject(_ user: String?, roles: [String] = ["member"]) -> PolicySubject {
    let principal = user.map {
        Principal(user: $0, roles: roles, claims: [:], expiresAtSeconds: nil, tokenID: nil)
    }
    return PolicySubject(address: [192, 0, 2, 1], principal: principal)
}

extension PolicyEvaluator {
    func refusal(
        of name: String, _ subject: PolicySubject, seconds: Int64 = 0, loginUser: String? = nil
    ) -> Refusal? {
        let call = PolicyCall(
            action: snapshot.catalog.action(named: name) ?? .unknown, bytes: 128,
            transport: .websocket, wall: WallTime(microseconds: 0), loginUser: loginUser)
        let now = MonotonicTime(nanoseconds: seconds * 1_000_000_000)
        return decide(call, for: subject, now: now).refusal
    }

    func passes(_ count: Int, of name: String, _ subject: PolicySubject, seconds: Int64 = 0) -> Int
    {
        (0..<count).count { _ in refusal(of: name, subject, seconds: seconds) == nil }
    }
}
