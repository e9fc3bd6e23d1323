import Foundation
import SluiceTelemetry
import SluiceVocabulary
import Testing

@Suite struct ScrapeTests {
    @Test(
        "gzip goes to those who ask for it",
        arguments: [
            (nil, false), ("", false), ("gzip", true), ("deflate, GZIP;q=0.5", true),
            ("gzip;q=0", false), ("gzip; q=0.0, *", false), ("*", true), ("*;q=0", false),
            ("identity", false), ("br", false), ("x-gzip", true),
        ] as [(String?, Bool)])
    func acceptEncoding(value: String?, wanted: Bool) {
        #expect(MetricsRegistry.acceptsGzip(value) == wanted)
    }

    @Test("gunzip finds every byte again, and the page is a tenth")
    func gzip() throws {
        let registry = MetricsRegistry(seriesBudget: 10_000)
        for number in 0..<200 {
            registry.histogram(.upstreamDuration, ["service-\(number)"], shard: 0)
                .record(nanoseconds: 1)
        }
        let page = registry.render(.text004)
        let packed = try #require(Gzip.compress(page))
        #expect(packed.count < page.count / 10)
        let path = NSTemporaryDirectory() + "sluice-page-\(UUID().uuidString).gz"
        try Data(packed).write(to: URL(fileURLWithPath: path))
        defer { unlink(path) }
        let (status, text) = try JournaldHarness.shell("/bin/sh", ["-c", "gunzip <\"$0\"", path])
        #expect(status == 0)
        #expect(Array(text.utf8) == page)
        #expect(try #require(Gzip.compress([])).count < 30)
    }

    @Test("utilization is the share of CPU time in the last second")
    func utilization() {
        let registry = MetricsRegistry(seriesBudget: 100)
        var load = LoopUtilization(registry: registry, loop: 1)
        let series = #"sluice_event_loop_utilization{loop="1"}"#
        var asked = 0
        func look(_ milliseconds: Int64, _ cpuMilliseconds: Int64) {
            load.look(at: MonotonicTime(nanoseconds: milliseconds * 1_000_000)) {
                asked += 1
                return cpuMilliseconds * 1_000_000
            }
        }
        look(5_000, 100)
        #expect(sample(registry, series) == 0)
        for tenth in 1...9 { look(5_000 + Int64(tenth) * 100, 1_000) }
        #expect(asked == 1, "CPU time is asked for once a second")
        look(6_000, 350)
        #expect(sample(registry, series) == 0.25)
        look(8_000, 2_350)
        #expect(sample(registry, series) == 1)
        look(9_000, 2_350)
        #expect(sample(registry, series) == 0)
        // Two clocks do not agree to the nanosecond.
        look(10_000, 3_352)
        #expect(sample(registry, series) == 1)
    }
}
