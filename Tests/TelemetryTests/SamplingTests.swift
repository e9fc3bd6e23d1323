import SluiceTelemetry
import SluiceVocabulary
import Testing

@Suite struct SamplingTests {
    @Test(
        "weights written plus what is carried are all requests, per class, whatever is lost",
        arguments: 0..<16 as Range<UInt64>)
    func totals(seed: UInt64) throws {
        var random = Seeded(state: seed)
        let loops = Int.random(in: 1...4, using: &random)
        let registry = MetricsRegistry(seriesBudget: 1_000)
        let file = LineFile()
        // Started after the load, so that the small rings overflow.
        let journal = Journal(
            mode: .standardError, loops: loops, registry: registry,
            budgetPerSecond: Int.random(in: 0...3_000, using: &random),
            reservePerSecond: Int.random(in: 0...300, using: &random),
            ringCapacity: 64, lineDescriptor: file.descriptor)
        let clock = ManualClock()
        let all = (0..<loops).map { LoopUnderTest(journal, loop: $0, clock: clock) }
        var requests: [UInt64] = [0, 0, 0]
        for _ in 0..<300 {
            clock.advance(milliseconds: Double.random(in: 0...60, using: &random))
            all[Int.random(in: 0..<loops, using: &random)].turn { loop in
                for _ in 0..<Int.random(in: 0...400, using: &random) {
                    let index = max(0, Int.random(in: -9...2, using: &random))
                    requests[index] += 1
                    loop.request(LogClass.allCases[index])
                }
            }
        }
        journal.start()
        #expect(journal.stop(deadlineMilliseconds: 10_000) == 0)
        let entries = try file.entries()
        for logClass in LogClass.allCases {
            let ofClass = entries.filter {
                $0["SLUICE_EVENT"] == "request" && $0["SLUICE_OUTCOME"] == logClass.name
            }
            let weights = try ofClass.reduce(UInt64(0)) {
                try $0 + #require(UInt64($1["SLUICE_WEIGHT"] ?? ""))
            }
            let carried = all.reduce(0) { $0 + $1.log.carried(for: logClass) }
            let wanted = requests[Int(logClass.rawValue)]
            #expect(weights + carried == wanted, "seed \(seed), \(logClass)")
            // The notice about lost entries is an `error` entry of its own.
            let notices = logClass == .error ? entries.count { $0["SLUICE_EVENT"] == "gateway" } : 0
            let counted = ["sent", "sampled", "dropped_full", "dropped_error"].reduce(0) {
                $0 + logged(registry, logClass, $1)
            }
            #expect(counted == wanted + UInt64(notices), "seed \(seed), \(logClass)")
        }
    }

    @Test("once the load is over one entry settles what was sampled out, and the weights are whole")
    func settling() throws {
        let registry = MetricsRegistry(seriesBudget: 1_000)
        let file = LineFile()
        let journal = Journal(
            mode: .standardError, loops: 1, registry: registry, budgetPerSecond: 10,
            reservePerSecond: 10, ringCapacity: 4_096, lineDescriptor: file.descriptor)
        let clock = ManualClock()
        let loop = LoopUnderTest(journal, loop: 0, clock: clock)
        clock.advance(milliseconds: 1_000)
        loop.turn { loop in for _ in 0..<5_000 { loop.request(.ok) } }
        #expect(loop.log.carried(for: .ok) > 0)
        loop.turn { $0.log.settle() }
        #expect(loop.log.carried(for: .ok) > 0, "one look is not enough: traffic may go on")
        loop.turn { $0.log.settle() }
        #expect(loop.log.carried(for: .ok) == 0)
        journal.start()
        #expect(journal.stop(deadlineMilliseconds: 10_000) == 0)
        let weights = try file.entries().reduce(UInt64(0)) {
            try $0 + #require(UInt64($1["SLUICE_WEIGHT"] ?? ""))
        }
        #expect(weights == 5_000)
    }

