import SluiceReload
import SluiceTelemetry
import SluiceVocabulary
import Testing

@Suite("Meters of reloads")
struct ReloadMetersTests {
    private let registry = MetricsRegistry(seriesBudget: 100)
    private let meters: ReloadMeters

    init() {
        meters = ReloadMeters(registry: registry, start: WallTime(microseconds: 1_000_000))
    }

    private func end(_ result: ReloadReport.Result, second: Int64) {
        let report = ReloadReport(
            number: 1, covered: 1, result: result, oldRevision: "a", newRevision: "a")
        meters.record(report, at: WallTime(microseconds: second * 1_000_000))
    }

    /// What the page says of reloads, without the comments.
    private var page: [String] {
        String(decoding: registry.render(.text004), as: UTF8.self)
            .split(separator: "\n").map(String.init)
            .filter { $0.hasPrefix("sluice_policy_") }
    }

    @Test("a gateway that has started counts as successful, at the time of its start")
    func start() {
        #expect(
            page == [
                "sluice_policy_last_reload_success_timestamp_seconds 1.0",
                "sluice_policy_last_reload_successful 1",
                #"sluice_policy_reloads_total{result="ok"} 0"#,
                #"sluice_policy_reloads_total{result="rejected"} 0"#,
                #"sluice_policy_reloads_total{result="unchanged"} 0"#,
            ])
    }

    @Test("a rejected reload shows as 0 and leaves the time of the last good one")
    func rejected() {
        end(.ok, second: 20)
        end(.rejected, second: 30)
        end(.rejected, second: 40)
        #expect(
            page == [
                "sluice_policy_last_reload_success_timestamp_seconds 20.0",
                "sluice_policy_last_reload_successful 0",
                #"sluice_policy_reloads_total{result="ok"} 1"#,
                #"sluice_policy_reloads_total{result="rejected"} 2"#,
                #"sluice_policy_reloads_total{result="unchanged"} 0"#,
            ])
    }

    @Test(
        "the next reload that is not rejected shows as 1, also where it changes nothing",
        arguments: [ReloadReport.Result.ok, .unchanged])
    func putRight(_ result: ReloadReport.Result) {
        end(.rejected, second: 30)
        end(result, second: 50)
        #expect(page.contains("sluice_policy_last_reload_successful 1"))
        #expect(page.contains("sluice_policy_last_reload_success_timestamp_seconds 50.0"))
    }
}
