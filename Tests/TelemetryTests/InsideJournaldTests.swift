import Foundation
import SluiceTelemetry
import SluiceVocabulary
import Testing

/// Run by `RealJournaldTests` in a namespace with a journald of its own.
@Suite(.serialized, .enabled(if: JournaldHarness.journald != nil))
struct InsideJournaldTests {
    @Test("journald keeps every documented field of an entry, byte for byte")
    func fields() throws {
        let journal = Journal(mode: .auto, loops: 1, registry: MetricsRegistry(seriesBudget: 100))
        journal.start()
        let loop = LoopUnderTest(journal)
        var record = LineJournalTests.full()
        record.policy = "fields"
        record.topic = "two\nlines \"quoted\" \u{1}\u{0} äö 👍"
        record.extra = [("further field", "x=y\nz")]
        loop.turn { $0.log.write(record) }
        #expect(journal.stop(deadlineMilliseconds: 5_000) == 0)
        let entry = try #require(try JournaldHarness.entries("SLUICE_POLICY=fields").first)
        let own = entry.filter { !$0.key.hasPrefix("_") }
        #expect(
            own == [
                "MESSAGE":
                    "message.send refused: 429 rate_limited by rule send-per-user, retry after "
                    + "1900 ms, alice over websocket, 1234 us",
                "PRIORITY": "4", "SYSLOG_IDENTIFIER": "sluice", "SLUICE_EVENT": "request",
                "SLUICE_REQUEST_ID": "0100000200000003-7",
                "SLUICE_CONNECTION_ID": "0100000200000003",
                "SLUICE_TRACE_ID": "4bf92f3577b34da6a3ce929d0e0e4736",
                "SLUICE_TRANSPORT": "websocket", "SLUICE_ACTION": "message.send",
                "SLUICE_COMMAND": "1001", "SLUICE_USER": "alice", "SLUICE_DEVICE": "phone",
                "SLUICE_CLIENT": "203.0.113.7", "SLUICE_STATUS": "429",
                "SLUICE_OUTCOME": "refused", "SLUICE_REFUSAL": "rate_limited",
                "SLUICE_RULE": "send-per-user", "SLUICE_RETRY_AFTER_MS": "1900",
                "SLUICE_SERVICE": "message", "SLUICE_INSTANCE": "127.0.0.1:9101",
                "SLUICE_ATTEMPTS": "1", "SLUICE_DURATION_US": "1234", "SLUICE_UPSTREAM_US": "900",
                "SLUICE_BYTES_IN": "128", "SLUICE_BYTES_OUT": "64",
                "SLUICE_TOPIC": "two\nlines \"quoted\" \u{1}\u{0} äö 👍", "SLUICE_REMAINING": "9",
                "SLUICE_TIME_US": "1800000000000000", "SLUICE_POLICY": "fields",
                "SLUICE_WEIGHT": "3", "SLUICE_CLAIMS": #"{"plan":"free"}"#,
                "SLUICE_FURTHER_FIELD": "x=y\nz",
            ])
        #expect(
            try JournaldHarness.entries("SLUICE_USER=alice", "SLUICE_OUTCOME=refused").count == 1)
    }

    @Test("one entry per request: all of them arrive, once each, and are counted as sent")
    func all() throws {
        let registry = MetricsRegistry(seriesBudget: 100)
        let journal = Journal(
            mode: .journald, loops: 2, registry: registry, budgetPerSecond: 1_000_000)
        journal.start()
        let all = (0..<2).map { LoopUnderTest(journal, loop: $0) }
        for number in 0..<1_000 {
            all[number % 2].clock.advance(milliseconds: 1)
            all[number % 2].turn { $0.request(.ok, action: "all-\(number)") }
        }
        #expect(journal.stop(deadlineMilliseconds: 20_000) == 0)
        let actions = try JournaldHarness.entries("SLUICE_EVENT=request", "SLUICE_OUTCOME=ok")
            .compactMap { $0["SLUICE_ACTION"] }.filter { $0.hasPrefix("all-") }
        #expect(actions.count == 1_000)
        #expect(Set(actions).count == 1_000)
        #expect(logged(registry, .ok, "sent") == 1_000)
    }

    @Test("a journald that stands still blocks no loop; drops are counted and weights make up")
    func standsStill() throws {
        let registry = MetricsRegistry(seriesBudget: 100)
        let journal = Journal(
            mode: .auto, loops: 1, registry: registry, budgetPerSecond: 1_000_000,
            ringCapacity: 256)
        journal.start()
        let loop = LoopUnderTest(journal)
        var requests: UInt64 = 0
        func load(_ count: Int) {
            for _ in 0..<count {
                loop.clock.advance(milliseconds: 1)
                requests += 1
                loop.turn { $0.request(.ok, action: "standstill") }
            }
        }
        load(20)
        try stopJournald()
        // Far more than ring and socket hold: this comes back although journald takes nothing.
        load(5_000)
        #expect(logged(registry, .ok, "dropped_full") > 4_000)
        signalJournald(SIGCONT)
        // Entries flow again once the writer has made room.
        #expect(loop.log.carried(for: .ok) > 0)
        while loop.log.carried(for: .ok) > 0 {
            load(1)
            sched_yield()
        }
        #expect(journal.stop(deadlineMilliseconds: 20_000) == 0)
        let entries = try JournaldHarness.entries("SLUICE_ACTION=standstill")
        let weights = entries.compactMap { UInt64($0["SLUICE_WEIGHT"] ?? "") }.reduce(0, +)
        #expect(weights + loop.log.carried(for: .ok) == requests)
        #expect(UInt64(entries.count) == logged(registry, .ok, "sent"))
        let notices = try JournaldHarness.entries("MESSAGE_ID=\(MessageID.logDrops)")
        #expect(notices.first?["PRIORITY"] == "4")
        #expect(Int(notices.first?["SLUICE_DROPPED"] ?? "") ?? 0 > 0)
    }

    @Test("stop leaves a writer stuck in libsystemd behind and counts what it held")
    func stuckAtStop() throws {
        let registry = MetricsRegistry(seriesBudget: 100)
        let journal = Journal(mode: .auto, loops: 1, registry: registry)
        journal.start()
        try stopJournald()
        defer { signalJournald(SIGCONT) }
        let loop = LoopUnderTest(journal)
        for _ in 0..<200 {
            loop.clock.advance(milliseconds: 1)
            loop.turn { $0.request(.ok, action: "stuck") }
        }
        let held = journal.stop(deadlineMilliseconds: 100)
        #expect(held > 100)
        #expect(logged(registry, .ok, "dropped_error") == UInt64(held))
        #expect(logged(registry, .ok, "sent") + UInt64(held) == 200)
    }

    @Test("no entry that libsystemd would lose in silence counts as sent")
    func absent() throws {
        try #require(rename(Self.socket, Self.socket + ".away") == 0)
        let registry = MetricsRegistry(seriesBudget: 100)
        let file = LineFile()
        for mode in [JournalMode.journald, .auto] {
            let journal = Journal(
                mode: mode, loops: 1, registry: registry, lineDescriptor: file.descriptor)
            let loop = LoopUnderTest(journal)
            loop.turn { $0.request(.ok) }
            journal.start()
            #expect(journal.stop(deadlineMilliseconds: 5_000) == 0)
        }
        try #require(rename(Self.socket + ".away", Self.socket) == 0)
        // journald only: lost and counted. auto: a line, where somebody may see it.
        #expect(logged(registry, .ok, "dropped_error") == 1)
        #expect(logged(registry, .ok, "sent") == 1)
        #expect(try file.entries().count { $0["SLUICE_EVENT"] == "request" } == 1)
    }

    @Test("the next entry of a lost one's action stands for its requests too, and no other does")
    func lostWeights() throws {
        let registry = MetricsRegistry(seriesBudget: 100)
        let journal = Journal(mode: .journald, loops: 1, registry: registry)
        let loop = LoopUnderTest(journal)
        try #require(rename(Self.socket, Self.socket + ".away") == 0)
        journal.start()
        loop.turn { loop in for _ in 0..<5 { loop.request(.ok, action: "lost") } }
        #expect(waitUntil { logged(registry, .ok, "dropped_error") == 5 })
        try #require(rename(Self.socket + ".away", Self.socket) == 0)
        loop.turn { loop in
            loop.request(.ok, action: "after-lost")
            loop.request(.refused, action: "lost")
            loop.request(.ok, action: "lost")
        }
        #expect(journal.stop(deadlineMilliseconds: 5_000) == 0)
        let after = try JournaldHarness.entries("SLUICE_ACTION=after-lost")
        #expect(after.map { $0["SLUICE_WEIGHT"] } == ["1"])
        let found = try JournaldHarness.entries("SLUICE_ACTION=lost")
        #expect(found.map { $0["SLUICE_OUTCOME"] } == ["refused", "ok"])
        #expect(found.map { $0["SLUICE_WEIGHT"] } == ["1", "6"])
    }

    private static let socket = "/run/systemd/journal/socket"

    /// A signal takes its time; what follows must meet a journald that stands still.
    private func stopJournald() throws {
        let journald = try #require(JournaldHarness.journald)
        kill(journald, SIGSTOP)
        let isStopped = waitUntil {
            let status = try? String(contentsOfFile: "/proc/\(journald)/stat", encoding: .utf8)
            return status?.contains(") T ") == true
        }
        try #require(isStopped)
    }

    private func signalJournald(_ signal: Int32) {
        if let journald = JournaldHarness.journald { kill(journald, signal) }
    }
}
