import SluiceTelemetry
import SluiceVocabulary
import Testing

/// What a policy's shares do: which requests are due, and that others cost the budget nothing.
@Suite("Shares of requests that get an entry")
struct LogShareTests {
    private let registry = MetricsRegistry(seriesBudget: 1_000)
    private let catalog = ActionCatalog(commands: ["echo", "message.send", "message.read"])

    private func loop(budget: Int = 1_000_000, ring: Int? = 131_072) -> LoopUnderTest {
        LoopUnderTest(
            Journal(
                mode: .standardError, loops: 1, registry: registry, budgetPerSecond: budget,
                reservePerSecond: budget, ringCapacity: ring))
    }

    /// Shares of one action; everything else gets an entry each.
    private func shares(
        _ action: String, ok: Double = 1, refused: Double = 1, error: Double = 1
    ) -> LogShares {
        LogShares(catalog: catalog) { $0 == action ? (ok, refused, error) : (1, 1, 1) }
    }

    @Test(
        "of many requests so many get an entry as the share says, spread evenly",
        arguments: [0.5, 0.1, 0.01])
    func share(of wanted: Double) {
        let loop = loop()
        loop.adopt(shares("message.send", ok: wanted))
        var entries = 0
        var weights: UInt64 = 0
        var longest: UInt32 = 0
        for _ in 0..<500 {
            loop.clock.advance(milliseconds: 100)
            loop.turn { loop in
                for _ in 0..<200 {
                    let weight = loop.request(.ok, action: "message.send")
                    entries += weight > 0 ? 1 : 0
                    weights += UInt64(weight)
                    longest = max(longest, weight)
                }
            }
        }
        // Five standard deviations; the draws are the same in every run.
        let mean = 100_000 * wanted
        #expect(abs(Double(entries) - mean) < 5 * mean.squareRoot(), "\(entries)")
        #expect(Double(longest) < 25 / wanted, "no gap is much longer than the others")
        let carried = loop.log.carried(for: .ok, action: "message.send")
        #expect(weights + carried == 100_000)
    }

    @Test("each outcome has a share of its own, and other actions theirs")
    func outcomes() {
        let loop = loop()
        loop.adopt(shares("message.send", ok: 0, refused: 1, error: 0.5))
        var entries: [String: Int] = [:]
        loop.clock.advance(milliseconds: 1_000)
        for _ in 0..<20 {
            loop.clock.advance(milliseconds: 100)
            loop.turn { loop in
                for logClass in LogClass.allCases {
                    for action in ["message.send", "message.read"] {
                        for _ in 0..<100 where loop.request(logClass, action: action) > 0 {
                            entries["\(action) \(logClass.name)", default: 0] += 1
                        }
                    }
                }
            }
        }
        #expect(entries["message.send ok"] == nil)
        #expect(entries["message.send refused"] == 2_000)
        #expect((900...1_100).contains(entries["message.send error"] ?? 0))
        for outcome in ["ok", "refused", "error"] {
            #expect(entries["message.read \(outcome)"] == 2_000)
        }
        #expect(loop.log.carried(for: .ok, action: "message.send") == 2_000)
        #expect(logged(registry, .ok, "sampled") == 2_000)
    }

    @Test("a share of 0 writes nothing, and what it left is not forgotten")
    func extremes() {
        let never = LogShares(catalog: catalog) { _ in (0, 0, 0) }
        let always = LogShares(catalog: catalog) { _ in (1, 7, 1) }
        let loop = loop()
        loop.adopt(never)
        loop.turn { loop in for _ in 0..<10_000 { #expect(loop.request(.error) == 0) } }
        loop.adopt(always)
        loop.clock.advance(milliseconds: 100)
        loop.turn { loop in
            #expect(loop.request(.error) == 10_001)
            #expect(loop.request(.refused) == 1)
        }
    }

    @Test("requests that are not due take nothing of the budget from those that are")
    func budget() {
        let loop = loop(budget: 1_000)
        loop.adopt(shares("echo", ok: 0))
        var entries = 0
        for _ in 0..<1_000 {
            loop.clock.advance(milliseconds: 10)
            loop.turn { loop in
                for _ in 0..<500 { loop.request(.ok, action: "echo") }
                for _ in 0..<5 where loop.request(.ok, action: "message.send") == 1 { entries += 1 }
            }
        }
        #expect(entries == 5_000, "500 a second are within the budget, whatever else goes on")
    }

    @Test("over the budget those that are due are thinned further, and weights say so")
    func overBudget() {
        let loop = loop(budget: 100)
        loop.adopt(shares("echo", ok: 0.5))
        var entries = 0
        var weights: UInt64 = 0
        for _ in 0..<10_000 {
            loop.clock.advance(milliseconds: 1)
            loop.turn { loop in
                let weight = loop.request(.ok, action: "echo")
                entries += weight > 0 ? 1 : 0
                weights += UInt64(weight)
            }
        }
        #expect((800...1_000).contains(entries), "\(entries) in ten seconds")
        #expect(weights + loop.log.carried(for: .ok, action: "echo") == 10_000)
    }

    @Test("two loops do not draw alike")
    func draws() {
        let journal = Journal(
            mode: .standardError, loops: 2, registry: registry, budgetPerSecond: 1_000_000)
        let picks = (0..<2).map { index in
            let loop = LoopUnderTest(journal, loop: index)
            loop.adopt(shares("echo", ok: 0.5))
            var picks: [Bool] = []
            loop.turn { loop in
                for _ in 0..<64 { picks.append(loop.request(.ok, action: "echo") > 0) }
            }
            return picks
        }
        #expect(picks[0] != picks[1])
    }
}
