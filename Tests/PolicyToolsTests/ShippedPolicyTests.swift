import Foundation
import SluiceDocuments
import SluicePolicy
import SluicePolicyLanguage
import SluicePolicyTools
import SluiceVocabulary
import Testing

/// The policies in `policies/`, decided by the commands of `Config/sluice.yaml`.
@Suite("the shipped policy")
struct ShippedPolicyTests {
    private static let root = URL(filePath: #filePath).resolvingSymlinksInPath()
        .appending(path: "../../..").standardizedFileURL
    private let directory = Self.root.appending(path: "policies").path

    /// The actions of the shipped configuration.
    private func actions() throws -> ActionCatalog {
        let file = Self.root.appending(path: "Config/sluice.yaml")
        let sink = DiagnosticSink()
        let document = Document.parse(
            try String(contentsOf: file, encoding: .utf8), file: "sluice.yaml", into: sink)
        let commands = document?.mapping(sink)?.required("commands")?.list(sink) ?? []
        let names = commands.compactMap { $0.mapping(sink)?.required("name")?.string(sink) }
        try #require(!sink.hasErrors && names.count == commands.count && !names.isEmpty)
        return ActionCatalog(commands: names)
    }

    @Test("every rule, override, ban and comparison is reached by its tests, without a warning")
    func tests() throws {
        let result = try PolicyTestTool(
            directory: directory, minCoverage: 100, style: OutputStyle()
        ).run(catalog: try actions())
        #expect(result.exitCode == 0, "\(result.output)")
        #expect(result.complaints == [])
    }

    @Test("keeps the rules and numbers that the tour, dashboards and journeys speak of")
    func names() throws {
        let files = try PolicyCompiler.read(directory: directory)
        let model = try PolicyCompiler.compile(
            files: files, catalog: try actions(), previous: nil
        ).snapshot.model
        let limits = Dictionary(uniqueKeysWithValues: model.limits.map { ($0.name, $0) })
        let permissions = Set(model.permissions.map(\.name))
        let second: Int64 = 1_000_000_000
        #expect(
            limits["send-per-user"]?.numbers
                == LimitNumbers(limit: 60, periodNanoseconds: 60 * second, burst: 10))
        // A load test on one machine has one address, and may have one user.
        #expect(limits["connects-per-peer"]?.numbers.burst == 20_000)
        for (name, rate) in [("echo-per-user", 1_000_000), ("all-per-user", 2_000_000)] {
            #expect(limits[name]?.numbers.limit == Int64(rate))
            #expect(limits[name]?.numbers.periodNanoseconds == second)
        }
        #expect(limits["logins-per-account"]?.key.count == 2)
        #expect(
            permissions.isSuperset(of: [
                "anyone-may-log-in", "authenticated-may-connect", "members-may-talk",
            ]))
        #expect(!model.permitsByDefault)
    }

    @Test("the tour's edits change the one limit they mean")
    func tour() throws {
        let text = try String(
            contentsOf: Self.root.appending(path: "policies/messaging.yaml"), encoding: .utf8)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let places = ["limit: 60", "burst: 10"].map { wanted in
            lines.indices.filter { lines[$0].hasSuffix(wanted) }
        }
        let name = try #require(lines.firstIndex { $0.hasSuffix("- name: send-per-user") })
        #expect(places == [[name + 4], [name + 6]])
        // After the first edit the second must find one place too.
        #expect(!lines.contains { $0.hasSuffix("burst: 2") })
    }

    @Test(
        "the examples of the page on the language are one set without a warning, and its tests pass"
    )
    func page() throws {
        let page = try String(
            contentsOf: Self.root.appending(path: "policies/README.md"), encoding: .utf8)
        let blocks = page.components(separatedBy: "```yaml\n").dropFirst().map {
            $0.components(separatedBy: "```")[0]
        }
        let isTest = { (block: String) in block.hasPrefix("# tests/") }
        let folder = try PolicyFolder()
        let head = "apiVersion: sluice/v1\nkind: PolicySet\n"
        for (index, block) in blocks.enumerated() {
            let text = block.hasPrefix("apiVersion:") ? block : head + block
            let name =
                isTest(block) ? "policies/tests/\(index)_test.yaml" : "policies/\(index).yaml"
            try folder.write(name, isTest(block) ? block : text)
        }
        #expect(blocks.contains(where: isTest) && blocks.count > 3)
        let result = try folder.test()
        #expect(result.complaints.map(folder.shown) == [])
        #expect(result.exitCode == 0, "\(folder.shown(result.output))")
    }
}
