import SluiceTelemetry
import SluiceVocabulary
import Testing

/// The sum of weights is the number of requests, for each action and class.
@Suite("Weights by action")
struct LogWeightTests {
    private static let pool = (0..<12).map { "command.\($0)" }

    @Test(
        "whatever shares, budgets and catalogs come, every action's weights are its requests",
        arguments: 0..<24 as Range<UInt64>)
    func property(seed: UInt64) throws {
        var random = Seeded(state: seed)
        let registry = MetricsRegistry(seriesBudget: 1_000)
        let file = LineFile()
        let loopCount = Int.random(in: 1...3, using: &random)
        let journal = Journal(
            mode: .standardError, loops: loopCount, registry: registry,
            budgetPerSecond: Int.random(in: 0...2_000, using: &random),
            reservePerSecond: Int.random(in: 0...500, using: &random),
            ringCapacity: 64, lineDescriptor: file.descriptor)
        // With a writer from the start entries get through; without one the rings overflow.
        if seed.isMultiple(of: 2) { journal.start() }
        let clock = ManualClock()
        let loops = (0..<loopCount).map { LoopUnderTest(journal, loop: $0, clock: clock) }
        for loop in loops { loop.adopt(Self.shares(using: &random)) }
        var wanted: [String: UInt64] = [:]
        for _ in 0..<300 {
            clock.advance(milliseconds: Double.random(in: 0...80, using: &random))
            loops[Int.random(in: 0..<loopCount, using: &random)].turn { loop in
                switch Int.random(in: 0..<20, using: &random) {
                case 0: loop.adopt(Self.shares(using: &random))
                case 1: loop.log.settle()
                case 2:
                    journal.adopt(
                        budgetPerSecond: Int.random(in: 0...2_000, using: &random),
                        reservePerSecond: Int.random(in: 0...500, using: &random))
                default:
                    for _ in 0..<Int.random(in: 0...200, using: &random) {
                        let key = Self.request(loop, using: &random)
                        wanted[key, default: 0] += 1
                    }
                }
            }
        }
        try Self.check(wanted, loops, file, isOver: false, seed)
        if !seed.isMultiple(of: 2) { journal.start() }
        for loop in loops {
            // The ring holds less than all actions have.
            while LogClass.allCases.contains(where: { loop.log.carried(for: $0) > 0 }) {
                loop.turn { $0.log.settleAll() }
                try #require(waitUntil { journal.isIdle })
            }
        }
        #expect(journal.stop(deadlineMilliseconds: 10_000) == 0)
        try Self.check(wanted, loops, file, isOver: true, seed)
    }

    @Test("what a full ring leaves is told all the same when the gateway stops")
    func fullAtTheEnd() throws {
        let registry = MetricsRegistry(seriesBudget: 100)
        let file = LineFile()
        let journal = Journal(
            mode: .standardError, loops: 1, registry: registry, budgetPerSecond: 1_000_000,
            ringCapacity: 8, lineDescriptor: file.descriptor)
        let loop = LoopUnderTest(journal)
        loop.turn { loop in
            for _ in 0..<1_000 { loop.request(.ok) }
            for _ in 0..<10 { loop.request(.refused) }
        }
        #expect(logged(registry, .ok, "dropped_full") > 900)
        loop.turn { $0.log.settleAll() }
        #expect(loop.log.carried(for: .ok) == 0)
        journal.start()
        #expect(journal.stop(deadlineMilliseconds: 10_000) == 0)
        let entries = try file.entries().filter { $0["SLUICE_EVENT"] == "request" }
        for (outcome, count) in [("ok", 1_000), ("refused", 10)] {
            let weights = entries.filter { $0["SLUICE_OUTCOME"] == outcome }
                .compactMap { Int($0["SLUICE_WEIGHT"] ?? "") }.reduce(0, +)
            #expect(weights == count, "\(outcome)")
        }
    }

    /// One request of an action of the catalog, or of one that it has no more; what it counts as.
    private static func request(_ loop: LoopUnderTest, using random: inout Seeded) -> String {
        let logClass = LogClass.allCases.randomElement(using: &random)!
        let index = Int.random(in: 0..<ActionCatalog.builtIn.count + pool.count, using: &random)
        let isKnown = index < loop.catalog.count
        let action = loop.catalog.name(of: isKnown ? ActionID(index: index) : .unknown)
        let weight = loop.log.weight(for: logClass, action: ActionID(index: index))
        if weight > 0 {
            var record = AccessRecord(event: .request, logClass: logClass, time: loop.tick.wall)
            record.action = action
            record.weight = weight
            loop.log.write(record)
        }
        return "\(action) \(logClass.name)"
    }

