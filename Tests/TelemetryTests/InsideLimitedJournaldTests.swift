import Foundation
import SluiceTelemetry
import SluiceVocabulary
import Synchronization
import Testing

/// Run by `RealJournaldTests` in a unit of which journald takes few entries a second.
@Suite(.serialized, .enabled(if: JournaldHarness.journald != nil && Systemd.unit != nil))
struct InsideLimitedJournaldTests {
    @Test("entries in the journal and entries suppressed are all entries sent")
    func suppressed() throws {
        let registry = MetricsRegistry(seriesBudget: 100)
        let journal = Journal(
            mode: .journald, loops: 1, registry: registry, budgetPerSecond: 1_000_000)
        journal.start()
        let loop = LoopUnderTest(journal)
        let monitor = SuppressedMonitor(
            registry: registry, namespace: nil, since: SuppressedTime.now, pauseMilliseconds: 20,
            unreadable: { Issue.record("\($0)") })
        monitor.start()
        #expect(waitUntil { sample(registry, Self.metric) == 0 }, "nothing is suppressed yet")
        func write() {
            loop.clock.advance(milliseconds: 1)
            loop.turn { $0.request(.ok, action: "limited") }
        }
        for _ in 0..<1_000 { write() }
        // journald tells with the next entry it takes: some go on coming until it has.
        #expect(
            waitUntil {
                write()
                _ = waitUntil { journal.isIdle }
                return (sample(registry, Self.metric) ?? 0) > 0
            })
        // What journald suppressed since its last notice it has told nobody yet: entries that come
        // now and then make it tell, and none of them is too many.
        var (written, told, sent) = (0, 0, 1)
        var notices: [[String: String]] = []
        let deadline = ContinuousClock.now + .seconds(20)
        while written + told != sent, ContinuousClock.now < deadline {
            write()
            _ = waitUntil { journal.isIdle }
            sent = Int(logged(registry, .ok, "sent"))
            written = try JournaldHarness.entries("SLUICE_ACTION=limited").count
            notices = try JournaldHarness.entries("MESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e")
            told = notices.compactMap { Int($0["N_DROPPED"] ?? "") }.reduce(0, +)
        }
        #expect(written + told == sent)
        #expect(written > 0 && told > 0)
        #expect(waitUntil { sample(registry, Self.metric) == Double(told) })
        monitor.stop()
        #expect(journal.stop(deadlineMilliseconds: 5_000) == 0)
        #expect(notices.last?["OBJECT_SYSTEMD_UNIT"] == Systemd.unit)
    }

    @Test("a journal that cannot be read is told once, and there is no metric")
    func unreadable() throws {
        let registry = MetricsRegistry(seriesBudget: 100)
        let told = Mutex<[JournalUnreadable]>([])
        let monitor = SuppressedMonitor(
            registry: registry, namespace: "no-such-namespace", since: SuppressedTime.now,
            pauseMilliseconds: 20, unreadable: { error in told.withLock { $0.append(error) } })
        monitor.start()
        #expect(waitUntil { !told.withLock(\.isEmpty) })
        monitor.stop()
        #expect(told.withLock(\.count) == 1)
        #expect("\(told.withLock { $0[0] })".contains("SupplementaryGroups=systemd-journal"))
        #expect(sample(registry, Self.metric) == nil)
    }

    private static let metric = "sluice_journald_suppressed_total"
}

/// The wall clock, which journald stamps its notices with.
private enum SuppressedTime {
    static var now: WallTime {
        WallTime(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000))
    }
}
