import Foundation
import SluiceTelemetry
import Testing

@Suite struct CatalogTests {
    private static let config = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Config/journald")

    @Test("the catalog explains every MESSAGE_ID the gateway uses, and no other")
    func identities() throws {
        let text = try String(
            contentsOf: Self.config.appendingPathComponent("sluice.catalog"), encoding: .utf8)
        let explained = text.split(separator: "\n").filter { $0.hasPrefix("-- ") }
            .map { String($0.dropFirst(3)) }
        #expect(explained == MessageID.all)
        #expect(Set(explained).count == explained.count)
        for id in explained { #expect(id.wholeMatch(of: /[0-9a-f]{32}/) != nil) }
    }

    @Test("journalctl takes the catalog and shows a subject and an explanation for each")
    func journalctl() throws {
        let root = NSTemporaryDirectory() + "sluice-catalog-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: root) }
        for folder in ["/usr/lib/systemd/catalog", "/var/lib/systemd/catalog"] {
            try FileManager.default.createDirectory(
                atPath: root + folder, withIntermediateDirectories: true)
        }
        try FileManager.default.copyItem(
            atPath: Self.config.appendingPathComponent("sluice.catalog").path,
            toPath: root + "/usr/lib/systemd/catalog/sluice.catalog")
        let (status, output) = try JournaldHarness.shell(
            "/bin/sh", ["-c", "journalctl --root=\"$0\" --update-catalog 2>&1", root])
        #expect(status == 0, "\(output)")
        for id in MessageID.all {
            let (status, text) = try JournaldHarness.shell(
                "/bin/sh", ["-c", "journalctl --root=\"$0\" --dump-catalog \(id) 2>&1", root])
            #expect(status == 0, "\(text)")
            #expect(text.contains("Subject: Sluice"), "\(text)")
            #expect(text.count > 200, "\(text)")
        }
    }

    @Test("the namespace's journald settings are ones journald knows")
    func settings() throws {
        let text = try String(
            contentsOf: Self.config.appendingPathComponent("journald@sluice.conf"),
            encoding: .utf8)
        let known: Set = [
            "Storage", "Compress", "SystemMaxUse", "SystemMaxFileSize", "MaxRetentionSec",
            "RateLimitIntervalSec", "RateLimitBurst", "ForwardToSyslog",
        ]
        let keys = text.split(separator: "\n").filter { !$0.hasPrefix("#") && $0.contains("=") }
            .map { String($0.prefix { $0 != "=" }) }
        #expect(Set(keys) == known)
        #expect(text.contains("\nRateLimitIntervalSec=0\n"))
    }
}