    /// Some of the commands in some order, with shares of all kinds.
    private static func shares(using random: inout Seeded) -> LogShares {
        let count = Int.random(in: 0...pool.count, using: &random)
        let catalog = ActionCatalog(
            commands: Array(pool.shuffled(using: &random).prefix(count)))
        let choices = [0, 0.01, 0.3, 0.9, 1]
        return LogShares(catalog: catalog) { _ in
            (
                choices.randomElement(using: &random)!, choices.randomElement(using: &random)!,
                choices.randomElement(using: &random)!
            )
        }
    }

    private static func check(
        _ wanted: [String: UInt64], _ loops: [LoopUnderTest], _ file: LineFile, isOver: Bool,
        _ seed: UInt64
    ) throws {
        var found: [String: UInt64] = [:]
        if isOver {
            for entry in try file.entries() where entry["SLUICE_EVENT"] == "request" {
                let key = "\(entry["SLUICE_ACTION"] ?? "") \(entry["SLUICE_OUTCOME"] ?? "")"
                found[key, default: 0] += try #require(UInt64(entry["SLUICE_WEIGHT"] ?? ""))
            }
            #expect(found == wanted, "seed \(seed)")
        }
        for logClass in LogClass.allCases {
            let byAction = loops.reduce(UInt64(0)) { sum, loop in
                (ActionCatalog.builtIn + pool).reduce(sum) {
                    $0 + loop.log.carried(for: logClass, action: $1)
                }
            }
            let byClass = loops.reduce(0) { $0 + $1.log.carried(for: logClass) }
            #expect(byAction == byClass, "seed \(seed)")
            if isOver { #expect(byClass == 0, "seed \(seed)") }
        }
    }
}

/// What is told of requests that no entry stands for.
@Suite("Rests of sampled requests")
struct LogRestTests {
    private let registry = MetricsRegistry(seriesBudget: 1_000)
    private let file = LineFile()

    private func world(
        commands: [String], share: Double, ringCapacity: Int = 1_024
    ) -> (journal: Journal, loop: LoopUnderTest) {
        let journal = Journal(
            mode: .standardError, loops: 1, registry: registry, budgetPerSecond: 1_000_000,
            ringCapacity: ringCapacity, lineDescriptor: file.descriptor)
        let loop = LoopUnderTest(journal)
        loop.adopt(
            LogShares(catalog: ActionCatalog(commands: commands)) { _ in (share, share, share) })
        return (journal, loop)
    }

    /// Every entry so far, as `action weight`.
    private func told(_ journal: Journal) throws -> [String] {
        journal.start()
        #expect(journal.stop(deadlineMilliseconds: 10_000) == 0)
        // Without the notice of lost ones.
        return try file.entries().filter { $0["SLUICE_EVENT"] == "request" }
            .map { "\($0["SLUICE_ACTION"] ?? "") \($0["SLUICE_WEIGHT"] ?? "")" }
    }

    private func look(_ loop: LoopUnderTest, times: Int = 1) {
        for _ in 0..<times {
            loop.clock.advance(milliseconds: 1_000)
            loop.turn { $0.log.settle() }
        }
    }

    @Test("an action that is never sampled is summed up once a minute while it goes on")
    func never() throws {
        let (journal, loop) = world(commands: ["echo"], share: 0)
        for _ in 0..<200 {
            loop.turn { loop in for _ in 0..<3 { loop.request(.ok) } }
            look(loop)
        }
        look(loop, times: 60)
        let told = try told(journal)
        #expect(told == ["echo 180", "echo 180", "echo 180", "echo 60"])
    }

    @Test("a quiet action is told of at most once a minute")
    func quiet() throws {
        let (journal, loop) = world(commands: ["echo"], share: 0)
        for _ in 0..<40 {
            loop.turn { $0.request(.ok) }
            look(loop, times: 3)
        }
        look(loop, times: 60)
        let told = try told(journal)
        #expect(told.first == "echo 1", "at once: nobody has heard of it for long")
        #expect(told.count == 3)
    }

