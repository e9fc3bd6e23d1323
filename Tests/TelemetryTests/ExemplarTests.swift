import Dispatch
import SluiceTelemetry
import SluiceVocabulary
import Synchronization
import Testing

@Suite struct ExemplarTests {
    private static let trace = TraceID(
        traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")

    @Test("OpenMetrics shows the last request of each bucket, 0.0.4 shows none")
    func page() {
        let registry = MetricsRegistry(seriesBudget: 100)
        let histogram = registry.histogram(.requestDuration, ["websocket", "echo"], shard: 0)
        histogram.record(nanoseconds: 700_000)
        histogram.note(Self.exemplar(request: 6, nanoseconds: 600_000))
        histogram.note(Self.exemplar(request: 7, nanoseconds: 700_000, trace: Self.trace))
        let open = lines(registry, .openMetrics)
        let labels = #"transport="websocket",action="echo""#
        #expect(
            open.contains(
                "sluice_request_duration_seconds_bucket{\(labels),le=\"0.001\"} 1 # "
                    + #"{request_id="0100000200000003-7",trace_id="4bf92f3577b34da6a3ce929d0e0e4736"} "#
                    + "0.0007 1800000000.25"))
        #expect(
            open.contains("sluice_request_duration_seconds_bucket{\(labels),le=\"0.0025\"} 1"),
            "only the bucket itself has it")
        #expect(!lines(registry, .text004).contains { $0.contains("request_id") })
    }

    @Test("of several loops the latest request is shown")
    func latest() {
        let registry = MetricsRegistry(seriesBudget: 100)
        for (shard, seconds) in [(0, 5), (1, 9), (2, 7)] {
            let histogram = registry.histogram(.requestDuration, ["tcp", "echo"], shard: shard)
            histogram.record(nanoseconds: 1)
            histogram.note(
                Self.exemplar(request: UInt64(seconds), nanoseconds: 1, seconds: Int64(seconds)))
        }
        let shown = lines(registry, .openMetrics).filter { $0.contains(" # {") }
        #expect(shown.count == 1)
        #expect(shown.first?.contains(#"request_id="0100000200000003-9""#) == true)
    }

    @Test("histograms of services have none")
    func none() {
        let registry = MetricsRegistry(seriesBudget: 100)
        let histogram = registry.histogram(.upstreamDuration, ["user"], shard: 0)
        histogram.record(nanoseconds: 1)
        histogram.note(Self.exemplar(request: 1, nanoseconds: 1))
        #expect(!lines(registry, .openMetrics).contains { $0.contains(" # {") })
    }

    @Test("labels of an exemplar have at most the 128 characters OpenMetrics allows")
    func length() throws {
        let longest = Exemplar(
            connection: ConnectionID(rawValue: .max), request: .max,
            trace: TraceID(high: .max, low: .max), nanoseconds: 1, time: WallTime(microseconds: 0))
        let text = "request_id" + longest.requestID + "trace_id" + (longest.trace?.text ?? "")
        #expect(text.unicodeScalars.count <= 128)
    }

    @Test("a reader beside the writer never sees half of one request and half of another")
    func torn() {
        let histogram = DurationHistogram(hasExemplars: true)
        let isDone = Atomic<Bool>(false)
        let writer = DispatchGroup()
        DispatchQueue.global().async(group: writer) {
            var number: UInt64 = 0
            while !isDone.load(ordering: .relaxed) {
                number += 1
                histogram.note(
                    Exemplar(
                        connection: ConnectionID(rawValue: number), request: number,
                        trace: TraceID(high: number, low: number), nanoseconds: 1,
                        time: WallTime(microseconds: Int64(number))))
            }
        }
        var seen: Set<UInt64> = []
        let hasSeenMany = waitUntil {
            guard let exemplar = histogram.exemplars[0] else { return false }
            let number = exemplar.request
            #expect(exemplar.connection.rawValue == number)
            #expect(exemplar.trace == TraceID(high: number, low: number))
            #expect(exemplar.time.microseconds == Int64(number))
            seen.insert(number)
            return seen.count > 500
        }
        isDone.store(true, ordering: .relaxed)
        writer.wait()
        #expect(hasSeenMany)
    }

    @Test(
        "what is no traceparent has no trace id",
        arguments: [
            "", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00x4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473\"-00f067aa0ba902b7-01",
        ])
    func noTrace(text: String) { #expect(TraceID(traceparent: text) == nil) }

    @Test("a trace id is read and written the same")
    func traceID() { #expect(Self.trace?.text == "4bf92f3577b34da6a3ce929d0e0e4736") }

    private static func exemplar(
        request: UInt64, nanoseconds: Int64, trace: TraceID? = nil, seconds: Int64 = 1_800_000_000
    ) -> Exemplar {
        Exemplar(
            connection: ConnectionID(loop: 1, slot: 2, generation: 3), request: request,
            trace: trace, nanoseconds: nanoseconds,
            time: WallTime(microseconds: seconds * 1_000_000 + 250_000))
    }

    private func lines(_ registry: MetricsRegistry, _ format: ExpositionFormat) -> [String] {
        String(decoding: registry.render(format), as: UTF8.self).split(separator: "\n")
            .map(String.init)
    }
}
