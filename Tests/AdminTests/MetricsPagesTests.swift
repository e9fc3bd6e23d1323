import Foundation
import SluiceAdmin
import SluiceTelemetry
import SluiceVocabulary
import Synchronization
import Testing

@Suite struct MetricsPagesTests {
    /// Watches how pages are made: an observed family is read once for each.
    private final class Watch: Sendable {
        let registry = MetricsRegistry(seriesBudget: 1_000)
        let made = Atomic<Int>(0)
        let running = Atomic<Int>(0)
        let mostAtOnce = Atomic<Int>(0)

        init() {
            registry.observe(.sessions) { [unowned self] in
                let now = running.wrappingAdd(1, ordering: .relaxed).newValue
                mostAtOnce.max(now, ordering: .relaxed)
                made.wrappingAdd(1, ordering: .relaxed)
                // Long enough for others to come meanwhile.
                let end = ContinuousClock.now + .milliseconds(2)
                while ContinuousClock.now < end { sched_yield() }
                running.wrappingSubtract(1, ordering: .relaxed)
                return [([], 1)]
            }
        }
    }

    @Test("a crowd of scrapers shares pages, and each sees what was counted before it asked")
    func crowd() async {
        let watch = Watch()
        let pages = MetricsPages(registry: watch.registry)
        let counter = watch.registry.counter(.slowConsumers, [], shard: 0)
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<300 {
                group.addTask {
                    counter.addShared()
                    let before = counter.value
                    let format: ExpositionFormat = number % 3 == 0 ? .openMetrics : .text004
                    let page = await pages.page(
                        MetricsPages.Form(format: format, isCompressed: false))
                    #expect(page.status == 200 && page.contentType == format.contentType)
                    #expect(Self.count(page) >= before)
                }
            }
        }
        #expect(watch.mostAtOnce.load(ordering: .relaxed) == 1, "one page at a time")
        #expect(watch.made.load(ordering: .relaxed) < 100)
        #expect(Self.count(await pages.page(MetricsPages.Form(format: .text004))) == 300)
    }

    @Test("a page over the bound is refused in words, not cut")
    func tooLarge() async {
        let registry = MetricsRegistry(seriesBudget: 10)
        ProcessMetrics.register(in: registry)
        let pages = MetricsPages(registry: registry, maxBytes: 100)
        let answer = await pages.page(MetricsPages.Form(format: .text004))
        #expect(answer.status == 503)
        #expect(answer.contentType == "application/problem+json")
        #expect(String(decoding: answer.body, as: UTF8.self).contains("telemetry.metrics_series"))
    }

    @Test("a compressed page says so and is the same page")
    func compressed() async throws {
        let registry = MetricsRegistry(seriesBudget: 1_000)
        registry.counter(.slowConsumers, [], shard: 0).add(7)
        let pages = MetricsPages(registry: registry)
        let packed = await pages.page(MetricsPages.Form(format: .text004, isCompressed: true))
        let plain = await pages.page(MetricsPages.Form(format: .text004))
        #expect(packed.contentEncoding == "gzip" && plain.contentEncoding == nil)
        #expect(packed.varies && plain.varies)
        #expect(packed.body == Gzip.compress(plain.body))
    }

    private static func count(_ page: AdminResponse) -> UInt64 {
        let text = String(decoding: page.body, as: UTF8.self)
        let line = text.split(separator: "\n").first {
            $0.hasPrefix("sluice_slow_consumers_total ")
        }
        return line.flatMap { UInt64($0.dropFirst(28)) } ?? 0
    }
}