    @Test("the entry names action and outcome, and counts as one that was sent")
    func entry() throws {
        let (journal, loop) = world(commands: ["echo"], share: 0)
        loop.turn { loop in for _ in 0..<7 { loop.request(.refused) } }
        look(loop, times: 2)
        journal.start()
        #expect(journal.stop(deadlineMilliseconds: 10_000) == 0)
        let entry = try #require(try file.entries().first)
        #expect(entry["MESSAGE"] == "7 more refused requests of echo, sampled out")
        #expect(entry["SLUICE_ACTION"] == "echo" && entry["SLUICE_OUTCOME"] == "refused")
        #expect(entry["SLUICE_EVENT"] == "request" && entry["SLUICE_WEIGHT"] == "7")
        #expect(logged(registry, .refused, "sent") == 1)
    }

    @Test("of many actions some are told in one look, and each has its turn")
    func turns() throws {
        let commands = (0..<50).map { "command.\($0)" }
        let (journal, loop) = world(commands: commands, share: 0)
        loop.turn { loop in for command in commands { loop.request(.ok, action: command) } }
        look(loop, times: 2)
        #expect(loop.log.carried(for: .ok) == 30)
        look(loop, times: 2)
        #expect(loop.log.carried(for: .ok) == 0)
        #expect(Set(try told(journal)) == Set(commands.map { "\($0) 1" }))
    }

    @Test("of more actions than a minute has room for none is left out")
    func crowd() throws {
        let commands = (0..<1_300).map { "command.\($0)" }
        // All that is told fits, however far behind the writer is.
        let (journal, loop) = world(commands: commands, share: 0, ringCapacity: 16_384)
        for _ in 0..<200 {
            loop.turn { loop in for command in commands { loop.request(.ok, action: command) } }
            look(loop)
        }
        let seen = Set(try told(journal).map { line in line.prefix { $0 != " " } })
        #expect(seen.count == commands.count)
    }

    @Test("an action that a reload takes away is told under its name, at once")
    func orphans() throws {
        let (journal, loop) = world(commands: ["old", "stays"], share: 0)
        loop.turn { loop in
            loop.request(.ok, action: "old")
            loop.request(.error, action: "old")
            loop.request(.ok, action: "stays")
        }
        loop.adopt(LogShares(catalog: ActionCatalog(commands: ["new", "stays"])))
        #expect(loop.log.carried(for: .ok, action: "old") == 1)
        look(loop)
        #expect(loop.log.carried(for: .ok, action: "old") == 0)
        #expect(loop.log.carried(for: .ok, action: "stays") == 1)
        #expect(Set(try told(journal)) == ["old 1"])
        #expect(logged(registry, .error, "sent") == 1)
    }

    @Test("an action that comes back before it was told has what it had")
    func back() {
        let (_, loop) = world(commands: ["comes", "goes"], share: 0)
        loop.turn { loop in for _ in 0..<5 { loop.request(.ok, action: "goes") } }
        let without = LogShares(catalog: ActionCatalog(commands: ["other", "comes"]))
        let with = LogShares(catalog: ActionCatalog(commands: ["x", "y", "goes"]))
        loop.adopt(without)
        loop.adopt(with)
        loop.clock.advance(milliseconds: 1_000)
        loop.turn { #expect($0.request(.ok, action: "goes") == 6) }
    }

    @Test("what finds no room is kept for the next time")
    func full() throws {
        let journal = Journal(
            mode: .standardError, loops: 1, registry: registry, ringCapacity: 4,
            lineDescriptor: file.descriptor)
        let loop = LoopUnderTest(journal)
        let commands = (0..<8).map { "command.\($0)" }
        loop.adopt(LogShares(catalog: ActionCatalog(commands: commands)) { _ in (0, 0, 0) })
        loop.turn { loop in for command in commands { loop.request(.ok, action: command) } }
        // Taken away by a reload, all are told at once. A quarter of the ring is for refusals and
        // errors.
        loop.adopt(LogShares(catalog: ActionCatalog(commands: [])))
        look(loop)
        #expect(loop.log.carried(for: .ok) == 5)
        look(loop)
        #expect(loop.log.carried(for: .ok) == 5)
        #expect(try told(journal).count == 3)
    }

    @Test("with the journal off nothing is told")
    func off() throws {
        let journal = Journal(
            mode: .off, loops: 1, registry: registry, lineDescriptor: file.descriptor)
        let loop = LoopUnderTest(journal)
        loop.turn { $0.request(.ok) }
        look(loop, times: 3)
        loop.turn { $0.log.settleAll() }
        #expect(try told(journal).isEmpty)
    }
}
