import Foundation
import Testing

/// A journald of our own: in a mount namespace, so that the machine's journal is not touched.
///
/// libsystemd's socket path is fixed, so the tests that need a journald run in a second process
/// inside the namespace: the same executable with a filter.
enum JournaldHarness {
    private static let variable = "SLUICE_TEST_JOURNALD_PID"
    private static let daemon = "/lib/systemd/systemd-journald"

    /// The journald this process may stop and continue; nil outside the namespace.
    static var journald: pid_t? {
        ProcessInfo.processInfo.environment[variable].flatMap { pid_t($0) }
    }

    /// Mount namespaces need root; without it, or without journald, there is nothing to test with.
    static var isPossible: Bool {
        journald == nil && geteuid() == 0 && access(daemon, X_OK) == 0
            && access("/usr/bin/unshare", X_OK) == 0
    }

    private static let script = """
        set -e
        mount --make-rprivate /
        mkdir -p /run/systemd/journal /run/log/journal
        mount -t tmpfs t /run/systemd/journal
        mount -t tmpfs t /run/log/journal
        conf=$(mktemp)
        printf '[Journal]\\nStorage=volatile\\nReadKMsg=no\\nAudit=no\\n%b\\n' "$2" >"$conf"
        [ ! -e /etc/systemd/journald.conf ] || mount --bind "$conf" /etc/systemd/journald.conf
        \(daemon) & journald=$!
        groups=()
        finish() {
            kill -CONT $journald; kill $journald; wait $journald || true
            rm -f "$conf"
            [ -z "${groups[*]}" ] || rmdir "${groups[@]}"
        }
        trap finish EXIT
        if [ -n "$3" ]; then
            for root in /sys/fs/cgroup/unified /sys/fs/cgroup/systemd /sys/fs/cgroup; do
                [ -w "$root/cgroup.procs" ] || continue
                mkdir -p "$root/system.slice/$3"
                groups+=("$root/system.slice/$3")
            done
        fi
        until [ -S /run/systemd/journal/socket ]; do sleep 0.05; done
        export SLUICE_TEST_JOURNALD_PID=$journald
        (
            for group in "${groups[@]}"; do echo $BASHPID >"$group/cgroup.procs"; done
            exec "$0" --testing-library swift-testing --filter "$1" 2>&1
        )
        """

    /// Runs the tests `filter` matches inside the namespace; their output if they fail.
    ///
    /// - Parameters:
    ///   - settings: further lines of `journald.conf`, `\n` between them.
    ///   - unit: the unit the tests run in, as journald sees it; empty = none.
    static func run(
        filter: String, settings: String = "RateLimitBurst=0", unit: String = ""
    ) throws -> (status: Int32, output: String) {
        let executable = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        return try Self.shell(
            "/usr/bin/unshare",
            ["-m", "/bin/bash", "-c", script, executable, filter, settings, unit])
    }

    /// journald tells a unit by the control group; without a group to make there is none.
    static var canHaveUnits: Bool {
        isPossible
            && ["/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup"].contains {
                access($0 + "/cgroup.procs", W_OK) == 0
            }
    }

    /// Entries of the journal that match, as `journalctl -o json` prints them.
    static func entries(_ matches: String...) throws -> [[String: String]] {
        _ = try shell("/usr/bin/journalctl", ["--sync"])
        let (status, output) = try shell(
            "/usr/bin/journalctl", ["-o", "json", "--all", "--no-pager", "-q"] + matches)
        try #require(status == 0 || output.isEmpty, "\(output)")
        return try output.split(separator: "\n").map { line in
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8))
            // A value that is not printable text comes as an array of byte numbers.
            return try #require(object as? [String: Any]).mapValues { value in
                if let bytes = value as? [Int] {
                    return String(decoding: bytes.map { UInt8($0) }, as: UTF8.self)
                }
                return value as? String ?? "\(value)"
            }
        }
    }

    static func shell(_ path: String, _ arguments: [String]) throws -> (Int32, String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: data, as: UTF8.self))
    }
}

@Suite struct RealJournaldTests {
    @Test(
        "everything told of journald holds for a real one",
        .enabled(if: JournaldHarness.isPossible))
    func inside() throws {
        let (status, output) = try JournaldHarness.run(filter: "InsideJournaldTests")
        #expect(status == 0, "\(output)")
        #expect(output.contains("with 6 tests"), "\(output)")
    }

    @Test(
        "a journald that suppresses entries of the unit is found out, and the sum is exact",
        .enabled(if: JournaldHarness.canHaveUnits))
    func suppressed() throws {
        let (status, output) = try JournaldHarness.run(
            filter: "InsideLimitedJournaldTests",
            settings: #"RateLimitIntervalSec=1s\nRateLimitBurst=20"#,
            unit: "sluice-test-\(getpid()).service")
        #expect(status == 0, "\(output)")
        #expect(output.contains("with 2 tests"), "\(output)")
    }
}
