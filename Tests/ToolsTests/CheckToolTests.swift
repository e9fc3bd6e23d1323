import Foundation
import SluicePolicyTools
import SluiceTools
import Testing

@Suite("sluice check")
final class CheckToolTests {
    private let folder = FileManager.default.temporaryDirectory.appending(
        path: "sluice-\(UUID().uuidString)")
    private var policies: String { folder.appending(path: "policies").path }
    private var configuration: String { folder.appending(path: "sluice.yaml").path }

    init() throws {
        try FileManager.default.createDirectory(
            at: folder.appending(path: "policies"), withIntermediateDirectories: true)
        try write("key", String(repeating: "k", count: 32))
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o600], ofItemAtPath: folder.appending(path: "key").path)
        try write("policies/a.yaml", Self.goodPolicy)
        try write("sluice.yaml", good)
    }

    deinit {
        try? FileManager.default.removeItem(at: folder)
    }

    private static let goodPolicy = """
        apiVersion: sluice/v1
        kind: PolicySet
        metadata: {name: p, version: "1"}
        permissions:
          default: deny
          rules:
            - {name: all, effect: permit, action: ["chat.send"]}
        """

    private var good: String {
        """
        policies: \(policies)
        identity: {keys: [{kid: a, secret_file: \(folder.path)/key}]}
        services: [{name: chat, instances: ["127.0.0.1:1"]}]
        commands: [{id: 100, name: chat.send, service: chat}]
        """
    }

    private func write(_ name: String, _ text: String) throws {
        try text.write(to: folder.appending(path: name), atomically: true, encoding: .utf8)
    }

    private func tool(policies: String? = nil, isJSON: Bool = false) -> CheckTool {
        CheckTool(
            configurationPath: configuration, policiesPath: policies, environment: [:],
            isJSON: isJSON)
    }

    @Test("what is right is told on standard output, with the policy's revision")
    func right() throws {
        let result = try tool().run()
        #expect(result.complaints == [])
        #expect(result.exitCode == 0)
        #expect(
            result.output.contains("configuration ok: \(configuration) (1 services, 1 commands)"))
        #expect(result.output.contains("policies ok: \(policies) ("))
    }

    @Test("errors of the configuration end with 64, at their places")
    func wrongConfiguration() throws {
        try write("sluice.yaml", good + "\nlops: 1")
        let result = try tool().run()
        #expect(result.exitCode == 64)
        #expect(result.output == "")
        #expect(
            result.complaints == [
                "\(configuration):5:1: error: unknown key `lops`; did you mean `loops`?",
                "sluice: 1 error; nothing was started or changed",
            ])
    }

    @Test("errors of the policies end with 64, at their places")
    func wrongPolicy() throws {
        try write("policies/a.yaml", Self.goodPolicy + "\nextra: 1")
        for result in [try tool().run(), try tool().runPolicies()] {
            #expect(result.exitCode == 64)
            #expect(result.complaints.contains { $0.contains("a.yaml:8:1: error: ") })
        }
    }

    @Test("an absent secret is a warning, one that is too short an error")
    func secrets() throws {
        try write("key", "short")
        let short = try tool().run()
        #expect(short.exitCode == 64)
        #expect(short.complaints.contains { $0.contains("has 5 bytes") })
        try FileManager.default.removeItem(at: folder.appending(path: "key"))
        let absent = try tool().run()
        #expect(absent.exitCode == 0)
        #expect(absent.complaints.contains { $0.contains("warning: there is no secret file here") })
    }

    @Test("--json tells the same for machines")
    func json() throws {
        try write("sluice.yaml", good + "\nlops: 1")
        let result = try tool(isJSON: true).run()
        #expect(result.exitCode == 64)
        #expect(result.complaints == [])
        let object =
            try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
        #expect(object?["ok"] as? Bool == false)
        let first = (object?["diagnostics"] as? [[String: Any]])?.first
        #expect(first?["line"] as? Int == 5)
        #expect(first?["hint"] as? String == "did you mean `loops`?")
    }
}
