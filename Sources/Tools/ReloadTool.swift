import Foundation
import Glibc
import SluiceDocuments
import SluiceGateway
package import SluicePolicyTools

/// `sluice reload [--wait]`: SIGHUP to the gateway that answers on the admin port.
package struct ReloadTool: Sendable {
    /// What came of a question to the admin port.
    package enum Fetched: Sendable {
        case body([UInt8])
        case problem(String)
    }

    /// Asks the admin port for `/v1/policy`.
    package typealias Fetch = @Sendable () async -> Fetched
    /// Sends SIGHUP to a process; the error number when that fails, else 0.
    package typealias Signal = @Sendable (_ pid: Int32) -> Int32
    /// Waits a moment before the next look; false when the time is up.
    package typealias Pause = @Sendable () async -> Bool

    private let fetch: Fetch
    private let signal: Signal
    private let pause: Pause
    private let isJSON: Bool

    package init(
        isJSON: Bool, fetch: @escaping Fetch, signal: @escaping Signal, pause: @escaping Pause
    ) {
        self.isJSON = isJSON
        self.fetch = fetch
        self.signal = signal
        self.pause = pause
    }

    /// Reloads the gateway whose admin port is given, else configured.
    ///
    /// - Parameters:
    ///   - admin: address and port; nil = `admin` of the configuration.
    ///   - timeoutSeconds: how long `--wait` waits for the report.
    package static func run(
        admin: (address: String, port: Int)?, configurationPath: String?,
        environment: [String: String], timeoutSeconds: Int, isWaiting: Bool, isJSON: Bool
    ) async throws -> ToolResult {
        var place = admin ?? ("", 0)
        if admin == nil {
            do throws(DiagnosticList) {
                place = try configured(configurationPath, environment)
            } catch {
                return .wrong(error)
            }
        }
        // The process id a gateway elsewhere tells means another process here.
        guard place.address.hasPrefix("127.") || ["::1", "localhost"].contains(place.address) else {
            return .usage("\(place.address) is not this machine; run this where the gateway runs")
        }
        return try await live(
            address: place.address, port: place.port, timeoutSeconds: timeoutSeconds, isJSON: isJSON
        ).run(isWaiting: isWaiting)
    }

    private static func configured(
        _ path: String?, _ environment: [String: String]
    ) throws(DiagnosticList) -> (address: String, port: Int) {
        let admin = try Configuration.load(path: path, environment: environment).0.admin
        return (admin.address, admin.port)
    }

    private static func live(
        address: String, port: Int, timeoutSeconds: Int, isJSON: Bool
    ) -> Self {
        let client = AdminClient(address: address, port: port)
        let clock = ContinuousClock()
        let deadline = clock.now.advanced(by: .seconds(timeoutSeconds))
        return Self(
            isJSON: isJSON,
            fetch: {
                do throws(AdminClientError) {
                    return .body(try await client.get("/v1/policy"))
                } catch {
                    return .problem(error.text)
                }
            },
            signal: { pid in kill(pid, SIGHUP) == 0 ? 0 : errno },
            pause: {
                guard clock.now < deadline else { return false }
                do {
                    try await Task.sleep(for: .milliseconds(50))
                    return true
                } catch {
                    return false
                }
            })
    }

    /// Sends the signal; with `isWaiting` also waits for the reload that answers it.
    package func run(isWaiting: Bool) async throws -> ToolResult {
        let before: GatewayStatus
        switch await status() {
        case .success(let status): before = status
        case .failure(let complaint): return .failed(complaint.text)
        }
        // Process ids below 2 would signal a group, everything, or init.
        guard before.pid > 1 else {
            return .failed("the gateway tells no process id; send SIGHUP yourself")
        }
        let problem = signal(before.pid)
        guard problem == 0 else { return .failed(Self.explain(problem, pid: before.pid)) }
        guard isWaiting else {
            let text =
                "SIGHUP sent to process \(before.pid); `sluice reload --wait` also shows the result"
            return ToolResult(output: isJSON ? try jsonText(Sent(pid: before.pid)) : text)
        }
        return try await wait(after: before)
    }

    private struct Sent: Encodable {
        let pid: Int32
        let signal = "SIGHUP"
    }

    private struct Complaint: Error {
        let text: String
    }

    private func status() async -> Result<GatewayStatus, Complaint> {
        switch await fetch() {
        case .problem(let text): return .failure(Complaint(text: text))
        case .body(let body):
            do {
                return .success(try GatewayStatus(body))
            } catch {
                return .failure(
                    Complaint(
                        text:
                            "what the admin port tells cannot be read; is the gateway of the same version?"
                    ))
            }
        }
    }

    /// Signals coalesce, so the reload to wait for is the first that covers one more than were
    /// counted before ours was sent.
    private func wait(after before: GatewayStatus) async throws -> ToolResult {
        var lastProblem: String?
        repeat {
            switch await status() {
            case .success(let now):
                if now.pid != before.pid {
                    return .failed(
                        "the gateway was restarted meanwhile (process \(before.pid) is now \(now.pid))"
                    )
                }
                if now.reload.covered > before.reload.requested { return try report(now) }
                lastProblem = nil
            case .failure(let complaint): lastProblem = complaint.text
            }
        } while await pause()
        return .failed(
            lastProblem
                ?? "no reload was reported in time; look at the gateway's journal: journalctl -t sluice -n 20"
        )
    }

    private func report(_ status: GatewayStatus) throws -> ToolResult {
        let reload = status.reload
        let isRejected = reload.result == "rejected"
        let code: Int32 = isRejected ? 1 : 0
        if isJSON { return ToolResult(output: try jsonText(status), exitCode: code) }
        let revision = status.revision.prefix(12)
        var complaints = reload.warnings
        if !reload.needsRestart.isEmpty {
            complaints.append(
                "sluice: in force only after a restart: "
                    + reload.needsRestart.joined(separator: ", "))
        }
        if isRejected {
            complaints += reload.errors
            complaints.append(
                "sluice: rejected; revision \(revision) stays in force; correct the files and reload again"
            )
            return ToolResult(complaints: complaints, exitCode: code)
        }
        var lines = [
            reload.result == "unchanged"
                ? "unchanged: revision \(revision)"
                : "reloaded in \(reload.durationMicroseconds / 1_000) ms: revision \(revision)"
        ]
        for (word, rules) in [
            ("added", reload.added), ("changed", reload.changed), ("removed", reload.removed),
            ("renamed", reload.renamed ?? []),
            ("with buckets that start anew", reload.restarted ?? []),
        ] where !rules.isEmpty {
            lines.append("  \(word): \(rules.joined(separator: ", "))")
        }
        return ToolResult(output: lines.joined(separator: "\n"), complaints: complaints)
    }

    private static func explain(_ number: Int32, pid: Int32) -> String {
        switch number {
        case EPERM: "process \(pid) may not be signalled by you; run this as its user or as root"
        case ESRCH:
            "process \(pid) is not visible here; run this where the gateway runs (same container)"
        default: "process \(pid) cannot be signalled (error \(number))"
        }
    }
}