    @Test("the budget holds in every second and is used up by a steady flood over all loops")
    func budget() {
        let registry = MetricsRegistry(seriesBudget: 1_000)
        let journal = Journal(
            mode: .standardError, loops: 3, registry: registry, budgetPerSecond: 2_000,
            reservePerSecond: 500)
        let clock = ManualClock()
        let all = (0..<3).map { LoopUnderTest(journal, loop: $0, clock: clock) }
        for second in 0..<5 {
            var ok = 0
            var reserve = 0
            var windows: [Int] = []
            for _ in 0..<10 {
                var inWindow = 0
                for turn in 0..<100 {
                    defer { clock.advance(milliseconds: 1) }
                    // Loop 0 gets most of the load, loop 2 none.
                    all[turn % 4 == 0 ? 1 : 0].turn { loop in
                        for _ in 0..<40 where loop.weight(.ok) > 0 { inWindow += 1 }
                        for _ in 0..<5 where loop.weight(.refused) > 0 { reserve += 1 }
                        for _ in 0..<5 where loop.weight(.error) > 0 { reserve += 1 }
                    }
                }
                ok += inWindow
                windows.append(inWindow)
            }
            #expect(ok <= 2_000, "second \(second)")
            #expect(reserve <= 500, "second \(second)")
            if second > 0 {
                #expect(ok > 1_600, "second \(second): the budget is there to be used")
                #expect(reserve > 400, "second \(second)")
            }
            #expect(windows.allSatisfy { $0 <= 200 }, "each tenth of a second has its share")
        }
    }

    @Test("entries of a steady flood spread over each window instead of crowding at its start")
    func spread() {
        let registry = MetricsRegistry(seriesBudget: 1_000)
        let journal = Journal(mode: .standardError, loops: 1, registry: registry)
        let loop = LoopUnderTest(journal)
        var lateHalf = 0
        var total = 0
        for millisecond in 0..<3_000 {
            loop.clock.advance(milliseconds: 1)
            loop.turn { loop in
                for _ in 0..<50 where loop.weight(.ok) > 0 && millisecond >= 1_000 {
                    total += 1
                    if millisecond % 100 >= 50 { lateHalf += 1 }
                }
            }
        }
        #expect(total > 3_000)
        #expect(lateHalf * 100 / total > 40, "\(lateHalf) of \(total) in the second half")
    }

    @Test("a load with a rhythm is not sampled in step with it")
    func rhythm() {
        let registry = MetricsRegistry(seriesBudget: 1_000)
        let journal = Journal(
            mode: .standardError, loops: 1, registry: registry, budgetPerSecond: 1_000)
        let loop = LoopUnderTest(journal)
        var chosen = [0, 0, 0, 0]
        for _ in 0..<4_000 {
            loop.clock.advance(milliseconds: 1)
            loop.turn { loop in
                for kind in 0..<4 where loop.weight(.ok) > 0 { chosen[kind] += 1 }
            }
        }
        let total = chosen.reduce(0, +)
        #expect(chosen.allSatisfy { $0 > total / 6 }, "\(chosen)")
    }

    @Test("below the budget every request has an entry of weight 1")
    func quiet() {
        let registry = MetricsRegistry(seriesBudget: 1_000)
        let journal = Journal(mode: .standardError, loops: 1, registry: registry)
        let loop = LoopUnderTest(journal)
        for _ in 0..<500 {
            loop.clock.advance(milliseconds: 1)
            loop.turn { #expect($0.request(.ok) == 1) }
        }
        #expect(logged(registry, .ok, "sampled") == 0)
    }

    @Test("a flood of ok entries takes nothing from refusals and errors")
    func reserve() {
        let registry = MetricsRegistry(seriesBudget: 1_000)
        let journal = Journal(
            mode: .standardError, loops: 1, registry: registry, ringCapacity: 1_024)
        let loop = LoopUnderTest(journal)
        for _ in 0..<100 {
            loop.clock.advance(milliseconds: 10)
            loop.turn { loop in
                for _ in 0..<1_000 { loop.request(.ok) }
                #expect(loop.request(.refused) == 1)
                #expect(loop.request(.error) == 1)
            }
        }
        // Nobody empties the ring, and yet its last quarter took every refusal and error.
        #expect(logged(registry, .ok, "dropped_full") > 0)
        #expect(logged(registry, .refused, "dropped_full") == 0)
        #expect(logged(registry, .error, "dropped_full") == 0)
    }

    @Test("a new budget is obeyed from the next window on")
    func adopt() {
        let registry = MetricsRegistry(seriesBudget: 1_000)
        let journal = Journal(mode: .standardError, loops: 1, registry: registry)
        let loop = LoopUnderTest(journal)
        func entries() -> Int {
            var count = 0
            for _ in 0..<1_000 {
                loop.clock.advance(milliseconds: 1)
                loop.turn { if $0.weight(.ok) > 0 { count += 1 } }
            }
            return count
        }
        #expect(entries() == 1_000)
        journal.adopt(budgetPerSecond: 30, reservePerSecond: 1)
        loop.clock.advance(milliseconds: 100)
        _ = entries()
        #expect((15...30).contains(entries()))
        loop.log.adopt(budgetPerSecond: 0, reservePerSecond: 0)
        loop.clock.advance(milliseconds: 100)
        #expect(entries() == 0)
    }
}
