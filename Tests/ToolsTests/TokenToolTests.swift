import Foundation
import SluiceIdentity
import SluicePolicyTools
import SluiceTools
import SluiceVocabulary
import Testing

@Suite("sluice token")
final class TokenToolTests {
    private let folder = FileManager.default.temporaryDirectory.appending(
        path: "sluice-\(UUID().uuidString)")
    private let now = WallTime(microseconds: 1_800_000_000_000_000)
    private let secret = String(repeating: "0123456789", count: 4)

    init() throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try secret.write(to: folder.appending(path: "key"), atomically: true, encoding: .utf8)
        try """
        identity:
          keys:
            - {kid: main, secret_file: \(folder.path)/key}
            - {kid: other, secret_file: /nowhere/else}
        """.write(to: folder.appending(path: "sluice.yaml"), atomically: true, encoding: .utf8)
    }

    deinit {
        try? FileManager.default.removeItem(at: folder)
    }

    private func issue(
        user: String = "alice", roles: [String] = ["member"], claims: [String] = [],
        ttl: String? = nil, key: String? = nil, isJSON: Bool = false
    ) async throws -> ToolResult {
        try await TokenIssueTool(
            configurationPath: folder.appending(path: "sluice.yaml").path, environment: [:],
            user: user, roles: roles, claims: claims, ttl: ttl, key: key, isJSON: isJSON
        ).run(now: now)
    }

    @Test("a token issued is one the gateway accepts, with the claims asked for")
    func accepted() async throws {
        let result = try await issue(
            claims: ["plan=pro", "team=a", "team=b", "note=x=y"], ttl: "1h")
        #expect(result.exitCode == 0)
        let keys = try await KeySet.make([
            KeyMaterial(kid: "main", algorithm: "HS256", secret: Array(secret.utf8))
        ])
        let rules = TokenRules(
            issuer: "sluice", audience: "sluice", leewaySeconds: 5, maxTokenBytes: 8_192)
        let verifier = TokenVerifier(keys: keys, rules: rules, maxCachedTokens: 10)
        let principal = try verifier.verify(Array(result.output.utf8), now: now)
        #expect(principal.user == "alice")
        #expect(principal.roles == ["member"])
        #expect(principal.claims["plan"] == .string("pro"))
        #expect(principal.claims["team"] == .array([.string("a"), .string("b")]))
        #expect(principal.claims["note"] == .string("x=y"))
        #expect(principal.expiresAtSeconds == now.seconds + 3_600)
    }

    @Test("--json tells what POST /v1/login tells")
    func json() async throws {
        let result = try await issue(isJSON: true)
        let object =
            try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
        #expect(
            Set(object.map { Array($0.keys) } ?? []) == [
                "token", "expires_at", "refresh_token", "user_id",
            ])
        #expect(object?["expires_at"] as? Int64 == now.seconds + 900)
    }

    @Test(
        "what cannot be issued is bad usage with the reason",
        arguments: [
            ("plan", "--claim wants name=value, found `plan`"),
            ("=x", "--claim wants name=value, found `=x`"),
            ("exp=1", "the claim `exp` is set by the gateway itself; leave it out"),
            ("roles=a", "give roles with --role, once for each"),
        ])
    func badClaims(_ claim: String, _ reason: String) async throws {
        let result = try await issue(claims: [claim])
        #expect(result == ToolResult(complaints: ["sluice: " + reason], exitCode: 64))
    }

    @Test("an unknown key, a bad lifetime, an empty user and an absent secret are bad usage")
    func badUsage() async throws {
        #expect(try await issue(key: "none").exitCode == 64)
        #expect(try await issue(ttl: "15").exitCode == 64)
        #expect(try await issue(user: "").exitCode == 64)
        let absent = try await issue(key: "other")
        #expect(absent.exitCode == 64)
        #expect(
            absent.complaints.first?.hasPrefix("/nowhere/else: error: there is no secret file here")
                == true)
    }

    @Test("inspect shows header, claims and times, and says that it verifies nothing")
    func inspect() async throws {
        let token = try await issue().output
        let tampered =
            String(token.prefix { $0 != "." }) + token.drop { $0 != "." }.dropLast(4) + "AAAA"
        let result = TokenInspectTool(isJSON: false).run(token: " \(tampered)\n", now: now)
        #expect(result.exitCode == 0)
        #expect(result.output.hasPrefix("NOT VERIFIED"))
        #expect(result.output.contains("\"sub\": \"alice\""))
        #expect(result.output.contains("expires 2027-01-15T08:15:00Z (in 15m)"))
        let json = TokenInspectTool(isJSON: true).run(token: tampered, now: now)
        let object =
            try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
        #expect(object?["verified"] as? Bool == false)
        #expect((object?["claims"] as? [String: Any])?["sub"] as? String == "alice")
    }

    @Test(
        "what is no token is told without repeating it",
        arguments: ["hunter2", "a.b.c", "{}", "a.b"])
    func noToken(_ text: String) {
        let result = TokenInspectTool(isJSON: false).run(token: text, now: now)
        #expect(result.exitCode == 1)
        #expect(result.output == "")
        #expect(!result.complaints.joined().contains("hunter2"))
        #expect(TokenInspectTool(isJSON: false).run(token: " ", now: now).exitCode == 64)
    }
}
