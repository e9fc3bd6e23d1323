import Foundation
import SluiceDocuments
import SluicePolicy
import SluicePolicyLanguage
import SluiceReload
import SluiceVocabulary
import Synchronization
import Testing

@Suite("Reloader")
struct ReloaderTests {
    private struct TestClocks: Clocks {
        func monotonic() -> MonotonicTime { MonotonicTime(nanoseconds: 1) }
        func wall() -> WallTime { WallTime(microseconds: 1) }
    }

    /// A directory of policies, a reloader over it, and what it published and reported.
    private final class Rig: Sendable {
        let directory: String
        let published = Mutex<[PolicySnapshot]>([])
        let reports = Mutex<[ReloadReport]>([])
        let fingerprint = Mutex("a")
        let catalog = ActionCatalog(commands: ["echo"])

        init() throws {
            directory = NSTemporaryDirectory() + "sluice-reload-\(UUID().uuidString)"
            try FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: true)
        }

        func write(
            limit: Int, broken: Bool = false, name: String = "per-user", more: String = ""
        ) throws {
            let text = """
                apiVersion: sluice/v1
                kind: PolicySet
                metadata: {name: test, version: "1"}
                descriptors: {user: token.sub}
                rate_limits:
                  - {name: \(name), match: {action: [echo]}, key: [user], algorithm: token_bucket, limit: \(limit), per: 60s\(more)}
                permissions: {default: \(broken ? "perhaps" : "deny")}

                """
            try text.write(toFile: directory + "/p.yaml", atomically: true, encoding: .utf8)
        }

        func reloader(
            whilePublishing: @escaping @Sendable () async -> Void = {}
        ) throws -> Reloader<Int> {
            let first = try PolicyCompiler.compile(
                files: PolicyCompiler.read(directory: directory), catalog: catalog, previous: nil)
            return Reloader(
                directory: directory, policy: first.snapshot, fingerprint: "a",
                clocks: TestClocks(),
                prepare: { [self] () async throws(DiagnosticList) in
                    Reloader<Int>.Preparation(
                        catalog: catalog, value: 1, fingerprint: fingerprint.withLock { $0 },
                        needsRestart: [], warnings: [])
                },
                publish: { [self] policy, _ in
                    published.withLock { $0.append(policy) }
                    await whilePublishing()
                    return 7
                },
                begun: {}, report: { [self] report in reports.withLock { $0.append(report) } })
        }

        deinit { try? FileManager.default.removeItem(atPath: directory) }
    }

    @Test("a changed file is published once and reported with the rules that changed")
    func changed() async throws {
        let rig = try Rig()
        try rig.write(limit: 10)
        let reloader = try rig.reloader()
        try rig.write(limit: 20)
        await reloader.reload()
        #expect(rig.published.withLock { $0.count } == 1)
        let report = await reloader.last
        #expect(report.result == .ok)
        #expect(report.changed == ["per-user"])
        #expect(report.oldRevision != report.newRevision)
        #expect(await reloader.current.revision == report.newRevision)
    }

    @Test("a renamed limit that counts by another unit is reported as renamed and started anew")
    func renamed() async throws {
        let rig = try Rig()
        try rig.write(limit: 10)
        let reloader = try rig.reloader()
        try rig.write(limit: 10, name: "per-head", more: ", was: [per-user], unit: bytes")
        await reloader.reload()
        let report = await reloader.last
        #expect(report.renamed == ["per-user -> per-head"])
        #expect(report.restarted == ["per-head"])
        #expect(report.changed == [] && report.added == [] && report.removed == [])
    }

    @Test("files that say what is in force already publish nothing and are reported as unchanged")
    func unchanged() async throws {
        let rig = try Rig()
        try rig.write(limit: 10)
        let reloader = try rig.reloader()
        await reloader.reload()
        #expect(rig.published.withLock { $0.isEmpty })
        #expect(await reloader.last.result == .unchanged)
    }

    @Test(
        "a broken file publishes nothing, keeps the old revision, and names file, line and column")
    func rejected() async throws {
        let rig = try Rig()
        try rig.write(limit: 10)
        let reloader = try rig.reloader()
        let before = await reloader.current.revision
        try rig.write(limit: 20, broken: true)
        await reloader.reload()
        #expect(rig.published.withLock { $0.isEmpty })
        let report = await reloader.last
        #expect(report.result == .rejected)
        #expect(report.newRevision == before)
        #expect(report.errors.contains { $0.contains("p.yaml:7:") })
        try rig.write(limit: 20)
        await reloader.reload()
        #expect(await reloader.last.result == .ok)
    }

    @Test("a change beside the policy alone is published too")
    func configurationChanged() async throws {
        let rig = try Rig()
        try rig.write(limit: 10)
        let reloader = try rig.reloader()
        rig.fingerprint.withLock { $0 = "b" }
        await reloader.reload()
        #expect(await reloader.last.result == .ok)
        #expect(rig.published.withLock { $0.count } == 1)
    }

    @Test("signals during a reload coalesce into one more, which covers them all")
    func coalesce() async throws {
        let rig = try Rig()
        try rig.write(limit: 10)
        let gate = AsyncStream<Void>.makeStream()
        let entered = AsyncStream<Void>.makeStream()
        let reloader = try rig.reloader {
            entered.continuation.yield()
            for await _ in gate.stream { break }
        }
        try rig.write(limit: 20)
        let first = Task { await reloader.reload() }
        for await _ in entered.stream { break }
        try rig.write(limit: 30)
        for _ in 0..<5 { await reloader.reload() }
        gate.continuation.yield()
        gate.continuation.yield()
        await first.value
        let last = await reloader.last
        #expect(last.covered == 6)
        #expect(last.number == 2)
        #expect(rig.published.withLock { $0.count } == 2)
    }
}
