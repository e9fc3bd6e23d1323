import Foundation
import Logging
import SluiceTelemetry
import SluiceVocabulary
import Synchronization
import Testing

@Suite struct LineJournalTests {
    @Test("without journald an entry is one line of valid JSON with the documented fields")
    func fields() throws {
        let entry = try #require(try write([Self.full()]).first)
        let wanted: [String: String] = [
            "MESSAGE":
                "message.send refused: 429 rate_limited by rule send-per-user, retry after "
                + "1900 ms, alice over websocket, 1234 us",
            "PRIORITY": "4", "SYSLOG_IDENTIFIER": "sluice", "SLUICE_EVENT": "request",
            "SLUICE_REQUEST_ID": "0100000200000003-7", "SLUICE_CONNECTION_ID": "0100000200000003",
            "SLUICE_TRACE_ID": "4bf92f3577b34da6a3ce929d0e0e4736", "SLUICE_TRANSPORT": "websocket",
            "SLUICE_ACTION": "message.send", "SLUICE_COMMAND": "1001", "SLUICE_USER": "alice",
            "SLUICE_DEVICE": "phone", "SLUICE_CLIENT": "203.0.113.7", "SLUICE_STATUS": "429",
            "SLUICE_OUTCOME": "refused", "SLUICE_REFUSAL": "rate_limited",
            "SLUICE_RULE": "send-per-user", "SLUICE_RETRY_AFTER_MS": "1900",
            "SLUICE_SERVICE": "message", "SLUICE_INSTANCE": "127.0.0.1:9101",
            "SLUICE_ATTEMPTS": "1", "SLUICE_DURATION_US": "1234", "SLUICE_UPSTREAM_US": "900",
            "SLUICE_BYTES_IN": "128", "SLUICE_BYTES_OUT": "64", "SLUICE_TOPIC": "room-1",
            "SLUICE_REMAINING": "9", "SLUICE_TIME_US": "1800000000000000",
            "SLUICE_POLICY": "8c1f", "SLUICE_WEIGHT": "3",
            "SLUICE_CLAIMS": #"{"plan":"free"}"#,
        ]
        #expect(entry == wanted)
    }

