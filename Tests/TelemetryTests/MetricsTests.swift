import CoreMetrics
import Foundation
import SluiceTelemetry
import SluiceVocabulary
import Synchronization
import Testing

@Suite struct MetricsTests {
    @Test("promtool finds nothing to complain about on a page with every family")
    func promtool() throws {
        let page = Self.everything().render(.text004)
        let path = NSTemporaryDirectory() + "sluice-page-\(UUID().uuidString)"
        try Data(page).write(to: URL(fileURLWithPath: path))
        defer { unlink(path) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", "promtool check metrics <\"$0\" 2>&1", path]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let text = String(
            decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0 && text.isEmpty, "\(text)")
    }

    @Test("every family of the catalogue has help, type and samples on the page")
    func catalogue() {
        let page = String(decoding: Self.everything().render(.text004), as: UTF8.self)
        for family in MetricFamily.catalogue {
            #expect(page.contains("# HELP \(family.name) \(family.help)\n"))
            #expect(page.contains("# TYPE \(family.name) \(family.kind.rawValue)\n"))
        }
        let names = MetricFamily.catalogue.map(\.name)
        #expect(Set(names).count == names.count)
    }

    @Test("the 0.0.4 page, byte for byte")
    func text() {
        #expect(
            String(decoding: Self.small().render(.text004), as: UTF8.self) == """
                # HELP sluice_auth_total Attempts to prove who one is, by method and result.
                # TYPE sluice_auth_total counter
                sluice_auth_total{method="a\\"b\\\\c\\nd",result="ok"} 7
                # HELP sluice_loop_lag_seconds How late the event loop's last timer ran.
                # TYPE sluice_loop_lag_seconds gauge
                sluice_loop_lag_seconds{loop="0"} 0.0015
                # HELP sluice_metrics_series Series on this page, held against the budget.
                # TYPE sluice_metrics_series gauge
                sluice_metrics_series 21.0
                # HELP sluice_sessions Sessions of authenticated clients on this node.
                # TYPE sluice_sessions gauge
                sluice_sessions -2
                # HELP sluice_upstream_duration_seconds Time from queueing a call on a link to \
                reading its answer.
                # TYPE sluice_upstream_duration_seconds histogram
                sluice_upstream_duration_seconds_bucket{service="user",le="0.0005"} 1
                sluice_upstream_duration_seconds_bucket{service="user",le="0.001"} 1
                sluice_upstream_duration_seconds_bucket{service="user",le="0.0025"} 1
                sluice_upstream_duration_seconds_bucket{service="user",le="0.005"} 2
                sluice_upstream_duration_seconds_bucket{service="user",le="0.01"} 2
                sluice_upstream_duration_seconds_bucket{service="user",le="0.025"} 2
                sluice_upstream_duration_seconds_bucket{service="user",le="0.05"} 2
                sluice_upstream_duration_seconds_bucket{service="user",le="0.1"} 2
                sluice_upstream_duration_seconds_bucket{service="user",le="0.25"} 2
                sluice_upstream_duration_seconds_bucket{service="user",le="0.5"} 2
                sluice_upstream_duration_seconds_bucket{service="user",le="1.0"} 2
                sluice_upstream_duration_seconds_bucket{service="user",le="2.5"} 2
                sluice_upstream_duration_seconds_bucket{service="user",le="5.0"} 2
                sluice_upstream_duration_seconds_bucket{service="user",le="10.0"} 2
                sluice_upstream_duration_seconds_bucket{service="user",le="+Inf"} 3
                sluice_upstream_duration_seconds_sum{service="user"} 12.0035
                sluice_upstream_duration_seconds_count{service="user"} 3

                """)
    }

    @Test("OpenMetrics names counters' families without _total, tells units and ends with EOF")
    func openMetrics() {
        let page = String(decoding: Self.small().render(.openMetrics), as: UTF8.self)
        #expect(page.hasSuffix("\n# EOF\n"))
        #expect(page.contains("# TYPE sluice_auth counter\nsluice_auth_total{"))
        #expect(page.contains("# UNIT sluice_upstream_duration_seconds seconds\n"))
        #expect(page.contains("# UNIT sluice_loop_lag_seconds seconds\n"))
        #expect(!page.contains("\n\n"))
        var families: [String] = []
        for line in page.split(separator: "\n") where line.hasPrefix("# TYPE ") {
            let words = line.split(separator: " ")
            families.append(String(words[2]))
            if words[3] == "counter" { #expect(!words[2].hasSuffix("_total")) }
        }
        #expect(Set(families).count == families.count, "a family is one block")
    }

    @Test("the same arguments give the same cell, other shards another, and a scrape adds them up")
    func shards() {
        let registry = MetricsRegistry(seriesBudget: 100)
        let one = registry.counter(.authentications, ["token", "ok"], shard: 0)
        #expect(one === registry.counter(.authentications, ["token", "ok"], shard: 0))
        let two = registry.counter(.authentications, ["token", "ok"], shard: 1)
        #expect(one !== two)
        one.add(3)
        two.add(4)
        #expect(sample(registry, #"sluice_auth_total{method="token",result="ok"}"#) == 7)
    }

    @Test("counters written by many threads lose nothing, and pages read meanwhile never shrink")
    func concurrency() {
        let registry = MetricsRegistry(seriesBudget: 100)
        let isDone = Atomic<Bool>(false)
        let reader = DispatchGroup()
        DispatchQueue.global().async(group: reader) {
            var last = 0.0
            while !isDone.load(ordering: .relaxed) {
                let value = sample(registry, "sluice_slow_consumers_total") ?? 0
                #expect(value >= last)
                last = value
            }
        }
        DispatchQueue.concurrentPerform(iterations: 6) { shard in
            let counter = registry.counter(.slowConsumers, [], shard: shard)
            let gauge = registry.gauge(.outboundQueueBytes, [], shard: shard)
            let histogram = registry.histogram(.upstreamDuration, ["user"], shard: shard)
            for index in 0..<200_000 {
                counter.add()
                gauge.add(index % 2 == 0 ? 3 : -1)
                histogram.record(nanoseconds: 1_000)
            }
        }
        isDone.store(true, ordering: .relaxed)
        reader.wait()
        #expect(sample(registry, "sluice_slow_consumers_total") == 1_200_000)
        #expect(sample(registry, "sluice_outbound_queue_bytes") == 1_200_000)
        #expect(
            sample(registry, #"sluice_upstream_duration_seconds_count{service="user"}"#)
                == 1_200_000)
    }

    @Test("over the budget new label sets share the visible _overflow one, and that is counted")
    func overflow() {
        let registry = MetricsRegistry(seriesBudget: 10)
        for number in 0..<25 {
            registry.counter(.rateLimitOverflow, ["rule-\(number)"], shard: 0).add()
        }
        #expect(sample(registry, #"sluice_rate_limit_overflow_total{rule="rule-9"}"#) == 1)
        #expect(sample(registry, #"sluice_rate_limit_overflow_total{rule="rule-10"}"#) == nil)
        #expect(sample(registry, #"sluice_rate_limit_overflow_total{rule="_overflow"}"#) == 15)
        let metric = "sluice_rate_limit_overflow_total"
        #expect(sample(registry, "sluice_metrics_overflow_total{metric=\"\(metric)\"}") == 15)
        let one = registry.counter(.rateLimitOverflow, ["rule-20"], shard: 0)
        #expect(one === registry.counter(.rateLimitOverflow, ["rule-21"], shard: 0))
        // What was there before stays itself; what has no labels always fits.
        registry.counter(.rateLimitOverflow, ["rule-3"], shard: 0).add()
        registry.counter(.slowConsumers, [], shard: 0).add()
        #expect(sample(registry, #"sluice_rate_limit_overflow_total{rule="rule-3"}"#) == 2)
        #expect(sample(registry, "sluice_slow_consumers_total") == 1)
        registry.observe(.rateLimitKeys) { [(["a"], 1), (["b"], 2)] }
        #expect(sample(registry, #"sluice_rate_limit_keys{rule="_overflow"}"#) == 3)
    }

    @Test("observed series are read at each scrape and equal label sets are one line")
    func observed() {
        let registry = MetricsRegistry(seriesBudget: 10)
        let number = Atomic<Int>(1)
        registry.observe(.rateLimitKeys) {
            [(["a"], Double(number.load(ordering: .relaxed))), (["a"], 10)]
        }
        #expect(sample(registry, #"sluice_rate_limit_keys{rule="a"}"#) == 11)
        number.store(5, ordering: .relaxed)
        #expect(sample(registry, #"sluice_rate_limit_keys{rule="a"}"#) == 15)
    }

    @Test(
        "the form is the one the scraper likes best",
        arguments: [
            (nil, .text004), ("", .text004), ("*/*", .text004), ("text/html", .text004),
            ("application/openmetrics-text", .openMetrics),
            ("application/openmetrics-text; version=2.0.0", .text004),
            ("text/plain;q=0.9, application/openmetrics-text;q=0.5", .text004),
            ("application/openmetrics-text;q=0", .text004),
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
                    + "application/openmetrics-text;version=0.0.1;q=0.4,"
                    + "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
                    + "text/plain;version=0.0.4;q=0.2,*/*;q=0.1", .openMetrics
            ),
        ] as [(String?, ExpositionFormat)])
    func negotiation(accept: String?, wanted: ExpositionFormat) {
        #expect(MetricsRegistry.negotiate(accept: accept) == wanted)
    }

    @Test("what libraries count through swift-metrics is on the same page")
    func swiftMetrics() {
        let registry = MetricsRegistry(seriesBudget: 200)
        let factory = SluiceMetricsFactory(registry: registry)
        let dimensions = [("pool", "a"), ("Kind-x", "b")]
        factory.makeCounter(label: "http.client-calls", dimensions: dimensions).increment(by: 2)
        factory.makeCounter(label: "http.client-calls", dimensions: dimensions).increment(by: 3)
        #expect(sample(registry, #"http_client_calls_total{Kind_x="b",pool="a"}"#) == 5)
        factory.makeMeter(label: "depth", dimensions: []).set(2.5)
        #expect(sample(registry, "depth") == 2.5)
        factory.makeTimer(label: "wait", dimensions: []).recordNanoseconds(2_000_000_000)
        #expect(sample(registry, "wait_seconds_sum") == 2)
        let recorder = factory.makeRecorder(label: "size", dimensions: [], aggregate: true)
        recorder.record(Int64(4))
        recorder.record(6.5)
        #expect(sample(registry, "size_sum") == 10.5)
        #expect(sample(registry, "size_count") == 2)
        // A name of another kind, and one of ours, is not mixed up.
        factory.makeMeter(label: "size", dimensions: []).set(1.0)
        #expect(sample(registry, "size_gauge") == 1)
        factory.makeMeter(label: "sluice.sessions", dimensions: []).set(1.0)
        #expect(sample(registry, "sluice_sessions") == nil)
    }

    @Test("the process's own figures are there and plausible")
    func process() throws {
        let registry = MetricsRegistry(seriesBudget: 100)
        ProcessMetrics.register(in: registry)
        #expect(try #require(sample(registry, "process_cpu_seconds_total")) >= 0)
        #expect(try #require(sample(registry, "process_resident_memory_bytes")) > 1_000_000)
        let descriptors = try #require(sample(registry, "process_open_fds"))
        #expect(descriptors >= 3)
        #expect(try #require(sample(registry, "process_max_fds")) >= descriptors)
        let started = try #require(sample(registry, "process_start_time_seconds"))
        #expect(started > 1_500_000_000 && started <= Date().timeIntervalSince1970 + 1)
    }

    // MARK: Helpers

    /// Few families with awkward values.
    private static func small() -> MetricsRegistry {
        let registry = MetricsRegistry(seriesBudget: 100)
        registry.counter(.authentications, ["a\"b\\c\nd", "ok"], shard: 0).add(7)
        registry.gauge(.loopLag, ["0"], shard: 0).set(1_500_000)
        registry.gauge(.sessions, [], shard: 0).add(-2)
        let histogram = registry.histogram(.upstreamDuration, ["user"], shard: 0)
        histogram.record(nanoseconds: 500_000)
        histogram.record(nanoseconds: 3_000_000)
        histogram.record(nanoseconds: 12_000_000_000)
        return registry
    }

    /// Every family of the catalogue with a value.
    private static func everything() -> MetricsRegistry {
        let registry = MetricsRegistry(seriesBudget: 1_000)
        ProcessMetrics.register(in: registry)
        ProcessMetrics.registerBuild(version: "0.1.0", in: registry)
        let observed = ["sluice_metrics_series", "sluice_build_info"]
        for family in MetricFamily.catalogue
        where !family.name.hasPrefix("process_") && !observed.contains(family.name) {
            let labels = family.labels.map { "some-\($0)" }
            switch family.kind {
            case .counter: registry.counter(family, labels, shard: 0).add()
            case .gauge: registry.gauge(family, labels, shard: 0).add(1)
            case .histogram: registry.histogram(family, labels, shard: 0).record(nanoseconds: 1)
            case .summary: Issue.record("no family of ours is a summary")
            }
        }
        return registry
    }
}