    @Test("absent values are left out")
    func absent() throws {
        let record = AccessRecord(
            event: .open, logClass: .ok, time: WallTime(microseconds: 5))
        let entry = try #require(try write([record]).first)
        #expect(
            entry == [
                "MESSAGE": "connection opened", "PRIORITY": "6", "SYSLOG_IDENTIFIER": "sluice",
                "SLUICE_EVENT": "open", "SLUICE_OUTCOME": "ok", "SLUICE_WEIGHT": "1",
                "SLUICE_TIME_US": "5",
            ])
    }

    @Test("quotes, backslashes, control characters and any Unicode survive as JSON")
    func escapes() throws {
        var record = AccessRecord(event: .request, logClass: .ok, time: WallTime(microseconds: 1))
        let wild =
            (0..<0x20).map { String(UnicodeScalar(UInt8($0))) }.joined()
            + "\u{7F}\"\\/ äöü 日本 👍🏽 \u{2028}"
        record.topic = wild
        record.message = "line one\nline \"two\""
        let entry = try #require(try write([record]).first)
        #expect(entry["SLUICE_TOPIC"] == wild)
        #expect(entry["MESSAGE"] == "line one\nline \"two\"")
    }

    @Test("a composed line stays one line whatever a user is called")
    func oneLine() throws {
        var record = AccessRecord(event: .login, logClass: .ok, time: WallTime(microseconds: 1))
        record.connection = Self.label(user: "eve\nMESSAGE=forged\u{0}")
        let entry = try #require(try write([record]).first)
        #expect(entry["MESSAGE"] == "login ok, eve MESSAGE=forged  over websocket")
        #expect(entry["SLUICE_USER"] == "eve\nMESSAGE=forged\u{0}")
    }

    @Test("shadow refusals have priority 5, errors 3, and an explicit priority wins")
    func priorities() throws {
        var shadow = AccessRecord(event: .request, logClass: .ok, time: WallTime(microseconds: 1))
        shadow.isShadow = true
        let error = AccessRecord(event: .request, logClass: .error, time: WallTime(microseconds: 1))
        var debug = error
        debug.priority = 7
        let entries = try write([shadow, error, debug])
        #expect(entries.map { $0["PRIORITY"] } == ["5", "3", "7"])
    }

    @Test("further fields get names journald keeps, and never repeat one")
    func extra() throws {
        var record = AccessRecord(event: .reload, logClass: .ok, time: WallTime(microseconds: 1))
        record.extra = [
            ("rules added", "a"), ("SLUICE_EVENT", "forged"), ("event", "forged"), ("1ä=\n", "x"),
            ("dup", "1"), ("DUP", "2"), (String(repeating: "long", count: 40), "y"), ("", "e"),
        ]
        let entry = try #require(try write([record]).first)
        #expect(entry["SLUICE_RULES_ADDED"] == "a")
        #expect(entry["SLUICE_EVENT"] == "reload")
        #expect(entry["SLUICE_DUP"] == "1")
        for name in entry.keys {
            #expect((1...64).contains(name.utf8.count), "\(name)")
            #expect(name.wholeMatch(of: /[A-Z][A-Z0-9_]*/) != nil, "\(name)")
        }
    }

    @Test("overlong values are cut between characters")
    func overlong() throws {
        var record = AccessRecord(event: .request, logClass: .ok, time: WallTime(microseconds: 1))
        record.topic = "x" + String(repeating: "é", count: 5_000)
        let entry = try #require(try write([record]).first)
        #expect(entry["SLUICE_TOPIC"] == "x" + String(repeating: "é", count: 511))
    }

    @Test("something that is not a traceparent is not logged as a trace id")
    func traces() throws {
        var record = AccessRecord(event: .request, logClass: .ok, time: WallTime(microseconds: 1))
        record.trace = "secret"
        let entry = try #require(try write([record]).first)
        #expect(entry["SLUICE_TRACE_ID"] == nil)
        #expect(!entry.values.contains("secret"))
    }

    @Test("what libraries log ends in the journal with level, label and metadata")
    func swiftLog() throws {
        let registry = MetricsRegistry(seriesBudget: 100)
        let file = LineFile()
        let journal = Journal(
            mode: .standardError, loops: 1, registry: registry, lineDescriptor: file.descriptor)
        var logger = Logger(label: "lifecycle") { SluiceLogHandler(label: $0, journal: journal) }
        logger[metadataKey: "service"] = "admin"
        logger.warning("slow", metadata: ["took ms": "12"])
        logger.debug("not wanted")
        logger.critical("gone")
        journal.start()
        #expect(journal.stop(deadlineMilliseconds: 5_000) == 0)
        let entries = try file.entries()
        #expect(entries.map { $0["MESSAGE"] } == ["slow", "gone"])
        #expect(entries.map { $0["PRIORITY"] } == ["4", "2"])
        #expect(entries.first?["SLUICE_LOG_LABEL"] == "lifecycle")
        #expect(entries.first?["SLUICE_LOG_SERVICE"] == "admin")
        #expect(entries.first?["SLUICE_LOG_TOOK_MS"] == "12")
    }

    @Test("a reader that never reads blocks no loop; what is lost is counted and stop gives up")
    func blockedPipe() throws {
        let registry = MetricsRegistry(seriesBudget: 100)
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        let journal = Journal(
            mode: .standardError, loops: 1, registry: registry, budgetPerSecond: 1_000_000,
            reservePerSecond: 1_000_000, ringCapacity: 256, lineDescriptor: ends[1])
        journal.start()
        let loop = LoopUnderTest(journal)
        var requests: UInt64 = 0
        // The pipe takes 64 KiB, the ring 256 entries; this comes back although nobody reads.
        while logged(registry, .refused, "dropped_full") == 0 {
            loop.clock.advance(milliseconds: 1)
            loop.turn { loop in
                for _ in 0..<100 {
                    requests += 1
                    loop.request(.refused)
                }
            }
        }
        let held = journal.stop(deadlineMilliseconds: 50)
        #expect(held > 0)
        let counted = ["sent", "sampled", "dropped_full", "dropped_error"].reduce(0) {
            $0 + logged(registry, .refused, $1)
        }
        #expect(counted == requests)
        let lost = logged(registry, .refused, "dropped_full") + UInt64(held)
        // The loop's own losses, and what the stuck writer held.
        #expect(sample(registry, "sluice_log_dropped_total") == Double(lost))
    }

    @Test("loops on threads of their own and a running writer lose and reorder nothing")
    func threads() throws {
        let registry = MetricsRegistry(seriesBudget: 100)
        let file = LineFile()
        let journal = Journal(
            mode: .standardError, loops: 3, registry: registry, budgetPerSecond: 10_000_000,
            ringCapacity: 64, lineDescriptor: file.descriptor)
        journal.start()
        let carried = Mutex<UInt64>(0)
        DispatchQueue.concurrentPerform(iterations: 3) { index in
            let loop = LoopUnderTest(journal, loop: index)
            for number in 0..<5_000 {
                if number % 20 == 0 { loop.clock.advance(milliseconds: 1) }
                loop.turn { $0.request(.ok, action: "\(index) \(number)") }
            }
            carried.withLock { $0 += loop.log.carried(for: .ok) }
        }
        #expect(journal.stop(deadlineMilliseconds: 10_000) == 0)
        let entries = try file.entries().filter { $0["SLUICE_EVENT"] == "request" }
        let weights = entries.compactMap { UInt64($0["SLUICE_WEIGHT"] ?? "") }.reduce(0, +)
        #expect(weights + carried.withLock { $0 } == 15_000)
        for index in 0..<3 {
            let numbers = entries.compactMap { entry -> Int? in
                let words = (entry["SLUICE_ACTION"] ?? "").split(separator: " ")
                return words.first == "\(index)" ? words.last.flatMap { Int($0) } : nil
            }
            #expect(!numbers.isEmpty)
            #expect(zip(numbers, numbers.dropFirst()).allSatisfy { $0 < $1 }, "loop \(index)")
        }
    }

    @Test("an idle writer is woken by the end of the turn that wrote")
    func wakes() throws {
        let registry = MetricsRegistry(seriesBudget: 100)
        let file = LineFile()
        let journal = Journal(
            mode: .standardError, loops: 1, registry: registry, lineDescriptor: file.descriptor)
        journal.start()
        let loop = LoopUnderTest(journal)
        for number in 1...20 as ClosedRange<UInt64> {
            try #require(waitUntil { journal.isIdle })
            loop.turn { $0.request(.error) }
            // Nothing else happens: only a wake-up that was not lost gets this entry written.
            let isWritten = waitUntil { logged(registry, .error, "sent") == number }
            try #require(isWritten, "entry \(number) was never written")
        }
        #expect(journal.stop(deadlineMilliseconds: 5_000) == 0)
    }

    @Test("a reader that has gone costs the entries, which are counted, and nothing else")
    func closedPipe() throws {
        let registry = MetricsRegistry(seriesBudget: 100)
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        close(ends[0])
        defer { close(ends[1]) }
        let journal = Journal(
            mode: .standardError, loops: 1, registry: registry, lineDescriptor: ends[1])
        let loop = LoopUnderTest(journal)
        loop.turn { loop in for _ in 0..<10 { loop.request(.ok) } }
        journal.start()
        #expect(journal.stop(deadlineMilliseconds: 5_000) == 0)
        #expect(logged(registry, .ok, "dropped_error") == 10)
    }

    @Test("with the journal off nothing is written and nobody waits")
    func off() {
        let registry = MetricsRegistry(seriesBudget: 100)
        let file = LineFile()
        let journal = Journal(
            mode: .off, loops: 1, registry: registry, lineDescriptor: file.descriptor)
        journal.start()
        journal.adopt(budgetPerSecond: 1_000, reservePerSecond: 1_000)
        let loop = LoopUnderTest(journal)
        loop.turn { #expect($0.request(.error) == 0) }
        journal.writeShared(Self.full())
        #expect(journal.stop(deadlineMilliseconds: 0) == 0)
        #expect((try? file.entries().isEmpty) == true)
    }

    // MARK: Helpers

    /// Writes records through a journal of lines and reads them back.
    private func write(_ records: [AccessRecord]) throws -> [[String: String]] {
        let registry = MetricsRegistry(seriesBudget: 100)
        let file = LineFile()
        let journal = Journal(
            mode: .standardError, loops: 1, registry: registry, lineDescriptor: file.descriptor)
        let loop = LoopUnderTest(journal)
        journal.start()
        loop.turn { loop in for record in records { loop.log.write(record) } }
        #expect(journal.stop(deadlineMilliseconds: 5_000) == 0)
        return try file.entries()
    }

    static func label(user: String?) -> ConnectionLabel {
        ConnectionLabel(
            connection: ConnectionID(loop: 1, slot: 2, generation: 3), transport: .websocket,
            client: "203.0.113.7", user: user, device: "phone", session: "0123456789abcdef",
            claims: #"{"plan":"free"}"#)
    }

    /// A record with a value in every place.
    static func full() -> AccessRecord {
        var record = AccessRecord(
            event: .request, logClass: .refused, time: WallTime(microseconds: 1_800_000_000_000_000)
        )
        record.status = 429
        record.command = 1_001
        record.action = "message.send"
        record.rule = "send-per-user"
        record.connection = label(user: "alice")
        record.requestNumber = 7
        record.service = "message"
        record.instance = "127.0.0.1:9101"
        record.attempts = 1
        record.durationNanoseconds = 1_234_567
        record.upstreamNanoseconds = 900_000
        record.bytesIn = 128
        record.bytesOut = 64
        record.topic = "room-1"
        record.remaining = 9
        record.retryAfterMilliseconds = 1_900
        record.policy = "8c1f"
        record.trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        record.weight = 3
        record.refusal = "rate_limited"
        return record
    }
}
